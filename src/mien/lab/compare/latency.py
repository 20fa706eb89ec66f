"""How long does one face take? All models in turn, so that a busy machine is unfair to all alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

_FEWEST, _MOST = 15, 300
_WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """How long one call takes.

    Attributes:
        median: wall time in milliseconds.
        quartiles: of the wall time, in milliseconds.
        processor: median of the processor time in milliseconds: far below the wall time where others used the machine too.
        calls: how many were timed.
    """

    median: float
    quartiles: tuple[float, float]
    processor: float
    calls: int

    @property
    def disturbed(self) -> bool:
        """Whether other work on the machine made the calls much slower than they are."""
        return self.median > 1.3 * self.processor + 0.1  # clocks of processor time may tick coarsely


def latencies(calls: Sequence[Callable[[int], object]], seconds: float = 10.0) -> list[Latency]:
    """Time ``calls`` in turn, round after round, each round in another order.

    Args:
        calls: each takes the number of the round and does the work of one image.
        seconds: to spend on the whole, about; no fewer than 15 rounds are run, and no more than 300.
    """
    rng = np.random.default_rng(0)
    for call in calls:
        for number in range(_WARM_UP):
            call(number)
    times: list[list[tuple[float, float]]] = [[] for _ in calls]
    started = time.perf_counter()
    for number in range(_MOST):
        if number >= _FEWEST and time.perf_counter() - started > seconds:
            break
        for which in rng.permutation(len(calls)):
            before, before_processor = time.perf_counter(), time.process_time()
            calls[which](number)
            times[which].append((time.perf_counter() - before, time.process_time() - before_processor))
    return [_summary(own) for own in times]


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within this context torch computes on one thread, if it is there at all."""
    torch = sys.modules.get("torch")  # where no checkpoint was opened, torch need not even be installed
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _summary(times: list[tuple[float, float]]) -> Latency:
    wall, processor = 1000 * np.array(times).T
    low, middle, high = np.percentile(wall, (25, 50, 75))
    return Latency(float(middle), (float(low), float(high)), float(np.median(processor)), len(times))
