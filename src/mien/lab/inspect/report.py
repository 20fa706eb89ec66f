"""The inspection as one HTML page that needs nothing but itself, and as tables for a terminal."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined
from rich.table import Table

from ... import __version__
from ...data.dataset import Dataset
from ...emotions import EMOTIONS
from .duplicates import LEARNED
from .figures import Chart, Shown, class_bars, mean_faces, samples, shown, spread
from .inspection import Inspection
from .labels import LEAST_MARGIN, Choice, LabelCheck
from .problems import RULES, Problem

_EXAMPLES = 2
CHOICES = {
    Choice.ALL: "all images",
    Choice.CANDIDATES: "all candidates of confident learning",
    Choice.PROBABLE: f"probable errors (margin at least {LEAST_MARGIN:g})",
    Choice.TOP_500: "the 500 with the largest margin",
    Choice.TOP_100: "the 100 with the largest margin",
}
_MOST_GROUPS, _MOST_SINGLE, _MOST_TOGETHER, _MOST_NAMES, _MOST_SIZES = 24, 48, 6, 400, 12


@dataclass(frozen=True)
class _Section:
    """A problem as the page shows it."""

    key: str
    title: str
    meaning: str
    count: int
    by_part: tuple[int, ...]
    paired: bool
    shown: tuple[tuple[Shown, ...], ...]
    summary: str
    names: tuple[str, ...]


def render(inspection: Inspection, *, drop_label_errors: bool = False) -> bytes:
    """The page, UTF-8; it holds thumbnails of some hundred images.

    Args:
        inspection: what was found.
        drop_label_errors: count probable label errors among the images to leave out.
    """
    faces, check = inspection.faces, inspection.labels
    parts, cleaning = faces.parts(), inspection.clean(drop_label_errors=drop_label_errors)
    template = resources.files(__package__ or "").joinpath("page.html.j2").read_text("utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(template)
    size = inspection.files.sizes if inspection.files else []
    text = page.render(
        name=faces.name,
        about=_about(faces, parts),
        made=f"Inspected with mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}.",
        notes=inspection.notes,
        parts=parts,
        problems=[_section(problem, faces, parts) for problem in inspection.problems],
        not_checked=not_checked(inspection),
        leaks=_leaks(inspection),
        class_head=["emotion", *parts, "all"],
        classes=_classes(faces, parts),
        class_chart=_embedded(class_bars(faces)),
        means=mean_faces(faces, ~inspection.quality.blank),
        samples=samples(faces),
        spread_chart=_embedded(spread(faces, inspection.quality)),
        medians=_medians(inspection),
        sizes=_counted(size[:_MOST_SIZES], len(size)),
        modes=_counted(inspection.files.modes if inspection.files else []),
        agreement=_agreement(check) if check else [],
        rules=[(words, f"{int((cleaning.rule == key).sum()):,}") for key, words in RULES.items()]
        + [("Images left in use.", f"{int(cleaning.use.sum()):,}")],
    )
    return text.encode()


def not_checked(inspection: Inspection) -> list[str]:
    """What was not looked for, and why, a sentence each."""
    told = []
    if inspection.detection is None:
        told.append(
            "Not checked: images without a face. --detect-faces does so; in tight crops it misses real faces too."
        )
    if inspection.labels is None:
        told.append("Not checked: label errors. At least two classes with ten different images are needed.")
    if inspection.files is None:
        told.append("Not checked: odd sizes and modes, for the images are not files of their own.")
    return told


def _about(faces: Dataset, parts: Sequence[str]) -> str:
    height, width = faces.images.shape[1:3]
    kind = "color" if faces.images.ndim == 4 else "gray"
    counted = ", ".join(f"{part} {int((faces.split == part).sum()):,}" for part in parts)
    return f"{len(faces):,} images, compared in {kind} at {width} x {height} pixels: {counted}."


def _section(problem: Problem, faces: Dataset, parts: Sequence[str]) -> _Section:
    remarks = dict(problem.remarks)
    rows = np.unique(np.concatenate([np.zeros(0, np.int64), *problem.groups])).astype(np.int64)
    lines = [f"{name}: {why}" for name, why in problem.files]
    lines += [_line(group, faces, remarks) for group in problem.groups]
    more = f"; the first {_MOST_NAMES} are here, --json lists all" if len(lines) > _MOST_NAMES else ""
    what = "groups" if problem.paired else "names"
    return _Section(
        key=problem.key,
        title=problem.title,
        meaning=problem.meaning,
        count=problem.count,
        by_part=tuple(int((faces.split[rows] == part).sum()) for part in parts),
        paired=problem.paired,
        shown=tuple(
            tuple(shown(faces, int(row), remarks.get(int(row), "")) for row in group[:_MOST_TOGETHER])
            for group in problem.groups[: _MOST_GROUPS if problem.paired else _MOST_SINGLE]
        ),
        summary=f"{len(lines):,} {what}{more}",
        names=tuple(lines[:_MOST_NAMES]),
    )


def _line(group: npt.NDArray[np.int64], faces: Dataset, remarks: dict[int, str]) -> str:
    return " = ".join(
        f"{faces.names[row]} ({remarks.get(int(row)) or EMOTIONS[faces.labels[row]]}, {faces.split[row]})"
        for row in group
    )


def _leaks(inspection: Inspection) -> list[tuple[str, ...]]:
    faces = inspection.faces
    if not np.isin(faces.split, LEARNED).any():
        return []
    rows = []
    for part, found in inspection.leaks().items():
        n = int((faces.split == part).sum())
        rows.append((part, f"{n:,}", *(cell for k in found.values() for cell in (f"{k:,}", f"{k / n:.1%}"))))
    return rows


def _classes(faces: Dataset, parts: Sequence[str]) -> list[list[str]]:
    groups = [faces.split == part for part in parts] + [np.ones(len(faces), bool)]
    rows = []
    for label in np.unique(faces.labels):
        counts = [int((faces.labels[group] == label).sum()) for group in groups]
        cells = [f"{n:,} ({n / group.sum():.1%})" for n, group in zip(counts, groups)]
        rows.append([EMOTIONS[label], *cells])
    return [*rows, ["all", *(f"{int(group.sum()):,}" for group in groups)]]


def _medians(inspection: Inspection) -> list[list[str]]:
    faces, quality = inspection.faces, inspection.quality
    rows = []
    for label in np.unique(faces.labels[~quality.blank]):
        there = (faces.labels == label) & ~quality.blank
        cells = []
        for values, digits in ((quality.brightness, 0), (quality.contrast, 0), (quality.sharpness, 2)):
            low, middle, high = np.percentile(values[there], [5, 50, 95])
            cells.append(f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})")
        rows.append([EMOTIONS[label], *cells])
    return rows


def _counted(rows: Sequence[tuple[str, int]], of: int = 0) -> list[tuple[str, str]]:
    listed = [(words, f"{n:,}") for words, n in rows]
    return [*listed, (f"and {of - len(rows):,} further sizes", "")] if of > len(rows) else listed


def _agreement(check: LabelCheck) -> list[tuple[str, ...]]:
    return [
        (CHOICES[row.images], f"{row.n:,}", f"{row.not_label:.1%}", _percent(row.as_guessed)) for row in check.agreement
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _embedded(chart: Chart) -> dict[str, str]:
    dresses = {"light": chart.light, "dark": chart.dark}
    return {name: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" for name, svg in dresses.items()}


def class_table(faces: Dataset) -> Table:
    """Images of each emotion in each part."""
    parts = faces.parts()
    table = Table(title=f"{faces.name}: {len(faces):,} images", title_justify="left", box=None, pad_edge=False)
    table.add_column("emotion")
    for part in (*parts, "all"):
        table.add_column(part, justify="right", no_wrap=True)
    groups = [faces.split == part for part in parts] + [np.ones(len(faces), bool)]
    for label in np.unique(faces.labels):
        counts = [int((faces.labels[group] == label).sum()) for group in groups]
        table.add_row(EMOTIONS[label], *(f"{n:,} {n / group.sum():6.1%}" for n, group in zip(counts, groups)))
    return table


def problem_table(problems: Sequence[Problem], faces: Dataset) -> Table:
    """Every kind of problem, how many images have it, and the names of some."""
    table = Table(title="problems", title_justify="left", box=None, pad_edge=False)
    table.add_column("what", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("such as", style="dim", overflow="fold")
    for problem in problems:
        names = [" = ".join(faces.names[group[:3]].tolist()) for group in problem.groups[:_EXAMPLES]]
        names += [name for name, _ in problem.files[:_EXAMPLES]]
        table.add_row(problem.title, f"{problem.count:,}", "; ".join(names), style=None if problem.count else "dim")
    return table


def sentences(inspection: Inspection) -> list[str]:
    """What the tables do not show."""
    told = [
        f"{part}: {exact} of {n} images ({exact_share}) have an exact copy in training, {near} ({near_share}) an exact or "
        "near one."
        for part, n, exact, exact_share, near, near_share in _leaks(inspection)
    ]
    if inspection.labels:
        told.append(
            "Probable label errors are the disagreements of a quick classifier that agrees with "
            f"{inspection.labels.accuracy:.1%} of the labels. Check them before you act. --write-manifest keeps them unless "
            "--drop-label-errors is given."
        )
    for row in inspection.labels.agreement if inspection.labels else ():
        as_guessed = "" if row.as_guessed is None else f", {row.as_guessed:.1%} for the guess"
        told.append(
            f"FER+ votes on {CHOICES[row.images]} (n = {row.n:,}): {row.not_label:.1%} not for the label{as_guessed}."
        )
    return told


def terminal(inspection: Inspection) -> list[Table | str]:
    """The inspection for a terminal: notes, two tables, and what they do not show."""
    faces = inspection.faces
    return [
        *inspection.notes,
        class_table(faces),
        "",
        problem_table(inspection.problems, faces),
        "",
        *sentences(inspection),
    ]
