"""Measure one library in a process of its own: ``python measure.py ADAPTER``, with the job as JSON on standard input.

An adapter is a file in ``adapters`` with a function ``open_reader(options, threads)``. The reader it returns has
``faces(path, count)``, which gives a call that classifies so many detected faces of a photo; optionally
``read_photos(paths)``, which gives the number of faces found in each; and optionally ``random_weights``.

This file runs in environments without mien and in older Pythons: it needs the standard library of Python 3.8 only.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any


def answer(job: dict[str, Any], open_reader: Callable[[dict[str, Any], int], Any]) -> dict[str, Any]:
    """Do what ``job`` asks for.

    Args:
        job: ``task``: ``start`` (one photo only), ``speed`` or ``size``; ``options`` for the adapter; ``threads``;
            ``portrait``, the path of a photo of one face; for ``speed`` also ``sets``, paths of photos by the name of their
            set, and ``effort``: ``photo_seconds``, ``face_seconds``, ``least_rounds``.
        open_reader: from the adapter.

    Returns:
        For ``start``, ``ready``: the time of the first reading in seconds since 1970. For ``speed``, what was measured.
    """
    reader = open_reader(job["options"], job["threads"])
    read_photos = getattr(reader, "read_photos", None)
    if job["task"] == "start":
        if read_photos:
            read_photos([job["portrait"]])
        else:
            reader.faces(job["portrait"], 1)()
        return {"ready": time.time()}
    clock = Clock()
    photos: dict[str, Any] = {}
    if read_photos:
        photos = {name: _photos(clock, read_photos, paths, job["effort"]) for name, paths in job["sets"].items()}
    one = reader.faces(job["portrait"], 1)
    if not photos:
        one()
    peak = peak_mb()  # before faces are judged by the dozen, which few users do
    seconds, least = job["effort"]["face_seconds"], job["effort"]["least_rounds"]
    single = clock.rounds(one, seconds, 5 * least, warm_up=3)
    batch = clock.rounds(reader.faces(job["portrait"], 64), seconds, least, warm_up=1)
    return {
        "photos": photos,
        "peak_mb": peak,
        "ms_per_face": 1000 * statistics.median(single),
        "faces_per_s": 64 / statistics.median(batch),
        "cpu_share": clock.processor / clock.wall,
        "random_weights": bool(getattr(reader, "random_weights", False)),
    }


class Clock:
    """Times calls, and adds up how much of that time this process had a processor for itself."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def rounds(self, work: Callable[[], object], seconds: float, least: int, warm_up: int = 0) -> list[float]:
        """Seconds that each call of ``work`` took: for about ``seconds``, at least ``least`` calls, at most 500."""
        for _ in range(warm_up):
            work()
        taken: list[float] = []
        while len(taken) < least or (sum(taken) < seconds and len(taken) < 500):
            before, processor = time.perf_counter(), time.process_time()
            work()
            taken.append(time.perf_counter() - before)
            self.processor += time.process_time() - processor
        self.wall += sum(taken)
        return taken


def _photos(
    clock: Clock,
    read_photos: Callable[[list[str]], list[int]],
    paths: list[str],
    effort: dict[str, Any],
) -> dict[str, Any]:
    found = read_photos(paths)  # warms up, too
    taken = clock.rounds(lambda: read_photos(paths), effort["photo_seconds"], effort["least_rounds"])
    return {
        "per_s": len(paths) / statistics.median(taken),
        "rounds": len(taken),
        "with_a_face": sum(faces > 0 for faces in found),
        "faces": sum(found),
    }


def peak_mb() -> float | None:
    """The most memory that this process has held so far, in MB (10^6 bytes); None where the system does not say.

    On Linux not ``getrusage``: there a process inherits the peak of the one that started it.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def keep_to(threads: int) -> None:
    """Let this process have so many processors and no more, where the system can; 0 leaves it all of them."""
    if threads and hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[-threads:])


def installed(names: list[str]) -> dict[str, Any]:
    """Versions of distributions, and the size of these and of all that they require, as installed.

    Returns:
        ``versions`` by name, without those that are missing; ``mb``: 10^6 bytes.
    """
    versions: dict[str, str] = {}
    size, seen, waiting = 0, set(), list(names)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name in names:
            versions[name] = distribution.version
        for file in distribution.files or ():
            path = Path(str(file.locate()))
            size += path.stat().st_size if path.is_file() else 0
        required = [line for line in distribution.requires or () if "extra ==" not in line]
        waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required]
    return {"versions": versions, "mb": size / 1e6}


def main() -> None:
    """Read a job from standard input, write its answer to standard output, and keep what libraries print off there."""
    sys.path.pop(0)  # this folder: a library must not find these files when it imports its own
    job = json.loads(sys.stdin.read())
    answers = os.dup(1)
    os.dup2(2, 1)
    keep_to(job["threads"])
    sized = job["task"] == "size"
    found = installed(job["packages"]) if sized else answer(job, runpy.run_path(sys.argv[1])["open_reader"])
    with os.fdopen(answers, "w", encoding="utf-8") as stream:
        json.dump(found, stream)


if __name__ == "__main__":
    main()
