"""The report of responses to events: averages around the onsets, and tables of measures."""

from __future__ import annotations

from collections.abc import Sequence

from .. import __version__
from .. import report as doc
from ..report import count, decimal, escape, interval, join
from ..timelines.report import NOT_A_FEELING
from .baseline import CHANGE_TERM
from .responses import EventResponses, EventSummary, by_event

_COLUMNS = {
    "mean": "mean",
    "peak": "peak",
    "peak_latency_s": "peak at, s",
    "latency_s": "latency, s",
    "area": "area, s",
    "change": "change",
}
_TERMS = (
    ("Mean, peak, area", "Of the probability, over the time in which the face was visible, unsure readings included."),
    (
        "Latency",
        "Seconds from the onset until the emotion is the likeliest and the reading is sure. Occurrences where this never "
        "happens have none.",
    ),
    CHANGE_TERM,
    (
        "Intervals",
        "95%, percentile bootstrap over participants. With few participants they are too narrow. They do not include errors "
        "of the model.",
    ),
    NOT_A_FEELING,
)


def responses_report(result: EventResponses) -> doc.Document:
    """Build the report."""
    blocks: list[doc.Block] = []
    if result.without_baseline:
        names = join([escape(name) for name in result.without_baseline], most=8)
        blocks.append(doc.Note(f"Not visible in the baseline: {names}. No change is reported.", doc.Tone.WARNING))
    caption = "Mean probability around the onset of each event. Bands: 95% bootstrap intervals over participants."
    blocks.append(doc.Figure(result.figure("png"), caption, caption))
    for event, summaries in by_event(result.summaries).items():
        blocks.append(doc.Section(event, (_table(summaries),)))
    blocks.append(doc.Section("How to read this", (doc.Definitions(_TERMS),)))
    people, events = len(result.participants), len(result.curves)
    summary = f"{count(people, 'participant')}, {count(events, 'event')}."
    return doc.Document("Responses to events", tuple(blocks), summary, {"mien": __version__})


def responses_overview(result: EventResponses) -> doc.Document:
    """The tables alone, for a terminal."""
    sections = (doc.Section(event, (_table(found),)) for event, found in by_event(result.summaries).items())
    return doc.Document("Responses to events", tuple(sections), count(len(result.participants), "participant"))


def _table(summaries: Sequence[EventSummary]) -> doc.Table:
    measures = [name for name in _COLUMNS if any(one.measure == name for one in summaries)]
    cells = {(one.emotion, one.measure): _cell(one) for one in summaries}
    rows = tuple(
        (emotion, *(cells.get((emotion, measure)) for measure in measures))
        for emotion in dict.fromkeys(one.emotion for one in summaries)
    )
    columns = (doc.Column("emotion"), *(doc.Column(_COLUMNS[name], "right") for name in measures))
    return doc.Table(columns, rows)


def _cell(one: EventSummary) -> str:
    digits = 1 if one.measure.endswith("latency_s") else 2
    ends = None if one.low is None or one.high is None else (one.low, one.high)
    value = decimal(one.value, digits, signed=one.measure == "change")
    return f"{value} {interval(ends, digits, scale=1)}".rstrip()
