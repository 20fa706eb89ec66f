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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from ..timelines.timeline import SHORTEST_S, TrackTimeline, VideoTimeline, timeline
from ..video import VideoResult

Codes = npt.NDArray[np.int64]

#: Length of a unit, and the tolerances in seconds that are reported.
STEP_S, TOLERANCES_S = 0.1, (0.0, 0.5, 1.0)
COLUMNS = ("start_s", "end_s", "seconds", "person", "human", "machine")
_NONE, _UNSURE = -1, -2


@dataclass(frozen=True)
class Disagreement:
    """Time in which a human and the machine gave different labels; ``person`` is the name or number in the table."""

    start_s: float
    end_s: float
    person: str
    human: str
    machine: str

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.end_s - self.start_s


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
class Agreement:
    """Agreement of a timeline with a human coder.

    Attributes:
        labels: the emotions that either gave, in the vocabulary's order; length L.
        people: the people who were compared.
        compared_s: time in which both gave a label, in seconds.
        coded_s: time with a human label; unsure_s: of that, time in which readings abstained; unseen_s: in which the face
            was not visible.
        ignored: labels of annotations that are no emotions, and were left out.
        coefficients: for each tolerance.
        disagreements: in order of time, at the smallest tolerance.
    """

    labels: tuple[str, ...]
    people: tuple[str, ...]
    compared_s: float
    coded_s: float
    unsure_s: float
    unseen_s: float
    ignored: tuple[str, ...]
    coefficients: tuple[Coefficients, ...]
    disagreements: tuple[Disagreement, ...]

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
    tolerances = sorted(set(map(float, tolerances_s)))
    video = _one_video(timeline(table, source=source, shortest_s=shortest_s).videos)
    given = annotations if not isinstance(annotations, Path | str) else read_annotations(annotations)
    coded, ignored = _emotions(given, tier)
    gap = EMOTIONS.index(parse(gaps)) if gaps else _NONE
    totals = {tolerance: np.zeros((len(EMOTIONS), len(EMOTIONS))) for tolerance in tolerances}
    seconds = np.zeros(3)  # coded, unsure, unseen
    disagreements: list[Disagreement] = []
    pairs = _pairs(video, coded, person, tier)
    for track, events in pairs:
        units = _Units.of(track, events, step_s, gap)
        seconds += step_s * np.array([units.coded.sum(), units.unsure.sum(), units.unseen.sum()])
        for tolerance in tolerances:
            human = units.tolerant(round(tolerance / step_s))
            np.add.at(totals[tolerance], (human[units.compared], units.machine[units.compared]), step_s)
        disagreements += units.disagreements(units.tolerant(round(tolerances[0] / step_s)), _person(track))
    if not totals[tolerances[0]].any():
        message = f"{video.name}: there is no time in which both the coder and the table have an emotion"
        raise DataError(message, hint="Check that the times of the annotations start with the video.")
    used = np.flatnonzero(sum(total.sum(0) + total.sum(1) for total in totals.values()))
    return Agreement(
        labels=tuple(EMOTIONS[place] for place in used),
        people=tuple(_person(track) for track, _ in pairs),
        compared_s=float(totals[tolerances[0]].sum()),
        coded_s=float(seconds[0]),
        unsure_s=float(seconds[1]),
        unseen_s=float(seconds[2]),
        ignored=ignored,
        coefficients=tuple(_coefficients(at, totals[at][np.ix_(used, used)], step_s) for at in tolerances),
        disagreements=tuple(sorted(disagreements, key=lambda one: (one.start_s, one.person))),
    )


def _coefficients(tolerance_s: float, confusion: npt.NDArray[np.float64], step_s: float) -> Coefficients:
    units = (confusion / step_s).round()
    share = float(np.trace(units) / units.sum())
    return Coefficients(tolerance_s, share, cohen_kappa(units), alpha_of_coincidences(units + units.T), confusion)


@dataclass(frozen=True, eq=False)
class _Units:
    """Units of one person, all (N,): human and machine labels as indices of ``EMOTIONS``, -1 without, -2 unsure."""

    start_s: float
    step_s: float
    human: Codes
    machine: Codes

    @classmethod
    def of(cls, track: TrackTimeline, events: Sequence[Annotation], step_s: float, gap: int) -> _Units:
        """Cut the time from the first to the last annotation into units."""
        start_s, end_s = min(one.start_s for one in events), max(one.end_s for one in events)
        middles = start_s + step_s * (np.arange(max(1, round((end_s - start_s) / step_s))) + 0.5)
        human, machine = np.full(len(middles), gap), np.full(len(middles), _NONE)
        for one in sorted(events, key=lambda one: one.start_s):
            human[slice(*np.searchsorted(middles, (one.start_s, one.end_s)))] = EMOTIONS.index(parse(one.label))
        for span in track.spans:
            code = _UNSURE if span.unsure else EMOTIONS.index(span.emotion)
            machine[slice(*np.searchsorted(middles, (span.start_s, span.end_s)))] = code
        return cls(start_s, step_s, human, machine)

    @property
    def coded(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.human >= 0)

    @property
    def unsure(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.coded & (self.machine == _UNSURE))

    @property
    def unseen(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.coded & (self.machine == _NONE))

    @property
    def compared(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.coded & (self.machine >= 0))

    def tolerant(self, width: int) -> Codes:
        """The human labels, replaced by the machine's where the human gave that at most ``width`` units away."""
        human = self.human.copy()
        for shift in range(-width, width + 1):
            inside = slice(max(0, -shift), len(human) - max(0, shift))
            other = self.human[max(0, shift) : len(human) + min(0, shift)]
            same = other == self.machine[inside]
            human[inside] = np.where(same & (other >= 0), other, human[inside])
        return np.where(self.compared, human, self.human)

    def disagreements(self, human: Codes, person: str) -> list[Disagreement]:
        """Runs of units with the same two labels that differ."""
        differs = self.compared & (human != self.machine)
        same = (human[1:] == human[:-1]) & (self.machine[1:] == self.machine[:-1]) & differs[1:] & differs[:-1]
        starts = np.flatnonzero(differs & np.append(True, ~same))
        ends = np.flatnonzero(differs & np.append(~same, True)) + 1
        return [
            Disagreement(
                self.start_s + self.step_s * first,
                self.start_s + self.step_s * last,
                person,
                EMOTIONS[int(human[first])],
                EMOTIONS[int(self.machine[first])],
            )
            for first, last in zip(starts.tolist(), ends.tolist())
        ]


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
            join([_person(track) for track in video.ranked], most=8) if video.tracks else "none: no face was visible"
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


def _person(track: TrackTimeline) -> str:
    return track.name or str(track.track_id)


def _one_video(videos: Sequence[VideoTimeline]) -> VideoTimeline:
    if len(videos) != 1:
        message = f"source: the table holds {len(videos)} videos, expected one"
        raise OptionError(message, hint=f"Choose one with --source, such as {videos[0].name!r}.", field="source")
    return videos[0]
