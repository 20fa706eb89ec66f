"""Agreement of a timeline with the annotations of a human coder.

Time is cut into units of equal length. In the middle of each unit, the human label is that of the annotation and the
machine label that of the span. Units are compared if both have a label: time that was not coded, in which the face was not
visible, or in which readings abstained is left out and reported.

With a tolerance, a unit agrees if the human gave the machine's label at any time within the tolerance before or after its
middle. Coders react late and spans end at different frames, so agreement rises with the tolerance. Coefficients with a
tolerance are not corrected for the matches that the tolerance itself produces.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..emotions import BY_NAME, EMOTIONS, parse
from ..errors import DataError, OptionError
from ..io.annotations import Annotation, read_annotations
from ..io.atomic import check_ending, write_atomically
from ..raters import alpha_of_coincidences, cohen_kappa
from ..report import join
from ..timelines.bins import tick_step
from ..timelines.timeline import SHORTEST_S, TrackTimeline, VideoTimeline, timeline
from ..video import VideoResult
from .units import NO_LABEL, UNSURE, CodedUnits, Disagreement

#: Length of a unit, and the tolerances in seconds that are reported.
STEP_S, TOLERANCES_S = 0.1, (0.0, 0.5, 1.0)
COLUMNS = ("start_s", "end_s", "seconds", "person", "human", "machine")
#: Windows of the agreement over time, unless their length is given.
MAX_WINDOWS = 20


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Agreement at one tolerance.

    Attributes:
        tolerance_s: in seconds.
        agreement: share of the compared time with equal labels, 0 to 1.
        kappa: Cohen's kappa; None if both raters gave one and the same label only.
        alpha: Krippendorff's alpha for nominal labels; None likewise.
        confusion: float64 (L, L), seconds with the human label of the row and the machine label of the column.
    """

    tolerance_s: float
    agreement: float
    kappa: float | None
    alpha: float | None
    confusion: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AgreementWindow:
    """Confusion within a part of the video.

    Attributes:
        start_s, end_s: in seconds.
        confusion: float64 (T, L, L), seconds as in ``Coefficients.confusion``, for each of T tolerances.
    """

    start_s: float
    end_s: float
    confusion: npt.NDArray[np.float64]

    @property
    def compared_s(self) -> float:
        """Time in which both gave a label, in seconds."""
        return float(self.confusion[0].sum())

    @property
    def agreement(self) -> tuple[float, ...] | None:
        """Share of the compared time with equal labels, for each tolerance; None if nothing is compared."""
        return tuple((np.trace(one) / one.sum()).item() for one in self.confusion) if self.compared_s else None

    def confused(self, labels: Sequence[str]) -> list[tuple[str, str, tuple[float, ...]]]:
        """Labels of human and machine that differ, with their seconds for each tolerance; the longest first."""
        differing = self.confusion * ~np.eye(len(labels), dtype=bool)
        order = np.argsort(-differing[0], axis=None, kind="stable")
        places = [divmod(place, len(labels)) for place in order.tolist() if differing[0].flat[place] > 0]
        return [(labels[a], labels[b], tuple(self.confusion[:, a, b].tolist())) for a, b in places]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of a timeline with a human coder.

    Attributes:
        labels: the emotions that either gave, in the vocabulary's order; length L.
        people: the people who were compared.
        compared_s: time in which both gave a label, in seconds.
        coded_s: time with a human label; unsure_s: of that, time in which readings abstained; unseen_s: in which the face
            was not visible.
        ignored: labels of annotations that are not emotions, and were left out.
        coefficients: for each tolerance.
        over_time: the same in windows of equal length, in order of time.
        disagreements: in order of time, at the smallest tolerance.
        units: the compared units, one entry per person.
    """

    labels: tuple[str, ...]
    people: tuple[str, ...]
    compared_s: float
    coded_s: float
    unsure_s: float
    unseen_s: float
    ignored: tuple[str, ...]
    coefficients: tuple[Coefficients, ...]
    over_time: tuple[AgreementWindow, ...]
    disagreements: tuple[Disagreement, ...]
    units: tuple[CodedUnits, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "labels": list(self.labels),
            "people": list(self.people),
            **{name: round(getattr(self, name), 3) for name in ("compared_s", "coded_s", "unsure_s", "unseen_s")},
            "ignored": list(self.ignored),
            "coefficients": [
                {
                    "tolerance_s": one.tolerance_s,
                    "agreement": round(one.agreement, 4),
                    "kappa": None if one.kappa is None else round(one.kappa, 4),
                    "alpha": None if one.alpha is None else round(one.alpha, 4),
                    "confusion_s": one.confusion.round(3).tolist(),
                }
                for one in self.coefficients
            ],
            "over_time": [
                {
                    "start_s": round(one.start_s, 3),
                    "end_s": round(one.end_s, 3),
                    "compared_s": round(one.compared_s, 3),
                    "agreement": None if one.agreement is None else [round(share, 4) for share in one.agreement],
                    "confused": [
                        {"human": human, "machine": machine, "seconds": [round(value, 3) for value in seconds]}
                        for human, machine, seconds in one.confused(self.labels)
                    ],
                }
                for one in self.over_time
            ],
            "disagreements": [
                {name: getattr(one, name) if "_s" not in name else round(getattr(one, name), 3) for name in COLUMNS}
                for one in self.disagreements
            ],
        }

    def save(self, path: Path | str) -> None:
        """Write a report (``.html``, ``.md``) or the disagreements as a table (``.csv``).

        Raises:
            OptionError: the ending is another one.
            OutputError: the file cannot be written.
        """
        from .agreement_report import agreement_report  # noqa: PLC0415 - it imports this module

        path = Path(path)
        check_ending(path, (".html", ".htm", ".md", ".csv"))
        if path.suffix.lower() != ".csv":
            agreement_report(self).write(path)
            return
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in self.disagreements:
            times = (f"{at:.3f}" for at in (one.start_s, one.end_s, one.seconds))
            writer.writerow((*times, one.person, one.human, one.machine))
        write_atomically(path, text.getvalue().encode())


def agreement(
    table: Path | str | VideoResult,
    annotations: Path | str | Sequence[Annotation],
    *,
    source: str | None = None,
    person: str | None = None,
    tier: str | None = None,
    gaps: str | None = None,
    step_s: float = STEP_S,
    tolerances_s: Sequence[float] = TOLERANCES_S,
    window_s: float | None = None,
    shortest_s: float = SHORTEST_S,
) -> Agreement:
    """Compare the emotions of a video with those that a human coded.

    ::

        result = mien.agreement("talk.parquet", "coder.eaf")
        print(result.coefficients[0].kappa, result.disagreements[:5])

    Args:
        table: a table of ``mien read`` or the result of ``process_video``.
        annotations: a file of annotations (ELAN, BORIS, Praat, BIDS, CSV) or its annotations. Labels are names of emotions
            or their aliases, such as ``joy``; others are ignored. Where annotations overlap, the last to start counts.
        source: the video, of a table that holds several.
        person: compare this person only: number or name. By default tiers with the name or number of a person are compared
            with that person; if no tier has one, all annotations are compared with the person visible longest.
        tier: use this tier of the annotations only.
        gaps: label of time within the first and last annotation that was not coded, such as ``neutral``; None leaves it out.
        step_s: length of a unit, in seconds.
        tolerances_s: in seconds, at least one.
        window_s: length of the windows of ``over_time``, in seconds; None chooses a round one for at most 20 windows.
        shortest_s: as in ``timeline``.

    Raises:
        OptionError: an argument is out of range, or there is no such person or tier, or several tiers to choose from.
        DataError: a file is damaged, no label is an emotion, or there is no time in which both gave a label.
    """
    if not 0 < step_s < np.inf or not tolerances_s or not all(0 <= value < np.inf for value in tolerances_s):
        message = (
            f"got the step {step_s} s and the tolerances {list(tolerances_s)} s, expected more than 0, and 0 or more"
        )
        raise OptionError(message, hint="Example: step_s=0.1, tolerances_s=(0, 0.5)")
    if window_s is not None and not step_s <= window_s < np.inf:
        message = f"window_s: got {window_s}, expected at least the step of {step_s} s"
        raise OptionError(message, hint="Example: window_s=10", field="window_s", value=window_s)
    tolerances = sorted(set(map(float, tolerances_s)))
    video = _one_video(timeline(table, source=source, shortest_s=shortest_s).videos)
    given = annotations if not isinstance(annotations, Path | str) else read_annotations(annotations)
    coded, ignored = _emotions(_of_video(given, video), tier)
    gap = EMOTIONS.index(parse(gaps)) if gaps else NO_LABEL
    units = tuple(CodedUnits.of(track, events, step_s, gap) for track, events in _pairs(video, coded, person, tier))
    if not any(one.compared.any() for one in units):
        message = f"{video.name}: there is no time in which both the coder and the table have an emotion"
        raise DataError(message, hint="Check that the times of the annotations start with the video.")
    windows = _windows(units, tolerances, window_s)
    totals = np.sum([one.confusion for one in windows], axis=0)
    used = np.flatnonzero(totals.sum((0, 1)) + totals.sum((0, 2)))
    windows = [replace(one, confusion=one.confusion[:, used[:, None], used]) for one in windows]
    total = totals[:, used[:, None], used]
    disagreements = [one for found in units for one in found.disagreements(tolerances[0])]

    def seconds(of: Callable[[CodedUnits], npt.NDArray[np.bool_]]) -> float:
        return step_s * sum(int(of(one).sum()) for one in units)

    return Agreement(
        labels=tuple(EMOTIONS[place] for place in used),
        people=tuple(one.person for one in units),
        compared_s=seconds(lambda one: one.compared),
        coded_s=seconds(lambda one: one.coded),
        unsure_s=seconds(lambda one: one.coded & (one.machine == UNSURE)),
        unseen_s=seconds(lambda one: one.coded & (one.machine == NO_LABEL)),
        ignored=ignored,
        coefficients=tuple(_coefficients(at, confusion, step_s) for at, confusion in zip(tolerances, total)),
        over_time=tuple(windows),
        disagreements=tuple(sorted(disagreements, key=lambda one: (one.start_s, one.person))),
        units=units,
    )


def _coefficients(tolerance_s: float, confusion: npt.NDArray[np.float64], step_s: float) -> Coefficients:
    units = (confusion / step_s).round()
    share = float(np.trace(units) / units.sum())
    return Coefficients(tolerance_s, share, cohen_kappa(units), alpha_of_coincidences(units + units.T), confusion)


def _windows(units: Sequence[CodedUnits], tolerances: Sequence[float], window_s: float | None) -> list[AgreementWindow]:
    """Windows from the first to the last unit that is compared, with the confusion of all emotions."""
    times = np.concatenate([one.middles[one.compared] for one in units])
    step_s = units[0].step_s
    length_s = window_s or max(step_s, tick_step(float(times.max() - times.min()) + step_s, MAX_WINDOWS - 1))
    first = int((times.min() + 1e-9) // length_s)
    count = int((times.max() + 1e-9) // length_s) - first + 1
    confusion = np.zeros((count, len(tolerances), len(EMOTIONS), len(EMOTIONS)))
    for one in units:
        compared = one.compared
        window = ((one.middles[compared] + 1e-9) // length_s).astype(int) - first
        for place, tolerance_s in enumerate(tolerances):
            human, machine = one.tolerant(tolerance_s)[compared], one.machine[compared]
            np.add.at(confusion[:, place], (window, human, machine), one.step_s)
    return [
        AgreementWindow((first + place) * length_s, (first + place + 1) * length_s, of_window)
        for place, of_window in enumerate(confusion)
    ]


def _of_video(annotations: Sequence[Annotation], video: VideoTimeline) -> Sequence[Annotation]:
    """The annotations of the video; all of them if they name one other video only, which may be a copy of it."""
    found = [one for one in annotations if one.is_of(video.source)]
    sources = list(dict.fromkeys(one.source for one in annotations))
    if not found and len(sources) > 1:
        message = f"annotations: got those of {join(sources, most=8)}, expected some of {video.name}"
        raise DataError(message, hint="Rename the video in the annotations or in the table.", field="annotations")
    return found or annotations


def _emotions(annotations: Sequence[Annotation], tier: str | None) -> tuple[list[Annotation], tuple[str, ...]]:
    """Annotations that name an emotion, and the labels of the others."""
    tiers = list(dict.fromkeys(one.tier for one in annotations))
    if tier is not None and tier not in tiers:
        message = f"tier: got {tier!r}, expected one of {join(tiers, most=8)}"
        raise OptionError(message, hint="Names of tiers are case-sensitive.", field="tier", value=tier)
    chosen = [one for one in annotations if tier in (None, one.tier)]
    known = [one for one in chosen if one.label.strip().lower() in BY_NAME and one.end_s > one.start_s]
    ignored = tuple(dict.fromkeys(one.label for one in chosen if one.label.strip().lower() not in BY_NAME))
    if not known:
        has = join(list(ignored), most=8) if ignored else "none with a duration"
        message = f"annotations: got the labels {has}, expected names of emotions: {', '.join(EMOTIONS)}"
        raise DataError(message, hint="Rename the codes, or choose the tier with the emotions.", field="annotations")
    return known, ignored


def _pairs(
    video: VideoTimeline, coded: Sequence[Annotation], person: str | None, tier: str | None
) -> list[tuple[TrackTimeline, list[Annotation]]]:
    """Each person with the annotations of that person."""
    tracks = [track for track in video.ranked if person in (None, *_names(track))]
    if not tracks:
        known = (
            join([track.name or str(track.track_id) for track in video.ranked], most=8)
            if video.tracks
            else "none: no face was visible"
        )
        message = f"person: got {person or 'any'!r}, expected one of {known}"
        raise OptionError(message, hint="See 'mien timeline TABLE'.", field="person", value=person)
    by_tier: Mapping[str, list[Annotation]] = {
        name: [one for one in coded if one.tier == name] for name in dict.fromkeys(one.tier for one in coded)
    }
    if tier is None:
        matched = [
            (track, events) for track in tracks for name, events in by_tier.items() if name and name in _names(track)
        ]
        if matched:
            return matched
        if len(by_tier) > 1:
            message = f"tier: the annotations have {join(list(by_tier), most=8)}, and none is the name of a person"
            hint = "Choose one with --tier, and the person with --person."
            raise OptionError(message, hint=hint, field="tier")
    return [(tracks[0], list(coded))]


def _names(track: TrackTimeline) -> tuple[str, ...]:
    named = (track.name,) if track.name else ()
    return (*named, str(track.track_id), f"person {track.track_id}")


def _one_video(videos: Sequence[VideoTimeline]) -> VideoTimeline:
    if len(videos) != 1:
        message = f"source: the table holds {len(videos)} videos, expected one"
        raise OptionError(message, hint=f"Choose one: --source {shlex.quote(videos[0].name)}.", field="source")
    return videos[0]
