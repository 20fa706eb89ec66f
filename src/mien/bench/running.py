"""One run: every reader in turn, each in processes of its own, and what came of it."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import OutputError
from ..model.card import ORIGINAL, load_model, shipped_models
from ..options import ReadOptions
from .machine import setting
from .photos import PORTRAITS, SIZES, PhotoSet, made_up, of_the_user
from .processes import ask, own_command
from .report import Photos, Report, Row
from .rivals import RIVALS, home_of, installed
from .stages import StageReport, spent

#: Told what is measured next, how many readers are done, and how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Effort:
    """How much time to spend.

    Attributes:
        photos: how many are made up, of each size.
        starts: cold starts of each reader; their median counts.
        photo_seconds: for each set of photos and reader; ``least_rounds`` are read however long they take.
        face_seconds: for single faces, and for batches of 64.
        least_rounds: rounds at least.
    """

    photos: int = 10
    starts: int = 5
    photo_seconds: float = 6.0
    face_seconds: float = 3.0
    least_rounds: int = 3


QUICK = Effort(photos=3, starts=1, photo_seconds=0.0, face_seconds=0.2, least_rounds=1)


@dataclass(frozen=True)
class Wish:
    """What to measure.

    Attributes:
        models: the user's own, beside those that come with mien.
        photos: a folder of the user's own photos; None makes some up.
        threads: processors that each reader gets; 0 gives it all.
        pythons: interpreters in whose environments rivals are looked for; empty looks for none.
        quick: little time, smaller photos only, no rivals.
    """

    models: tuple[str, ...] = ()
    photos: Path | None = None
    threads: int = 1
    pythons: tuple[Path, ...] = ()
    quick: bool = False

    @property
    def effort(self) -> Effort:
        """How much time to spend."""
        return QUICK if self.quick else Effort()

    @property
    def all_models(self) -> tuple[str, ...]:
        """Those that come with mien, its default first, and the user's own; the float32 originals only if asked for."""
        shipped = [name for name in shipped_models() if not name.endswith(ORIGINAL)]
        return (*sorted(shipped, key=lambda name: (name != "default", name)), *self.models)


@dataclass(frozen=True)
class _Reader:
    """What is to be measured, and how to ask."""

    row: dict[str, Any]
    command: list[str]
    options: dict[str, Any]


def run(wish: Wish, progress: Progress = lambda _what, _done, _all: None) -> Report:
    """Measure mien's models, and the rivals that are installed.

    Raises:
        OptionError: an interpreter for rivals cannot be run.
        ModelError: a model of the user's cannot be used.
        SourceError: there are no photos in the folder given.
    """
    readers, rows = _own(wish), []
    others, absent = _rivals(wish)
    readers += others
    circumstances = setting(wish.threads)
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        sets = photo_sets(wish, Path(folder))
        progress("start-up", 0, len(readers))
        starts = _starts(wish.effort.starts)
        for number, reader in enumerate(readers):
            progress(Row(**reader.row).label, number, len(readers))
            rows.append(_measured(reader, wish, sets))
    return Report(
        setting=circumstances,
        quick=wish.quick,
        photos=tuple(Photos(one.name, len(one.paths), one.faces) for one in sets),
        starts=starts,
        rows=(*rows, *absent),
    )


def run_stages(wish: Wish, progress: Progress = lambda _what, _done, _all: None) -> StageReport:
    """Measure where a photo's time goes: with the user's own model, where one is given.

    Raises:
        ModelError, SourceError: as ``run``.
        OutputError: the process that measures failed.
    """
    model, effort = wish.models[-1] if wish.models else "default", wish.effort
    card, _ = load_model(model)
    circumstances = setting(wish.threads)
    options = {"model": model, "flip": ReadOptions().flip}
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        sets = photo_sets(wish, Path(folder))
        progress(f"stages of {card.name}", 0, 1)
        job = {"task": "stages", "options": options, "threads": wish.threads, "huge": not wish.quick}
        found = ask(own_command(), job | _material(sets, effort))
    if found.problem:
        raise OutputError(f"the stages could not be measured: {found.problem}")
    return StageReport(circumstances, card.name, spent(found.values), found.values["huge"])


def photo_sets(wish: Wish, folder: Path) -> list[PhotoSet]:
    """The photos to read; those that are made up lie in ``folder``."""
    if wish.photos:
        return [of_the_user(wish.photos)]
    return [made_up(folder, wish.effort.photos, size) for size in (SIZES[:1] if wish.quick else SIZES)]


def _own(wish: Wish) -> list[_Reader]:
    readers = []
    for model in wish.all_models:
        card, _ = load_model(model)  # a wrong one is better found now than after minutes
        for flip in (True, False):
            row = {"name": card.name, "own": True, "mirrored": flip, "version": __version__}
            readers.append(_Reader(row, own_command(), {"model": model, "flip": flip}))
    return readers


def _rivals(wish: Wish) -> tuple[list[_Reader], list[Row]]:
    """The rivals that can be measured, and rows that say why the others are not."""
    environments = [(python, installed(python)) for python in wish.pythons]
    readers, absent = [], []
    for rival in RIVALS if environments else ():
        python, words = home_of(rival, environments)
        if python:
            readers.append(
                _Reader({"name": rival.name, "own": False, "version": words}, rival.command(python), rival.options)
            )
        else:
            absent.append(Row(rival.name, own=False, problem=words))
    return readers, absent


def _measured(reader: _Reader, wish: Wish, sets: Sequence[PhotoSet]) -> Row:
    effort = wish.effort
    job = {"options": reader.options, "threads": wish.threads, "portrait": str(PORTRAITS[0])}
    starts = []
    for _ in range(effort.starts):
        began = time.time()  # the other process tells the time by the same clock
        found = ask(reader.command, job | {"task": "start"})
        if found.problem:
            return Row(**reader.row, problem=found.problem)
        starts.append(found.values["ready"] - began)
    found = ask(reader.command, job | {"task": "speed"} | _material(sets, effort))
    if found.problem:
        return Row(**reader.row, problem=found.problem)
    values = found.values
    photos = values.pop("photos")
    return Row(
        **reader.row,
        **values,
        start_s=statistics.median(starts),
        photos_per_s={name: one["per_s"] for name, one in photos.items()},
        with_a_face=sum(one["with_a_face"] for one in photos.values()) if photos else None,
        faces=sum(one["faces"] for one in photos.values()) if photos else None,
    )


def _material(sets: Sequence[PhotoSet], effort: Effort) -> dict[str, Any]:
    return {"sets": {one.name: [str(path) for path in one.paths] for one in sets}, "effort": asdict(effort)}


def _starts(repeats: int) -> dict[str, float]:
    """Seconds to begin with: medians of ``repeats`` cold processes; without what could not be run."""
    package = __package__.partition(".")[0]
    commands = {"python": ("-c", "pass"), "import": ("-c", f"import {package}"), "help": ("-m", package, "--help")}
    found: dict[str, float] = {}
    for name, arguments in commands.items():
        taken, done = [], 0
        for _ in range(repeats):
            began = time.perf_counter()
            done |= subprocess.run([sys.executable, *arguments], check=False, capture_output=True).returncode
            taken.append(time.perf_counter() - began)
        if not done:
            found[name] = statistics.median(taken)
    if "import" in found:
        found["import"] -= found["python"]
    return found
