"""Measure one model in a separate process: ``python -m mien.benchmarking.worker``, JSON in, JSON out."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
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
        job: ``model``, ``flip`` as in ``ReadOptions``; ``portrait``, path of an image of one face; ``sets``,
            lists of paths by name; ``seconds`` to spend on each figure, at least ``rounds`` times.

    Returns:
        ``ready``: time of the first result, seconds since 1970. If there are ``sets``, also ``stages``, ``peak_mb``,
        ``ms_per_face`` and ``faces_per_s``: see ``bench.Speed``.
    """
    from ..io.images import read_image  # noqa: PLC0415  # part of the cold start
    from ..options import ReadOptions  # noqa: PLC0415
    from ..reader import Reader  # noqa: PLC0415

    reader = Reader(ReadOptions(model=job["model"], flip=job["flip"]))
    reader.read(job["portrait"])
    answer: dict[str, Any] = {"ready": time.time()}
    if not job["sets"]:
        return answer
    seconds, rounds = job["seconds"], job["rounds"]
    answer["stages"] = [_stages(reader, name, paths, seconds, rounds) for name, paths in job["sets"].items()]
    answer["peak_mb"] = peak_mb()  # before faces are classified by the dozen, which few users do
    frame = read_image(job["portrait"])
    one = reader.detect(frame)[:1]

    def median_s(faces: int, least: int) -> float:
        many = one * faces
        return statistics.median(_times(lambda: reader.classify(many, reader.crop(frame, many)), seconds, least))

    return answer | {"ms_per_face": 1000 * median_s(1, 5 * rounds), "faces_per_s": BATCH / median_s(BATCH, rounds)}


def _stages(reader: Reader, name: str, paths: Sequence[str], seconds: float, rounds: int) -> dict[str, Any]:
    """Milliseconds per image and stage (medians over rounds), and the number of faces found."""
    read: list[tuple[list[float], int]] = []
    _times(lambda: read.append(_read_each(reader, paths)), seconds, rounds)
    columns = zip(*(spent for spent, _ in read[1:]))  # without the warm-up
    ms = [1000 * statistics.median(column) / len(paths) for column in columns]
    return {"images": name, "n_images": len(paths), "n_faces": read[0][1], "ms": dict(zip(STAGES, ms))}


def _read_each(reader: Reader, paths: Sequence[str]) -> tuple[list[float], int]:
    """Seconds spent in each stage on all images, and the number of faces."""
    from ..io.images import read_image  # noqa: PLC0415

    spent, n_faces, clock = [0.0] * len(STAGES), 0, time.perf_counter
    for path in paths:
        start = clock()
        frame, decoded = read_image(path), clock()
        faces, detected = reader.detect(frame), clock()
        crops, cropped = reader.crop(frame, faces), clock()
        reader.classify(faces, crops)
        times = (start, decoded, detected, cropped, clock())
        spent = [total + after - before for total, before, after in zip(spent, times, times[1:])]
        n_faces += len(faces)
    return spent, n_faces


def _times(call: Callable[[], object], seconds: float, rounds: int) -> list[float]:
    """Durations of calls after a warm-up: at least ``rounds``, for about ``seconds``."""
    call()
    taken: list[float] = []
    while len(taken) < rounds or sum(taken) < seconds:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return taken


def peak_mb() -> float | None:
    """Peak memory of this process in 10^6 bytes; None if the system is not Linux.

    ``getrusage`` will not do: on Linux a process inherits the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    lines = status.read_text("ascii", "replace").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), None)


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    json.dump(measure(asked), sys.stdout)
