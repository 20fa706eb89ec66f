"""Responses to events: what each participant expressed during a stimulus, and on average around its onset.

Each occurrence of an event is measured from its onset to its end, or for ``window_s``, over the time in which the face is
visible; unsure readings are included. A reading lasts as long as in a timeline. Bootstrap intervals are over participants:
occurrences are averaged within a participant first, and then participants are drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import DataError, OptionError
from ..io.annotations import Annotation, read_annotations
from ..io.atomic import check_free, write_all
from ..io.discovery import file_name
from ..io.tables import PERSON, Row, column_names, csv_bytes, read_columns
from ..report import join
from ..stats import mean_interval
from ..timelines.timeline import SHORTEST_S, TrackTimeline, VideoTimeline, timeline
from .baseline import Baseline, BaselineKind, Floats, log_odds, seconds_in
from .event_curves import CURVE_COLUMNS, STEP_S, CurveSums, EventCurve, curve_rows, draw_curves, rounded

RESPONSES, SUMMARY, CURVES, REPORT = "responses.csv", "summary.csv", "curves.csv", "report.html"
RESPONSE_COLUMNS = (
    *("participant", "source", "event", "occurrence", "onset_s", "end_s", "seen_s", "unsure", "emotion"),
    *("mean", "peak", "peak_latency_s", "latency_s", "area", "change"),
)
SUMMARY_COLUMNS = ("event", "emotion", "measure", "participants", "value", "low", "high")
#: Measures that are averaged over participants.
MEASURES = ("mean", "peak", "peak_latency_s", "latency_s", "area", "change")
_NO_TIME = 1e-9


@dataclass(frozen=True)
class Response:
    """One emotion of a participant during one occurrence of an event.

    Attributes:
        participant: name of the person, or of the video if its people have no names.
        event, occurrence: label of the event, and its number from 1 in this video.
        onset_s, end_s: where it was measured, in seconds of the video.
        seen_s: how long the face was visible.
        unsure: share of this time in which readings abstained, 0 to 1; None if the face was not visible, as below.
        mean, peak: mean (weighted by time) and largest probability, 0 to 1.
        peak_latency_s: seconds from the onset to the first reading with the largest probability.
        latency_s: seconds from the onset until the emotion is the likeliest and the reading is sure; None if never.
        area: integral of the probability over the visible time, in seconds.
        change: mean change from the participant's baseline, a difference in log-odds; None without a baseline.
    """

    participant: str
    source: str
    event: str
    occurrence: int
    onset_s: float
    end_s: float
    seen_s: float
    unsure: float | None
    emotion: str
    mean: float | None
    peak: float | None
    peak_latency_s: float | None
    latency_s: float | None
    area: float | None
    change: float | None

    def to_row(self) -> Row:
        """A row of ``responses.csv``: times with 3 decimals, other numbers with 4."""
        values = {name: getattr(self, name) for name in RESPONSE_COLUMNS}
        return {
            name: round(value, 3 if name.endswith("_s") else 4) if isinstance(value, float) else value
            for name, value in values.items()
        }


@dataclass(frozen=True)
class EventSummary:
    """A measure of one emotion during one event: mean over participants, with the 95% bootstrap interval.

    ``low`` and ``high`` are None for fewer than two participants.
    """

    event: str
    emotion: str
    measure: str
    participants: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, eq=False)
class EventResponses:
    """Responses to events.

    Attributes:
        emotions: the label set.
        responses: by participant, event, occurrence and emotion.
        summaries: means over participants.
        curves: one per event.
        baseline: the baseline, or None.
        without_baseline: participants whose face was not visible in their baseline.
    """

    emotions: tuple[str, ...]
    responses: tuple[Response, ...] = field(repr=False)
    summaries: tuple[EventSummary, ...] = field(repr=False)
    curves: tuple[EventCurve, ...] = field(repr=False)
    baseline: Baseline | None = None
    without_baseline: tuple[str, ...] = ()

    @property
    def participants(self) -> tuple[str, ...]:
        """Names of all participants, in their order."""
        return tuple(dict.fromkeys(one.participant for one in self.responses))

    def save(self, folder: Path | str, *, overwrite: bool = False) -> list[Path]:
        """Write ``responses.csv``, ``summary.csv``, ``curves.csv`` and ``report.html`` into a folder; return their paths.

        Raises:
            OutputError: a file exists, or cannot be written.
        """
        from .responses_report import responses_report  # noqa: PLC0415 - it imports this module

        names = (RESPONSES, SUMMARY, CURVES, REPORT)
        check_free(Path(folder), names, "responses", overwrite=overwrite)
        summary: list[Row] = [
            {
                **{n: getattr(one, n) for n in SUMMARY_COLUMNS},
                **{n: rounded(getattr(one, n)) for n in ("value", "low", "high")},
            }
            for one in self.summaries
        ]
        contents = (
            csv_bytes(RESPONSE_COLUMNS, (one.to_row() for one in self.responses)),
            csv_bytes(SUMMARY_COLUMNS, summary),
            csv_bytes(CURVE_COLUMNS, curve_rows(self.curves)),
            responses_report(self).to_html().encode(),
        )
        return write_all(Path(folder), dict(zip(names, contents)))

    def figure(self, kind: str = "svg") -> bytes:
        """Draw the averages around the onsets, a panel per event; ``svg``, ``png`` (150 dpi) or ``pdf``."""
        return draw_curves(self.curves, kind)


def event_responses(
    tables: Sequence[Path | str],
    events: Path | str | Sequence[Annotation],
    *,
    baseline: Baseline | str | None = None,
    window_s: float | None = None,
    before_s: float = 1.0,
    after_s: float = 3.0,
    shortest_s: float = SHORTEST_S,
    resamples: int = 1000,
    seed: int = 0,
) -> EventResponses:
    """Measure what participants expressed during events.

    A participant is a person with a name (``mien timeline join``), the same in all videos, or in a video without names the
    person who is visible longest, named after the video. Events that name a video or a participant (tier, subject) apply to
    these only, all others to every video. Tables are read one after the other. ::

        result = mien.event_responses(["p01.csv", "p02.csv"], "stimuli_events.tsv", baseline="0:00-0:30")
        for one in result.summaries:
            print(one.event, one.emotion, one.measure, one.value, one.low, one.high)

    Args:
        tables: tables of ``mien read``.
        events: a file (see ``read_annotations``) or annotations.
        baseline: see ``Baseline``; a label names events.
        window_s: measure this long from the onset, in seconds; None measures until the end of the event.
        before_s: the average begins this long before the onset, in seconds.
        after_s: it ends this long after the onset.
        shortest_s: as in ``timeline``.
        resamples: number of bootstrap resamples.
        seed: random seed.

    Raises:
        OptionError: there is no table; a time is negative; an event has no duration and ``window_s`` is None; the baseline
            names no event.
        DataError: a file cannot be read, no event lies in a video, or tables have different label sets.
        MissingExtraError: pyarrow is not installed.
    """
    baseline = Baseline.parse(baseline) if isinstance(baseline, str) else baseline
    found = read_annotations(events) if isinstance(events, Path | str) else tuple(events)
    _check(tables, found, baseline, window_s, before_s, after_s)
    grid: Floats = STEP_S * np.arange(round(-before_s / STEP_S), round(after_s / STEP_S) + 1, dtype=np.float64)
    collected = _Collected(grid, window_s, baseline)
    known = _participants(tables) if any(one.tier for one in found) else set()
    found = tuple(replace(one, tier=one.tier if one.tier in known else "") for one in found)
    for table in tables:
        for video in timeline(table, shortest_s=shortest_s).videos:
            collected.add(video, found)
    if not collected.responses:
        names = join(list(dict.fromkeys(one.source for one in found if one.source)), most=4)
        hint = (
            f"The events name the videos {names}." if names else "Their times are seconds from the start of the video."
        )
        raise DataError(f"none of the {len(found)} events lies in a video with a person", hint=hint)
    rng = np.random.default_rng(seed)
    return EventResponses(
        collected.emotions,
        tuple(collected.responses),
        tuple(_summaries(collected.responses, resamples, rng)),
        tuple(collected.averages.curves(resamples, rng)),
        baseline,
        tuple(dict.fromkeys(collected.without_baseline)),
    )


def _check(
    tables: Sequence[Path | str],
    events: Sequence[Annotation],
    baseline: Baseline | None,
    window_s: float | None,
    before_s: float,
    after_s: float,
) -> None:
    if not tables:
        raise OptionError(
            "tables: got none, expected at least one", hint="Make them with 'mien read VIDEO --out TABLE'."
        )
    if before_s < 0 or after_s <= 0 or (window_s is not None and window_s <= 0):
        raise OptionError(f"times: got {before_s}, {after_s} and {window_s}, expected positive seconds")
    labels = list(dict.fromkeys(one.label for one in events))
    if baseline and baseline.kind is BaselineKind.LABEL and baseline.label not in labels:
        message = (
            f"baseline: got {baseline.label!r}, expected a window, 'calmest', or an event: {join(labels, most=12)}"
        )
        raise OptionError(message, hint="Example: --baseline 0:00-0:30", field="baseline", value=baseline.label)
    point = next((one for one in events if one.seconds <= 0), None)
    if point and window_s is None:
        message = f"event {point.label!r} at {point.start_s:g} s has no duration"
        raise OptionError(message, hint="Give a window, such as --window 3s.", field="window_s")


class _Collected:
    """Responses of the videos so far, and sums for the averages around the onsets."""

    def __init__(self, grid: Floats, window_s: float | None, baseline: Baseline | None) -> None:
        self._window_s, self._baseline = window_s, baseline
        self.emotions: tuple[str, ...] = ()
        self.responses: list[Response] = []
        self.without_baseline: list[str] = []
        self.averages = CurveSums(grid)

    def add(self, video: VideoTimeline, events: Sequence[Annotation]) -> None:
        """Measure the participants of a video."""
        if self.emotions and self.emotions != video.emotions:
            message = f"{video.source}: got the emotions {join(video.emotions)}, expected {join(self.emotions)}"
            raise DataError(message, hint="Read all videos with the same --emotions.")
        self.emotions = video.emotions
        people = participants_of(video)
        for name, track in people.items():
            mine = [one for one in events if one.is_of(video.source) and one.tier in ("", name)]
            level = self._level(name, track, mine)
            counts: dict[str, int] = {}
            for event in mine:
                end_s = event.end_s if self._window_s is None else event.start_s + self._window_s
                if event.start_s >= video.end_s or end_s <= video.start_s:
                    continue
                counts[event.label] = counts.get(event.label, 0) + 1
                self.responses += _responses(name, track, event, counts[event.label], end_s, level)
                self.averages.add(name, track, event)

    def _level(self, name: str, track: TrackTimeline, events: Iterable[Annotation]) -> Floats | None:
        if self._baseline is None:
            return None
        spans = [(one.start_s, one.end_s) for one in events if one.label == self._baseline.label]
        level = self._baseline.level([track], spans)
        if level is None:
            self.without_baseline.append(name)
        return level.log_odds if level else None


def _participants(tables: Iterable[Path | str]) -> set[str]:
    """Names that a participant in a table may have: those of people, and of videos."""
    found: set[str] = set()
    for path in map(Path, tables):
        named = [PERSON] if PERSON in column_names(path) else []
        columns = read_columns(path, ["source", *named])
        found |= {Path(file_name(str(source))).stem for source in columns["source"]}
        found |= {str(name) for name in columns.get(PERSON, ()) if name}
    return found


def participants_of(video: VideoTimeline) -> dict[str, TrackTimeline]:
    """The participants of a video: all people with names, or else the one visible longest, named after the video."""
    named = {track.name: track for track in video.tracks if track.name}
    return named or {Path(video.name).stem: track for track in video.ranked[:1]}


def _responses(
    name: str, track: TrackTimeline, event: Annotation, occurrence: int, end_s: float, level: Floats | None
) -> Iterator[Response]:
    seconds = seconds_in(track, event.start_s, end_s)
    inside = seconds > _NO_TIME
    start = name, track.source, event.label, occurrence, event.start_s, end_s
    if not inside.any():
        for emotion in track.emotions:
            yield Response(*start, 0.0, None, emotion, None, None, None, None, None, None)
        return
    seconds, probabilities, unsure = (
        seconds[inside],
        track.probabilities[inside].astype(np.float64),
        track.unsure[inside],
    )
    after = np.maximum(0.0, track.times[inside] - event.start_s)
    seen_s, likeliest = float(seconds.sum()), probabilities.argmax(1)
    unsure_share = float(seconds @ unsure / seen_s)
    areas, odds = seconds @ probabilities, seconds @ log_odds(probabilities) / seen_s
    for k, emotion in enumerate(track.emotions):
        shown = np.flatnonzero((likeliest == k) & ~unsure)
        peak = int(probabilities[:, k].argmax())
        yield Response(
            *start,
            seen_s,
            unsure_share,
            emotion,
            float(areas[k] / seen_s),
            float(probabilities[peak, k]),
            float(after[peak]),
            float(after[shown[0]]) if len(shown) else None,
            float(areas[k]),
            None if level is None else float(odds[k] - level[k]),
        )


def _summaries(responses: Sequence[Response], resamples: int, rng: np.random.Generator) -> Iterator[EventSummary]:
    values: dict[tuple[str, str, str], dict[str, list[float]]] = {}
    for one in responses:
        for measure in MEASURES:
            value = getattr(one, measure)
            if value is not None:
                people = values.setdefault((one.event, one.emotion, measure), {})
                people.setdefault(one.participant, []).append(value)
    for (event, emotion, measure), people in values.items():
        each = np.array([np.mean(found) for found in people.values()])
        yield EventSummary(event, emotion, measure, len(each), float(each.mean()), *_interval(each, resamples, rng))


def _interval(each: Floats, resamples: int, rng: np.random.Generator) -> tuple[float, float] | tuple[None, None]:
    if len(each) < 2:
        return None, None
    return mean_interval(each, rng, resamples)


def by_event(summaries: Iterable[EventSummary]) -> Mapping[str, list[EventSummary]]:
    """Summaries grouped by event, in their order."""
    grouped: dict[str, list[EventSummary]] = {}
    for one in summaries:
        grouped.setdefault(one.event, []).append(one)
    return grouped
