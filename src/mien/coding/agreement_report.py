"""The page of a comparison with a human coder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .. import __version__
from .. import report as doc
from ..drawing import COLORS
from ..emotions import EMOTIONS
from ..report import UNKNOWN, count, decimal, escape, percent
from ..report.format import clock, seconds
from ..timelines.report import label_strips, legend
from .agreement import Agreement, AgreementWindow

#: Disagreements on the page: the longest.
MAX_DISAGREEMENTS = 100
#: Columns of a strip of labels, and the color of unsure readings.
_STRIP_WIDTH, _UNSURE_COLOR = 480, (128, 128, 128, 90)
_NOTES = (
    (
        "Cohen's kappa, Krippendorff's alpha",
        "Agreement beyond that by chance: 1 is perfect, 0 as by chance. Both treat emotions as names without an order.",
    ),
    (
        "Tolerance",
        "A unit agrees if the coder gave the same label within this time before or after it. The tolerance itself produces "
        "matches, for which the coefficients are not corrected.",
    ),
    (
        "Compared time",
        "Time in which both gave a label. Neighboring units of a video are not independent, so no interval is given.",
    ),
)


def agreement_report(result: Agreement) -> doc.Document:
    """Build the page."""
    first = result.coefficients[0]
    metrics = doc.Metrics(
        (
            doc.Metric("Agreement", percent(first.agreement), f"of {seconds(result.compared_s)}"),
            doc.Metric("Cohen's kappa", decimal(first.kappa)),
            doc.Metric("Krippendorff's alpha", decimal(first.alpha)),
        )
    )
    blocks: list[doc.Block] = [metrics]
    left_out = (
        f"Of {seconds(result.coded_s)} coded, {seconds(result.unsure_s)} were unsure and in {seconds(result.unseen_s)} "
    )
    blocks.append(doc.Text(f"{left_out}the face was not visible. These are left out."))
    if result.ignored:
        names = ", ".join(result.ignored[:12])
        blocks.append(doc.Note(f"Ignored labels, which are not emotions: {escape(names)}.", doc.Tone.WARNING))
    blocks.append(doc.Section("By tolerance", (_by_tolerance(result),)))
    blocks.append(doc.Section("Confusion", (_confusion(result),)))
    blocks.append(doc.Section("Over time", tuple(_over_time(result))))
    blocks.append(doc.Section("Disagreements", tuple(_disagreements(result))))
    blocks.append(doc.Section("How to read this", (doc.Definitions(_NOTES),)))
    people = ", ".join(result.people)
    return doc.Document(
        "Agreement with a human coder", tuple(blocks), f"Person: {escape(people)}.", {"mien": __version__}
    )


def _by_tolerance(result: Agreement) -> doc.Table:
    names = ("tolerance", "agreement", "kappa", "alpha")
    rows = tuple(
        (f"{one.tolerance_s:g} s", percent(one.agreement), decimal(one.kappa), decimal(one.alpha))
        for one in result.coefficients
    )
    return doc.Table(tuple(doc.Column(name, "right") for name in names), rows)


def _confusion(result: Agreement) -> doc.Table:
    """Seconds of each pair of labels, at the smallest tolerance, with the share of the coder's label that agrees."""
    confusion = result.coefficients[0].confusion
    totals = confusion.sum(1)
    rows = tuple(
        (
            label,
            *(decimal(value, 1) for value in confusion[place].tolist()),
            percent(float(confusion[place, place] / totals[place]), 0) if totals[place] else UNKNOWN,
        )
        for place, label in enumerate(result.labels)
    )
    columns = (doc.Column("coder"), *(doc.Column(label, "right") for label in result.labels))
    return doc.Table((*columns, doc.Column("agrees", "right")), rows, "Seconds: rows are the coder, columns the video.")


def _over_time(result: Agreement) -> Iterator[doc.Block]:
    """The labels of both as strips, and agreement and most frequent confusion of each window."""
    yield legend(result.labels, "Colors of the labels. Where readings are unsure, the video is gray.", hatched=False)
    axis = min(one.start_s for one in result.units), max(one.end_s for one in result.units)
    for units in result.units:
        differs = units.compared & (units.tolerant(result.coefficients[0].tolerance_s) != units.machine)
        rows = (("coder", _colors(units.human)), ("video", _colors(units.machine)), ("differs", _marks(differs)))
        who = f"Person {units.person}: labels" if len(result.units) > 1 else "Labels"
        caption = f"{who} of the coder and the video, and where they differ."
        yield doc.Figure(label_strips(rows, (units.start_s, units.end_s), axis), caption, caption)
    tolerances = [f"at {one.tolerance_s:g} s" for one in result.coefficients]
    names = ("from", "to", "compared", *tolerances)
    columns = (*(doc.Column(name, "right") for name in names), doc.Column("most confused"))
    rows_of = tuple(
        (
            clock(one.start_s, 1),
            clock(one.end_s, 1),
            seconds(one.compared_s),
            *((percent(share, 0) for share in one.agreement) if one.agreement else (UNKNOWN for _ in tolerances)),
            _most_confused(one, result.labels),
        )
        for one in result.over_time
    )
    yield doc.Table(
        columns, rows_of, "Agreement in windows of time, by tolerance. Confused: coder, video.", row_headers=False
    )


def _most_confused(window: AgreementWindow, labels: Sequence[str]) -> str:
    found = window.confused(labels)[:1]
    return "".join(f"{human}, {machine}: {by_tolerance[0]:.1f} s" for human, machine, by_tolerance in found)


def _colors(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Colors of labels over time: uint8 (1, W, 4), RGBA."""
    table = np.array([*((*COLORS[emotion], 255) for emotion in EMOTIONS), _UNSURE_COLOR, (0, 0, 0, 0)], np.uint8)
    shown = codes[np.linspace(0, len(codes) - 1, min(len(codes), _STRIP_WIDTH)).round().astype(int)]
    return np.asarray(table[shown][None])


def _marks(differs: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Where labels differ, uint8 (1, W, 4): the larger its share of the time of a column, the darker."""
    parts = np.array_split(differs, min(len(differs), _STRIP_WIDTH))
    alpha = np.array([round(255 * part.mean()) for part in parts], np.uint8)
    return np.dstack([np.broadcast_to(np.array(COLORS["angry"], np.uint8), (1, len(alpha), 3)), alpha[None]])


def _disagreements(result: Agreement) -> list[doc.Block]:
    if not result.disagreements:
        return [doc.Text("None.")]
    longest = np.argsort([-one.seconds for one in result.disagreements], kind="stable")[:MAX_DISAGREEMENTS]
    shown = [result.disagreements[place] for place in sorted(longest.tolist())]
    names = ("from", "to", "seconds", "person", "coder", "video")
    columns = tuple(doc.Column(name, "right" if name in names[:3] else "left") for name in names)
    rows = tuple(
        (clock(one.start_s, 1), clock(one.end_s, 1), f"{one.seconds:.1f}", one.person, one.human, one.machine)
        for one in shown
    )
    blocks: list[doc.Block] = [doc.Table(columns, rows, row_headers=False)]
    if len(shown) < len(result.disagreements):
        hidden = count(len(result.disagreements) - len(shown), "shorter one")
        blocks.append(doc.Text(f"Left out: {hidden}; a .csv lists all.", doc.Tone.MUTED))
    return blocks
