"""mien itself, timed as its rivals are, in a process of its own: ``python -m mien.bench.own``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .probes.measure import answer, main


class OwnReader:
    """What ``probes/measure.py`` times.

    Args:
        options: ``model`` and ``flip``, as in ``ReadOptions``.
        threads: processor threads; 0 takes all.
    """

    def __init__(self, options: dict[str, Any], threads: int) -> None:
        from ..options import ReadOptions  # noqa: PLC0415
        from ..reader import Reader  # noqa: PLC0415  # part of the cold start

        self._options = ReadOptions(model=options["model"], flip=options["flip"], threads=threads)
        self._reader = Reader(self._options)

    def read_photos(self, paths: list[str]) -> list[int]:
        """How many faces were read in each photo."""
        return [len(readings) for readings in self._reader.read(list(paths))]

    def faces(self, path: str, count: int) -> Callable[[], object]:
        """A call that reads ``count`` faces already found: cutting, preparing, network, calibration."""
        from .steps import Steps  # noqa: PLC0415

        steps = Steps(self._options)
        frame = steps.decode(path)
        found = steps.detect(frame)[:1] * count

        def judged() -> object:
            crops = steps.crop(frame, found)
            return steps.readings(found, crops, steps.judge(crops))

        return judged


def measured(job: dict[str, Any]) -> dict[str, Any]:
    """What ``job`` asks for: see ``probes/measure.py``, and ``stages.py`` for the task ``stages``."""
    if job["task"] == "stages":
        from .stages import answer as stages  # noqa: PLC0415

        return stages(job)
    return answer(job, OwnReader)


if __name__ == "__main__":
    main(measured)
