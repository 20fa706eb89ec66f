"""Measure one model in a process of its own, so that memory and start-up are its own.

``python -m mien.benchmarking.worker`` reads a job as JSON from standard input and writes the answer as JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..reader import Reader

#: The stages of the pipeline, in order.
STAGES = ("decode", "detect", "crop", "classify")
#: Faces classified in one call for the throughput.
BATCH = 64


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Measure what ``job`` asks for.

    Args:
        job: ``model``, ``flip``, ``threads`` as in ``ReadOptions``; ``portrait``, path of an image of one face; ``sets``,
            lists of paths by name; ``seconds`` to spend on each figure, at least ``rounds`` times.

    Returns:
        ``ready``: time of the first result, seconds since 1970. If there are ``sets``, also ``stages``, ``peak_mb``,
        ``ms_per_face`` and ``faces_per_s``: see ``bench.Speed``.
    """
    from ..options import ReadOptions  # noqa: PLC0415  # part of the cold start
    from ..reader import Reader  # noqa: PLC0415

    reader = Reader(ReadOptions(model=job["model"], flip=job["flip"], threads=job["threads"]))
    reader.read(job["portrait"])
    ready = time.time()
    if not job["sets"]:
        return {"ready": ready}
    seconds, rounds = job["seconds"], job["rounds"]
    stages = [_stages(reader, name, paths, seconds, rounds) for name, paths in job["sets"].items()]
    peak = peak_mb()  # before faces are classified by the dozen, which few users do
    one, many = (_classify(reader, job["portrait"], n) for n in (1, BATCH))
    return {
        "ready": ready,
        "stages": stages,
        "peak_mb": peak,
        "ms_per_face": 1000 * _median_time(one, seconds, 5 * rounds),
        "faces_per_s": BATCH / _median_time(many, seconds, rounds),
    }


def _stages(reader: Reader, name: str, paths: Sequence[str], seconds: float, rounds: int) -> dict[str, Any]:
    """Milliseconds per image and stage (medians over rounds), and the number of faces found."""
    taken: list[dict[str, float]] = []
    faces = 0

    def read_all() -> None:
        nonlocal faces
        spent, faces = _read_each(reader, paths)
        taken.append(spent)

    _median_time(read_all, seconds, rounds)
    ms = {stage: 1000 * statistics.median(spent[stage] for spent in taken[1:]) / len(paths) for stage in STAGES}
    return {"images": name, "n_images": len(paths), "n_faces": faces, "ms": ms}


def _read_each(reader: Reader, paths: Sequence[str]) -> tuple[dict[str, float], int]:
    from ..io.images import read_image  # noqa: PLC0415

    spent, n_faces = dict.fromkeys(STAGES, 0.0), 0

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        spent[stage] += time.perf_counter() - began

    for path in paths:
        with timed("decode"):
            frame = read_image(path)
        with timed("detect"):
            faces = reader.detect(frame)
        with timed("crop"):
            crops = reader.crop(frame, faces)
        with timed("classify"):
            reader.classify(faces, crops)
        n_faces += len(faces)
    return spent, n_faces


def _classify(reader: Reader, path: str, n: int) -> Callable[[], object]:
    """A call that crops and classifies the face in an image ``n`` times, as one batch."""
    from ..io.images import read_image  # noqa: PLC0415

    frame = read_image(path)
    faces = reader.detect(frame)[:1] * n
    return lambda: reader.classify(faces, reader.crop(frame, faces))


def _median_time(call: Callable[[], object], seconds: float, rounds: int) -> float:
    """Median duration of a call after a warm-up, over at least ``rounds`` calls and about ``seconds``."""
    call()
    taken: list[float] = []
    while len(taken) < rounds or sum(taken) < seconds:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def peak_mb() -> float | None:
    """The most memory that this process has held so far, in 10^6 bytes; None on Windows.

    On Linux ``getrusage`` will not do: a process inherits the peak of the one that started it.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmHWM:"))
    except OSError:
        pass
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def main() -> None:
    """Answer one job."""
    job = json.load(sys.stdin)
    if job["threads"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-job["threads"] :])
    json.dump(measure(job), sys.stdout)


if __name__ == "__main__":
    main()
