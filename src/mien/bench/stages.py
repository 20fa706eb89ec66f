"""Where a photo's time goes, stage by stage."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

from .machine import Setting
from .report import rounded

Result = TypeVar("Result")

#: The stages, in the order in which a photo goes through them. ``rest``: readings are made, and images handed on.
STAGES = ("decode", "detect", "cut", "network", "rest")


@dataclass(frozen=True)
class Spent:
    """Where the time of a set of photos goes.

    Attributes:
        photos: name of the set.
        faces: found in a photo, on average.
        ms: milliseconds a photo, by stage.
    """

    photos: str
    faces: float
    ms: dict[str, float]

    @property
    def total(self) -> float:
        """Milliseconds a photo."""
        return sum(self.ms.values())


@dataclass(frozen=True)
class StageReport:
    """Where time goes, for each set of photos.

    Attributes:
        setting: where, when and how.
        model: the model's name.
        stages: one for each set.
        huge: seconds to look for faces in a photo of 50 megapixels, by the smallest face looked for; empty where left out.
    """

    setting: Setting
    model: str
    stages: tuple[Spent, ...]
    huge: dict[str, float]

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(rounded(asdict(self)), indent=2, ensure_ascii=False) + "\n"


def spent(answer: dict[str, Any]) -> tuple[Spent, ...]:
    """What the other process found, as values."""
    return tuple(Spent(**one) for one in answer["stages"])


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """Take the stages apart; runs in the process that measures.

    Args:
        job: as in ``probes/measure.py``; ``huge``: also read a photo of 50 megapixels.

    Returns:
        ``stages``: the fields of ``Spent`` for each set of photos; ``huge``: seconds for a photo of 50 megapixels, by the
        smallest face looked for.
    """
    from ..options import ReadOptions  # noqa: PLC0415  # as in own.py
    from .steps import Steps  # noqa: PLC0415

    options = ReadOptions(model=job["options"]["model"], flip=job["options"]["flip"], threads=job["threads"])
    steps, effort = Steps(options), job["effort"]
    stages = [_of_set(steps, name, paths, effort) for name, paths in job["sets"].items()]
    return {"stages": stages, "huge": _huge(options) if job["huge"] else {}}


class _Watch:
    """Adds up the time of each stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def during(self, stage: str, work: Callable[[], Result]) -> Result:
        before = time.perf_counter()
        result = work()
        self.seconds[stage] += time.perf_counter() - before
        return result


def _of_set(steps: Any, name: str, paths: list[str], effort: dict[str, Any]) -> dict[str, Any]:
    _once(steps, paths[:2])  # warms up
    rounds: list[dict[str, float]] = []
    began, faces = time.perf_counter(), 0
    while len(rounds) < effort["least_rounds"] or time.perf_counter() - began < effort["photo_seconds"]:
        seconds, faces = _once(steps, paths)
        rounds.append(seconds)
    ms = {stage: 1000 * statistics.median(one[stage] for one in rounds) / len(paths) for stage in STAGES}
    return {"photos": name, "faces": faces / len(paths), "ms": ms}


def _once(steps: Any, paths: list[str]) -> tuple[dict[str, float], int]:
    """Each photo by itself through all stages."""
    watch, faces = _Watch(), 0
    began = time.perf_counter()
    for path in paths:
        frame = watch.during("decode", partial(steps.decode, path))
        found = watch.during("detect", partial(steps.detect, frame))
        if found:
            crops = watch.during("cut", partial(steps.crop, frame, found))
            said = watch.during("network", partial(steps.judge, crops))
            steps.readings(found, crops, said)
        faces += len(found)
    watch.seconds["rest"] = time.perf_counter() - began - sum(watch.seconds.values())
    return watch.seconds, faces


def _huge(options: Any) -> dict[str, float]:
    import numpy as np  # noqa: PLC0415

    from ..detection import create_detector  # noqa: PLC0415
    from ..types import Frame  # noqa: PLC0415

    frame = Frame(np.full((5774, 8660, 3), 90, np.uint8))
    seconds = {}
    for min_face in (20, 100):
        detector = create_detector(type(options)(threads=options.threads, min_face=min_face))
        before = time.perf_counter()
        detector.detect(frame)
        seconds[str(min_face)] = time.perf_counter() - before
    return seconds
