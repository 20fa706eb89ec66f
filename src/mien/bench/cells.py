"""A report as rows of words, for whatever shows them."""

from __future__ import annotations

from ..options import ReadOptions
from .report import Report


def figure_head(report: Report) -> list[str]:
    """Headings over ``figure_rows``."""
    return ["reader", "face/s", "ms", *_rates(report), "start", "MB", "found", "faces"]


def figure_rows(report: Report) -> list[list[str]]:
    """A row for each reader that was measured."""
    photos = [one.name for one in report.photos]
    shots = sum(one.count for one in report.photos)
    counted = [one.faces for one in report.photos]
    known = "" if None in counted else f"/{sum(number or 0 for number in counted)}"
    return [
        [
            row.label,
            _number(row.faces_per_s),
            _number(row.ms_a_face),
            *(_number(row.photos_per_s.get(name)) for name in photos),
            _number(row.start_s),
            "-" if row.peak_mb is None else f"{row.peak_mb:,.0f}",
            "-" if row.with_a_face is None else f"{row.with_a_face}/{shots}",
            "-" if row.faces is None else f"{row.faces}{known}",
        ]
        for row in report.rows
        if not row.problem
    ]


def ratio_head(report: Report) -> list[str]:
    """Headings over ``ratio_rows``, after the names of the two readers."""
    return ["face/s", "ms", *_rates(report), "start", "MB"]


def ratio_rows(report: Report) -> list[tuple[str, str, list[float | None]]]:
    """The model of mien's, the rival, and how many times better the model is, figure by figure.

    Models are compared as they are used by default: with mirror images, or without them.
    """
    names = ("faces_per_s", "ms_a_face", *(one.name for one in report.photos), "start_s", "peak_mb")
    return [
        (ratio.own, ratio.rival, [ratio.better.get(name) for name in names])
        for ratio in report.ratios
        if ratio.mirrored == ReadOptions().flip
    ]


def remarks(report: Report) -> list[str]:
    """What a reader of the tables must know."""
    lines = [
        "face/s: faces already found, 64 at a time; ms: a single one. ph/s: photos, from file to result. start: seconds "
        "from a cold process to the first result. MB: most memory held while photos are read. found: photos with a face."
    ]
    if any(row.random_weights for row in report.rows):
        lines.append("* its own network with random weights, as the real ones would have to be fetched.")
    starts = report.starts
    if len(starts) == 3:
        lines.append(
            f"python starts in {starts['python']:.2f} s, import mien adds {1000 * max(0, starts['import']):.0f} ms, "
            f"mien --help takes {starts['help']:.2f} s."
        )
    return lines + [f"Not measured: {row.name}: {row.problem}" for row in report.rows if row.problem]


def times(value: float | None) -> str:
    """How many times better, in words."""
    return "-" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _rates(report: Report) -> list[str]:
    names = [photos.name for photos in report.photos]
    return [f"ph/s {name.partition(' ')[0] if name[:1].isdigit() else ''}".strip() for name in names]


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
