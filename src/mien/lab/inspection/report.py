"""The report of an inspection: tables for the terminal, with thumbnails and figures on a page."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as MatplotlibFigure
from PIL import Image

from ... import report as doc
from ...data.dataset import SPLITS, Dataset
from ...emotions import EMOTIONS
from ...report import Cell, Column, Details, Section, Table, Text, Tile, count, escape, percent
from .inspection import Inspection
from .labels import LEAST_MARGIN, Choice, LabelCheck
from .measures import Quality, most_common
from .problems import RULES, Problem

_CHOICES = {
    Choice.ALL: "all images",
    Choice.CANDIDATES: "all candidates of confident learning",
    Choice.PROBABLE: f"probable errors (margin at least {LEAST_MARGIN:g})",
    Choice.TOP_500: "the 500 with the largest margin",
    Choice.TOP_100: "the 100 with the largest margin",
}
#: Colors of the splits, distinguishable with any color vision (Okabe and Ito 2008).
_COLORS = ("#0072B2", "#CC79A7", "#D55E00", "#009E73")
_WARNING = "This page holds images of the dataset: pass it on only to those who may have the data."
_MAX_TILES, _MAX_NAMES, _MAX_SIZES, _SAMPLES, _SIDE = 48, 400, 12, 12, 96


def report(inspection: Inspection, *, drop_label_errors: bool = False) -> doc.Document:
    """Build the report, with thumbnails of some hundred images; probable label errors may count among those to leave out."""
    faces = inspection.faces
    height, width = faces.images.shape[1:3]
    kinds = count(sum(problem.count > 0 for problem in inspection.problems), "kind of problem", "kinds of problems")
    return doc.Document(
        f"Dataset inspection: {faces.name}",
        (
            *(doc.Note(escape(note)) for note in (*inspection.notes, *_unreliable(inspection))),
            _problems(inspection),
            _classes(inspection),
            _spread(inspection),
            _cleaning(inspection, drop_label_errors),
        ),
        summary=f"{len(faces):,} images, compared at {width} x {height} pixels. {kinds} found.",
    )


def _unreliable(inspection: Inspection) -> tuple[str, ...]:
    """The note that label errors are withheld."""
    check = inspection.labels
    if check is None or check.is_reliable:
        return ()
    shares = f"{percent(check.accuracy)} of the labels; the most frequent class has {percent(check.majority)}"
    return (f"Probable label errors are not listed: the best available classifier agrees with only {shares}.",)


def _table(names: tuple[str, ...], rows: list[tuple[Cell, ...]], caption: str = "") -> Table:
    """The first column holds words, the others numbers."""
    return Table((Column(names[0]), *(Column(name, "right") for name in names[1:])), tuple(rows), caption)


def _problems(inspection: Inspection) -> Section:
    faces, parts = inspection.faces, inspection.faces.parts()
    names = ("images", *parts)
    columns = (Column("problem"), *(Column(name, "right") for name in names), Column("e.g.", optional=True))
    rows: list[tuple[Cell, ...]] = [
        (
            problem.title,
            problem.count,
            *(int((faces.split[problem.rows] == part).sum()) for part in parts),
            _example(problem, faces),
        )
        for problem in inspection.problems
    ]
    not_checked = {
        "images without a face (--detect-faces checks them)": inspection.detection,
        "label errors (two classes with ten different images are needed)": inspection.labels,
        "file sizes and modes (the images are not in separate files)": inspection.files,
    }
    missing = [name for name, check in not_checked.items() if check is None]
    blocks: list[doc.Block] = [Table(columns, tuple(rows), "Problems are found automatically: check the images.")]
    if missing:
        blocks.append(Text(f"Not checked: {doc.join(missing)}.", doc.Tone.MUTED))
    leaks: list[tuple[Cell, ...]] = []
    for part, leaked in inspection.leaks().items():
        n = int((faces.split == part).sum())
        leaks.append((part, n, *(f"{k:,} ({percent(k / n)})" for k in leaked.values())))
    if leaks:
        caption = "Leaks: images with a duplicate in training, on which scores are too good."
        blocks.append(_table(("split", "images", "exact", "exact or near"), leaks, caption))
    if inspection.labels and inspection.labels.agreement:
        blocks.append(_agreement(inspection.labels))
    blocks += [_details(problem, faces) for problem in inspection.problems if problem.count]
    return Section("Problems", tuple(blocks))


def _words(problem: Problem, faces: Dataset, row: int) -> str:
    return problem.remarks.get(row) or EMOTIONS[faces.labels[row]]


def _details(problem: Problem, faces: Dataset) -> Details:
    tiles = tuple(
        _tile(faces, row, escape(f"{_words(problem, faces, row)}; {faces.names[row]}, {faces.split[row]}"))
        for row in [int(row) for group in problem.groups for row in group][:_MAX_TILES]
    )
    names = [f"{name}: {why}" for name, why in problem.files]
    for group in problem.groups:
        each = (f"{faces.names[row]} ({_words(problem, faces, row)}, {faces.split[row]})" for row in group.tolist())
        names.append(" = ".join(each))
    more = (f"{len(names) - _MAX_NAMES:,} more: use --json",) if len(names) > _MAX_NAMES else ()
    listed = Details("Names", (doc.Bullets((*map(escape, names[:_MAX_NAMES]), *more)),))
    gallery = (doc.Gallery(tiles),) if tiles else ()
    return Details(f"{problem.title}: {problem.count:,}", (Text(escape(problem.meaning)), *gallery, listed))


def _example(problem: Problem, faces: Dataset) -> str:
    if problem.files:
        return problem.files[0][0]
    return " = ".join(faces.names[problem.groups[0][:2]].tolist()) if problem.groups else ""


def _agreement(check: LabelCheck) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (_CHOICES[row.images], row.n, percent(row.not_label), percent(row.as_guessed)) for row in check.agreement
    ]
    caption = "Probable label errors against the majority of FER+ votes, which the classifier was not trained on."
    return _table(("images", "n", "majority is not the label", "majority is the guess"), rows, caption)


def _classes(inspection: Inspection) -> Section:
    faces, parts, labels = inspection.faces, inspection.faces.parts(), np.unique(inspection.faces.labels)
    groups = {part: faces.labels[faces.split == part] for part in parts} | {"all": faces.labels}
    counts = {name: np.bincount(own, minlength=len(EMOTIONS)) for name, own in groups.items()}
    rows: list[tuple[Cell, ...]] = [
        (EMOTIONS[label], *(f"{n[label]:,} ({percent(n[label] / n.sum())})" for n in counts.values()))
        for label in labels
    ]
    rows.append(("all", *(f"{n.sum():,}" for n in counts.values())))
    charts = []
    for part in parts:
        shares = counts[part] / counts[part].sum()
        bars = tuple(doc.Bar(EMOTIONS[label], shares[label], percent(shares[label])) for label in labels)
        charts.append(doc.BarChart(bars, part))
    seen, rng = ~inspection.quality.blank, np.random.default_rng(0)
    means, samples = [], []
    for label in labels:
        own = faces.labels == label
        if (own & seen).any():
            means.append(_mean_face(faces, own & seen))
        drawn = rng.permutation(np.flatnonzero(own))[:_SAMPLES]
        samples.append(Section(EMOTIONS[label], (doc.Gallery(tuple(_tile(faces, row) for row in drawn), 66),)))
    return Section(
        "Classes",
        (
            _table(("emotion", *counts), rows),
            Details("Distribution", (doc.Row(tuple(charts)),)),
            Details("Mean faces", (Text("Blank images left out."), doc.Gallery(tuple(means)))),
            Details("Random samples", (Text(_WARNING), *samples)),
        ),
    )


def _spread(inspection: Inspection) -> Section:
    faces, quality, files = inspection.faces, inspection.quality, inspection.files
    rows: list[tuple[Cell, ...]] = []
    for label in np.unique(faces.labels[~quality.blank]):
        there = (faces.labels == label) & ~quality.blank
        cells = []
        for values, digits in ((quality.brightness, 0), (quality.contrast, 0), (quality.sharpness, 2)):
            low, middle, high = np.percentile(values[there], [5, 50, 95])
            cells.append(f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]")
        rows.append((EMOTIONS[label], *cells))
    caption = "Median and the range of the middle 90%, without blank images."
    chart = doc.Figure.from_matplotlib(
        _histograms(faces, quality), "Histograms of brightness, light, contrast and sharpness by split"
    )
    headers = {"size in pixels": files.size, "mode": files.mode} if files else {}
    stored = [_table((name, "files"), [*most_common(values)[:_MAX_SIZES]]) for name, values in headers.items()]
    table = _table(("emotion", "brightness", "contrast", "sharpness"), rows, caption)
    return Section("Image quality", (table, chart, *stored))


def _histograms(faces: Dataset, quality: Quality) -> MatplotlibFigure:
    seen = ~quality.blank
    panels = (
        ("brightness (mean gray)", quality.brightness, quality.brightness.min()),
        ("light (95th percentile of gray)", quality.light, quality.least_light),
        ("contrast (standard deviation of gray)", quality.contrast, quality.contrast.min()),
        ("sharpness (variance of Laplacian / of gray)", quality.sharpness, quality.least_sharpness),
    )
    figure = MatplotlibFigure(figsize=(7, 6), layout="constrained")
    for axes, (title, values, limit) in zip(figure.subplots(2, 2).flat, panels):
        for part, color in zip(SPLITS, _COLORS):
            rows = seen & (faces.split == part)
            if rows.any():
                weights = np.full(int(rows.sum()), 1 / rows.sum())
                axes.hist(values[rows], 40, weights=weights, histtype="step", color=color, label=part)
        if np.isfinite(limit) and limit > values.min():
            axes.axvline(limit, color="gray", linestyle="--", linewidth=1)
        axes.set_title(title, fontsize=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), frameon=False, ncols=4, loc="outside upper left")
    return figure


def _cleaning(inspection: Inspection, drop_label_errors: bool) -> Section:
    cleaning = inspection.clean(drop_label_errors=drop_label_errors)
    rows: list[tuple[Cell, ...]] = [(words, int((cleaning.rule == kind.value).sum())) for kind, words in RULES.items()]
    rows.append(("Images in use", int(cleaning.use.sum())))
    text = (
        "`mien lab inspect DATA --write-manifest manifest.csv` lists all images, which to use, and why not the others. "
        "Nothing is deleted. The first rule that fits counts; test images always stay."
    )
    return Section("Cleaning", (Details("Rules", (Text(text), _table(("rule", "left out"), rows))),))


def _tile(faces: Dataset, row: int, caption: str = "") -> Tile:
    return Tile(_encoded(faces.images[row]), caption, f"{faces.names[row]}: {EMOTIONS[faces.labels[row]]}")


def _mean_face(faces: Dataset, rows: npt.NDArray[np.bool_]) -> Tile:
    label = EMOTIONS[faces.labels[rows][0]]
    mean = faces.images[rows].mean(0, dtype=np.float64).round().astype(np.uint8)
    return Tile(_encoded(mean), f"{label}, n = {int(rows.sum()):,}", f"mean face: {label}")


def _encoded(image: npt.NDArray[np.uint8]) -> bytes:
    """A small PNG, or a JPEG of a color or larger image."""
    small, file = Image.fromarray(image), io.BytesIO()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    small.save(file, "PNG" if image.ndim == 2 and max(small.size) <= 64 else "JPEG", quality=90)
    return file.getvalue()
