"""The page of a study: an overview, means over participants, small multiples, and a section per participant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .. import __version__
from .. import report as doc
from ..report import UNKNOWN, count, decimal, escape, interval, percent
from ..report.format import clock, seconds
from ..stats import mean_interval
from ..timelines.report import HEIGHTS, NOT_A_FEELING, legend
from .baseline import CHANGE_TERM, BaselineKind
from .study import ConditionResult, Study

#: Small multiples on a page.
_MAX_STRIPS = 400
_NOTES = (
    NOT_A_FEELING,
    (
        "Share",
        "Share of the visible time in which the emotion was the most likely one. Time in which readings abstained is unsure "
        "and counts for no emotion. Shares and unsure sum to 100%.",
    ),
    (
        "Mean",
        "Mean probability over the visible time, weighted by the duration of each reading, unsure readings included.",
    ),
    CHANGE_TERM,
    (
        "Intervals",
        "95% intervals over participants: percentiles of 1,000 bootstrap samples of participants. None with fewer than two.",
    ),
)


def study_report(study: Study) -> doc.Document:
    """Build the page of a study."""
    blocks: list[doc.Block] = []
    if study.failures:
        blocks.append(doc.Note(f"{count(len(study.failures), 'video')} could not be measured.", doc.Tone.WARNING))
        blocks.append(doc.Bullets(tuple(_failure(study, number) for number in range(len(study.failures)))))
    blocks.append(doc.Section("Overview", (_overview(study.results),)))
    blocks.append(doc.Section("Means over participants", tuple(_means(study))))
    blocks.append(doc.Section("All parts", tuple(_multiples(study))))
    people = dict.fromkeys(one.participant for one in study.results)
    blocks += [doc.Section(escape(person), tuple(_participant(study, person))) for person in people]
    blocks.append(doc.Section("How to read this", (doc.Definitions(_NOTES),)))
    conditions = dict.fromkeys(one.condition for one in study.results if one.condition)
    facts = [count(len(people), "participant"), *([count(len(conditions), "condition")] if conditions else [])]
    metadata = {"mien": __version__, "baseline": _baseline(study)}
    return doc.Document("Study", tuple(blocks), f"{', '.join(facts)}.", metadata)


def overview(study: Study) -> doc.Document:
    """The overview alone, for a terminal."""
    return doc.Document("Study", (_overview(study.results),))


def _failure(study: Study, number: int) -> str:
    failure = study.failures[number]
    return escape(f"{failure.participant} {failure.condition}: {failure.message}")


def _baseline(study: Study) -> str:
    if study.baseline is None:
        return "none"
    kind, one = study.baseline.kind, study.baseline
    if kind is BaselineKind.WINDOW:
        return f"{clock(one.start_s, 1)} to {clock(one.end_s, 1)}"
    if kind is BaselineKind.CALMEST:
        return f"calmest {one.length_s:g} s"
    condition = any(result.condition == one.label for result in study.results)
    return f"{'condition' if condition else 'event'} {one.label}"


def _overview(results: Sequence[ConditionResult]) -> doc.Table:
    names = ("participant", "condition", "videos", "length", "visible", "unsure", "mostly")
    columns = tuple(doc.Column(name, "right" if name in names[2:6] else "left") for name in names)
    rows = tuple(
        (
            one.participant,
            one.condition or UNKNOWN,
            one.videos,
            seconds(one.duration_s),
            seconds(one.seen_s),
            percent(one.unsure, 0) if one.unsure is not None else UNKNOWN,
            f"{one.mostly} {percent(one.shares[one.mostly], 0)}"
            if one.mostly
            else "no face"
            if not one.seen_s
            else "unsure",
        )
        for one in results
    )
    return doc.Table(columns, rows)


def _means(study: Study) -> Iterator[doc.Block]:
    """Of each condition, the mean over participants of shares and changes, with bootstrap intervals."""
    conditions = dict.fromkeys(one.condition for one in study.results)
    measures = ("share", *(("change",) if study.baseline else ()))
    for measure in measures:
        rows: list[tuple[doc.Cell, ...]] = []
        for emotion in study.emotions:
            cells: list[doc.Cell] = [emotion]
            for condition in conditions:
                of_condition = [one for one in study.results if one.condition == condition]
                found = [(one.shares if measure == "share" else one.changes).get(emotion) for one in of_condition]
                cells.append(_estimate([value for value in found if value is not None], measure == "share"))
            rows.append(tuple(cells))
        title = "Share of the visible time" if measure == "share" else "Change from the baseline (log-odds)"
        columns = (doc.Column("emotion"), *(doc.Column(name or "all", "right") for name in conditions))
        yield doc.Section(title, (doc.Table(columns, tuple(rows)),))


def _estimate(values: Sequence[float], is_share: bool) -> str:
    """A mean, with its interval if there are two values or more."""
    if not values:
        return UNKNOWN
    mean = float(np.mean(values))
    shown = percent(mean, 0) if is_share else decimal(mean, signed=True)
    if len(values) < 2:
        return shown
    ends = mean_interval(np.array(values), np.random.default_rng(0))
    return f"{shown} {interval(ends, 0) if is_share else interval(ends, 2, scale=1)}"


def _multiples(study: Study) -> Iterator[doc.Block]:
    tiles = [
        doc.Tile(strip.image, _title(one), f"{_title(one)} over time, mostly {one.mostly or 'unsure'}")
        for one in study.results
        for strip in one.strips
    ]
    if not tiles:
        yield doc.Text("No face was visible.")
        return
    yield legend(study.emotions, f"{HEIGHTS} Where readings are unsure, colors are faint.", hatched=False)
    yield doc.Gallery(tuple(tiles[:_MAX_STRIPS]), 220)
    if len(tiles) > _MAX_STRIPS:
        yield doc.Text(f"Left out: {count(len(tiles) - _MAX_STRIPS, 'part')}.", doc.Tone.MUTED)


def _title(one: ConditionResult) -> str:
    return f"{one.participant}, {one.condition}" if one.condition else one.participant


def _participant(study: Study, person: str) -> Iterator[doc.Block]:
    own = [one for one in study.results if one.participant == person]
    columns = (doc.Column("emotion"), *(doc.Column(one.condition or "all", "right") for one in own))
    rows: list[tuple[doc.Cell, ...]] = [("visible", *(seconds(one.seen_s) for one in own))]
    for emotion in study.emotions:
        cells = []
        for one in own:
            share = percent(one.shares[emotion], 0) if one.shares else UNKNOWN
            cells.append(f"{share} ({decimal(one.changes[emotion], signed=True)})" if one.changes else share)
        rows.append((emotion, *cells))
    rows.append(("unsure", *(percent(one.unsure, 0) if one.unsure is not None else UNKNOWN for one in own)))
    caption = "Share of the visible time" + (" (change from the baseline, log-odds)" if study.baseline else "")
    yield doc.Table(columns, tuple(rows), caption)
    tiles = tuple(
        doc.Tile(
            strip.image,
            f"{one.condition or 'all'}: {clock(strip.start_s, 1)} to {clock(strip.end_s, 1)}",
            f"{_title(one)} over time",
        )
        for one in own
        for strip in one.strips
    )
    if tiles:
        yield doc.Gallery(tiles, 420)
