"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, StrictUndefined

from ... import __version__
from ...data.dataset import SPLITS, Dataset
from ...emotions import EMOTIONS
from .charts import Chart, class_bars, spread
from .cleaning import RULES, Cleaning
from .copies import LEARNED, leaked
from .inspection import Inspection
from .labels import LabelCheck
from .problems import Problem
from .thumbnails import Shown, mean_faces, samples, shown

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


def render(inspection: Inspection, problems: Sequence[Problem], cleaning: Cleaning, notes: Sequence[str] = ()) -> bytes:
    """The page, UTF-8; it holds thumbnails of some hundred images.

    Args:
        inspection: what was measured.
        problems: what is wrong.
        cleaning: what would be left out.
        notes: sentences on how the data was read.
    """
    faces, check = inspection.faces, inspection.labels
    parts = [split for split in SPLITS if (faces.split == split).any()]
    template = resources.files(__package__ or "").joinpath("page.html.j2").read_text("utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(template)
    size = inspection.files.sizes if inspection.files else []
    text = page.render(
        name=faces.name,
        about=_about(faces, parts),
        made=f"Looked through by mien {__version__} on {datetime.now(timezone.utc):%Y-%m-%d}.",
        notes=notes,
        parts=parts,
        problems=[_section(problem, faces, parts) for problem in problems],
        not_checked=not_checked(inspection),
        leaks=_leaks(inspection, parts),
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
        told.append("Not looked for: images without a face. --faces does so; in tight crops it misses real faces too.")
    if inspection.labels is None:
        told.append("Not looked for: label errors. At least two classes with ten different images are needed.")
    if inspection.files is None:
        told.append("Not looked for: odd sizes and modes, for the images are not files of their own.")
    return told


def _about(faces: Dataset, parts: Sequence[str]) -> str:
    height, width = faces.images.shape[1:3]
    kind = "color" if faces.images.ndim == 4 else "gray"
    counted = ", ".join(f"{part} {int((faces.split == part).sum()):,}" for part in parts)
    return f"{len(faces):,} images, looked at in {kind} at {width} x {height} pixels: {counted}."


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


def _leaks(inspection: Inspection, parts: Sequence[str]) -> list[tuple[str, ...]]:
    faces, copies = inspection.faces, inspection.copies
    rows: list[tuple[str, ...]] = []
    for part in parts:
        if part in LEARNED:
            continue
        n = int((faces.split == part).sum())
        exact, near = leaked(copies.exact, faces, part), leaked(copies.near, faces, part)
        rows.append((part, f"{n:,}", f"{exact:,}", f"{100 * exact / n:.1f} %", f"{near:,}", f"{100 * near / n:.1f} %"))
    return rows if np.isin(faces.split, LEARNED).any() else []


def _classes(faces: Dataset, parts: Sequence[str]) -> list[list[str]]:
    groups = [faces.split == part for part in parts] + [np.ones(len(faces), bool)]
    rows = []
    for label in np.unique(faces.labels):
        counts = [int((faces.labels[group] == label).sum()) for group in groups]
        cells = [f"{n:,} ({100 * n / group.sum():.1f} %)" for n, group in zip(counts, groups)]
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
        (row.images, f"{row.n:,}", f"{100 * row.not_label:.1f} %", _percent(row.as_guessed)) for row in check.agreement
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def _embedded(chart: Chart) -> dict[str, str]:
    dresses = {"light": chart.light, "dark": chart.dark}
    return {name: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}" for name, svg in dresses.items()}
