"""The page of a comparison with a human coder."""

from __future__ import annotations

import numpy as np

from .. import __version__
from .. import report as doc
from ..report import UNKNOWN, count, escape, number, percent
from ..report.format import clock, seconds
from .agreement import Agreement

#: Disagreements on the page: the longest.
MAX_DISAGREEMENTS = 100
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
            doc.Metric("Cohen's kappa", number(first.kappa, 2)),
            doc.Metric("Krippendorff's alpha", number(first.alpha, 2)),
        )
    )
    blocks: list[doc.Block] = [metrics]
    left_out = (
        f"Of {seconds(result.coded_s)} coded, {seconds(result.unsure_s)} were unsure and in {seconds(result.unseen_s)} "
    )
    blocks.append(doc.Text(f"{left_out}the face was not visible. These are left out."))
    if result.ignored:
        names = ", ".join(result.ignored[:12])
        blocks.append(doc.Note(f"Ignored labels, which are no emotions: {escape(names)}.", doc.Tone.WARNING))
    blocks.append(doc.Section("By tolerance", (_by_tolerance(result),)))
    blocks.append(doc.Section("Confusion", (_confusion(result),)))
    blocks.append(doc.Section("Disagreements", tuple(_disagreements(result))))
    blocks.append(doc.Section("How to read this", (doc.Definitions(_NOTES),)))
    people = ", ".join(result.people)
    return doc.Document(
        "Agreement with a human coder", tuple(blocks), f"Person: {escape(people)}.", {"mien": __version__}
    )


def _by_tolerance(result: Agreement) -> doc.Table:
    names = ("tolerance", "agreement", "kappa", "alpha")
    rows = tuple(
        (f"{one.tolerance_s:g} s", percent(one.agreement), number(one.kappa, 2), number(one.alpha, 2))
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
            *(f"{value:.1f}" if value else "" for value in confusion[place]),
            percent(float(confusion[place, place] / totals[place]), 0) if totals[place] else UNKNOWN,
        )
        for place, label in enumerate(result.labels)
    )
    columns = (doc.Column("coder"), *(doc.Column(label, "right") for label in result.labels))
    return doc.Table((*columns, doc.Column("agrees", "right")), rows, "Seconds: rows are the coder, columns the video.")


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
