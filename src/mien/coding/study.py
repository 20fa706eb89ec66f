"""Measure the participants of a study under each condition, from many videos or tables, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from ..drawing import encoded
from ..errors import DataError, MienError, OptionError, SourceError
from ..extras import check_installed
from ..io.annotations import Annotation, read_annotations
from ..io.atomic import write_all
from ..io.tables import Row, csv_bytes
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..report import join
from ..timelines.bins import binned, stacked
from ..timelines.timeline import SHORTEST_S, TrackTimeline, VideoTimeline
from .baseline import Baseline, BaselineKind, Floats, log_odds, seconds_in
from .manifest import ManifestRow, is_video, one_row_each, read_manifest
from .readings import Readings, prepare

TABLE, LONG_TABLE, REPORT = "participants.csv", "long.csv", "report.html"
_BINS, _LEVELS = 240, 40
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Strip:
    """A part of a video, from ``start_s`` to ``end_s``, as an image: stacked probabilities over time (PNG, 240 x 40)."""

    start_s: float
    end_s: float
    image: bytes = field(repr=False)


@dataclass(frozen=True, eq=False)
class ConditionResult:
    """A participant under a condition; several videos are pooled, weighted by visible time.

    Attributes:
        videos: number of parts of videos.
        duration_s: their length in seconds.
        seen_s: how long the face was visible, in seconds.
        unsure: share of the visible time in which readings abstained, 0 to 1; None if the face was never visible.
        shares: emotion -> share of the visible time, without unsure readings; empty if the face was never visible.
        means: emotion -> mean probability over the visible time, unsure readings included; empty likewise.
        changes: emotion -> mean change from the participant's baseline, a difference in log-odds; empty without a baseline.
        strips: one per part of a video in which the face was visible.
    """

    participant: str
    condition: str
    videos: int
    duration_s: float
    seen_s: float
    unsure: float | None
    shares: Mapping[str, float]
    means: Mapping[str, float]
    changes: Mapping[str, float]
    strips: tuple[Strip, ...] = field(default=(), repr=False)

    @property
    def mostly(self) -> str:
        """The emotion with the largest share of the visible time; empty if there is none."""
        return max(self.shares, key=self.shares.__getitem__) if any(self.shares.values()) else ""


@dataclass(frozen=True)
class StudyFailure:
    """A part of a video that could not be measured."""

    participant: str
    condition: str
    path: Path
    message: str


@dataclass(frozen=True, eq=False)
class Study:
    """The results of a study.

    Attributes:
        emotions: the label set; empty if nothing could be measured.
        results: by participant and condition, in the order of the manifest.
        failures: what could not be measured.
        baseline: the baseline, or None.
    """

    emotions: tuple[str, ...]
    results: tuple[ConditionResult, ...]
    failures: tuple[StudyFailure, ...] = ()
    baseline: Baseline | None = None

    def rows(self) -> list[Row]:
        """One row per participant and condition: times in seconds, then ``share_``, ``mean_`` and ``change_`` columns."""
        made: list[Row] = []
        for one in self.results:
            row: Row = {
                "participant": one.participant,
                "condition": one.condition,
                "videos": one.videos,
                "duration_s": round(one.duration_s, 3),
                "seen_s": round(one.seen_s, 3),
                "unsure": _rounded(one.unsure),
                "mostly": one.mostly or None,
            }
            for name, values in self._measures(one).items():
                row |= {f"{name}_{emotion}": _rounded(values.get(emotion)) for emotion in self.emotions}
            made.append(row)
        return made

    def long_rows(self) -> list[Row]:
        """One row per participant, condition and emotion: ``share``, ``mean`` and, with a baseline, ``change``."""
        made: list[Row] = []
        for one in self.results:
            measures = self._measures(one)
            for emotion in self.emotions:
                start: Row = {"participant": one.participant, "condition": one.condition, "emotion": emotion}
                start["seen_s"] = round(one.seen_s, 3)
                made.append(start | {name: _rounded(values.get(emotion)) for name, values in measures.items()})
        return made

    def _measures(self, one: ConditionResult) -> dict[str, Mapping[str, float]]:
        measures = {"share": one.shares, "mean": one.means}
        return measures | ({"change": one.changes} if self.baseline else {})

    def save(self, folder: Path | str) -> list[Path]:
        """Write ``participants.csv``, ``long.csv`` and ``report.html`` into a folder, and return their paths."""
        from .study_report import study_report  # noqa: PLC0415 - it imports this module

        wide, long = self.rows(), self.long_rows()
        long_names = ("participant", "condition", "emotion", "seen_s", "share", "mean")
        contents = {
            TABLE: csv_bytes(tuple(wide[0]) if wide else ("participant", "condition"), wide),
            LONG_TABLE: csv_bytes((*long_names, *(("change",) if self.baseline else ())), long),
            REPORT: study_report(self).to_html().encode(),
        }
        return write_all(Path(folder), contents)


def code_study(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    manifest: Path | str | None = None,
    baseline: Baseline | str | None = None,
    events: Path | str | Sequence[Annotation] = (),
    options: ReadOptions | None = None,
    interval_s: float = 0.0,
    shortest_s: float = SHORTEST_S,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Study:
    """Measure participants under conditions, and write one table, its long form and a report.

    Videos without a table are read first, into ``<out>/readings``. One video is held in memory at a time. ::

        study = mien.code_study(["videos"], "results", manifest="study.csv", baseline="0:00-0:30")
        print(study.results[0].changes)

    Args:
        sources: videos, tables of ``mien read``, and folders of these; may be empty with a manifest.
        out: folder for the results.
        manifest: see ``read_manifest``; without one, each file is a participant.
        baseline: see ``Baseline``. A label names a condition, in which the participant's mean is the baseline, or else an
            event: the mean during these events in the video.
        events: a file (see ``read_annotations``) or annotations, for a baseline that names an event. Those that name a video
            or a participant (tier, subject) of the study apply to these only.
        options: how videos are read.
        interval_s: read one frame per interval, in seconds; 0 reads every frame.
        shortest_s: as in ``timeline``.
        resume: continue an interrupted study: tables in ``<out>/readings`` are kept.
        overwrite: replace the results of an earlier study, and read its videos again.
        progress: called with parts of videos done, their number, and a name.

    Returns:
        The results. Videos that cannot be read are ``failures``; the others are complete.

    Raises:
        OptionError: a source is missing, or ``baseline`` names no condition.
        DataError: the manifest is damaged, or names a missing file.
        OutputError: ``out`` holds results already, or those of other settings.
        MissingExtraError: an optional package is missing.
    """
    out, options = Path(out), options or ReadOptions()
    baseline = Baseline.parse(baseline) if isinstance(baseline, str) else baseline
    rows = read_manifest(manifest, sources) if manifest else one_row_each(sources)
    usual = _baseline_events(baseline, rows, read_annotations(events) if isinstance(events, Path | str) else events)
    check_installed(["scipy", "statsmodels"], "study")
    prepare(out, options, interval_s, resume=resume, overwrite=overwrite)
    parts: list[_Part] = []
    failures: list[StudyFailure] = []
    stems = [path.stem for path in dict.fromkeys(row.path for row in rows) if is_video(path)]
    doubles = frozenset(stem for stem in stems if stems.count(stem) > 1)
    read = Readings(out, options, interval_s, overwrite, doubles)
    done = 0
    for path, group in groupby(sorted(rows, key=lambda row: str(row.path)), key=lambda row: row.path):
        of_file = list(group)
        videos: Mapping[str, VideoTimeline] | MienError
        try:
            videos = read.timelines(path, shortest_s)
        except (SourceError, DataError) as error:
            videos = error
        for row in of_file:
            progress(done, len(rows), path.name)
            done += 1
            try:
                if isinstance(videos, MienError):
                    raise videos
                parts.append(_part(row, _video(videos, row), baseline, usual))
            except (SourceError, DataError) as error:
                failures.append(StudyFailure(row.participant, row.condition, path, str(error)))
    progress(done, len(rows), "")
    results = tuple(_results(rows, parts, None if usual else baseline))
    study = Study(_label_set(parts), results, tuple(failures), baseline)
    study.save(out)
    return study


def _baseline_events(
    baseline: Baseline | None, rows: Sequence[ManifestRow], events: Sequence[Annotation]
) -> tuple[Annotation, ...]:
    """The events that the baseline names, of all videos and participants; none if it names a condition."""
    conditions = list(dict.fromkeys(row.condition for row in rows if row.condition))
    if baseline is None or baseline.kind is not BaselineKind.LABEL or baseline.label in conditions:
        return ()
    people = {row.participant for row in rows}
    found = tuple(
        replace(one, tier=one.tier if one.tier in people else "") for one in events if one.label == baseline.label
    )
    if not any(one.seconds for one in found):
        known = join([*conditions, *dict.fromkeys(one.label for one in events)], most=12) or "none"
        what = f"a window, 'calmest', or a condition or event with a duration: {known}"
        message = f"baseline: got {baseline.label!r}, expected {what}"
        raise OptionError(message, hint="Example: --baseline 0:00-0:30", field="baseline", value=baseline.label)
    return found


@dataclass(frozen=True, eq=False)
class _Part:
    """Sums over the visible time of one row of the manifest; ``level`` is its baseline, float64 (K,), or None."""

    row: ManifestRow
    emotions: tuple[str, ...]
    duration_s: float
    seen_s: float
    unsure_s: float
    shares_s: Floats
    probability_s: Floats
    log_odds_s: Floats
    level: Floats | None
    strip: Strip | None


def _video(videos: Mapping[str, VideoTimeline], row: ManifestRow) -> VideoTimeline:
    if not row.video and len(videos) == 1:
        return next(iter(videos.values()))
    wanted = row.video or row.path.name
    if wanted not in videos:
        same = [name for name in videos if Path(name).stem == Path(wanted).stem]
        if len(same) != 1:
            message = f"{row.path} has no video {wanted!r}: it has {join(list(videos), most=8)}"
            raise DataError(message, hint="Check the column 'file' of the manifest.", path=row.path)
        return videos[same[0]]
    return videos[wanted]


def _part(row: ManifestRow, video: VideoTimeline, baseline: Baseline | None, usual: Sequence[Annotation] = ()) -> _Part:
    start_s, end_s = max(row.start_s, video.start_s), min(row.end_s, video.end_s)
    if end_s <= start_s:
        message = f"{row.path}: got the part from {row.start_s:g} s, but the video ends at {video.end_s:g} s"
        raise DataError(message, hint="Check the columns 'start' and 'end' of the manifest.", path=row.path)
    tracks = _tracks(row, video, start_s, end_s)
    size = len(video.emotions)
    seen_s = unsure_s = 0.0
    shares_s, probability_s, log_odds_s = np.zeros(size), np.zeros(size), np.zeros(size)
    for track in tracks:
        seconds = seconds_in(track, start_s, end_s)
        seen_s += float(seconds.sum())
        unsure_s += float(seconds[track.unsure].sum())
        sure = np.where(track.unsure, 0.0, seconds)
        shares_s += np.bincount(track.probabilities.argmax(1), weights=sure, minlength=size)
        probability_s += seconds @ track.probabilities.astype(np.float64)
        log_odds_s += seconds @ log_odds(track.probabilities)
    level = None
    if baseline and tracks and (usual or baseline.kind is not BaselineKind.LABEL):
        mine = [one for one in usual if one.is_of(video.source) and one.tier in ("", row.participant)]
        found = baseline.level(tracks, [(one.start_s, one.end_s) for one in mine])
        level = found.log_odds if found else None
    strip = _strip(tracks, start_s, end_s) if seen_s > _ROUNDING else None
    sums = (end_s - start_s, seen_s, unsure_s, shares_s, probability_s, log_odds_s)
    return _Part(row, video.emotions, *sums, level, strip)


def _tracks(row: ManifestRow, video: VideoTimeline, start_s: float, end_s: float) -> list[TrackTimeline]:
    """The tracks of the participant: none if no face was visible in the part."""
    if row.person == "all":
        return list(video.tracks)
    if row.person:
        found = [track for track in video.tracks if row.person in (str(track.track_id), track.name)]
        if not found:
            known = join([str(track.track_id) for track in video.ranked], most=8) if video.tracks else "none"
            message = f"{row.path} has no person {row.person!r}: it has {known}"
            raise DataError(message, hint="Check the column 'person' of the manifest.", path=row.path)
        return found
    visible = [(float(seconds_in(track, start_s, end_s).sum()), track) for track in video.tracks]
    longest = max(visible, key=lambda pair: (pair[0], -pair[1].track_id), default=(0.0, None))
    return [longest[1]] if longest[1] is not None and longest[0] > 0 else []


def _strip(tracks: Sequence[TrackTimeline], start_s: float, end_s: float) -> Strip:
    longest = max(tracks, key=lambda track: float(seconds_in(track, start_s, end_s).sum()))
    return Strip(start_s, end_s, encoded(stacked(binned(longest, start_s, end_s, _BINS), _LEVELS)))


def _label_set(parts: Sequence[_Part]) -> tuple[str, ...]:
    sets = dict.fromkeys(part.emotions for part in parts)
    if len(sets) > 1:
        listed = "; ".join(", ".join(emotions) for emotions in sets)
        message = f"the tables have different label sets: {listed}"
        raise DataError(message, hint="Read all videos with the same --emotions.", field="emotions")
    return next(iter(sets), ())


def _results(
    rows: Sequence[ManifestRow], parts: Sequence[_Part], baseline: Baseline | None
) -> Iterator[ConditionResult]:
    grouped: dict[tuple[str, str], list[_Part]] = {(row.participant, row.condition): [] for row in rows}
    for part in parts:
        grouped[part.row.participant, part.row.condition].append(part)
    by_label = baseline.label if baseline and baseline.kind is BaselineKind.LABEL else None
    for (participant, condition), found in grouped.items():
        if found and by_label is not None:
            level = _mean_log_odds(grouped.get((participant, by_label), []))
            found = [replace(part, level=level) for part in found]  # noqa: PLW2901
        if found:
            yield _pooled(participant, condition, found)


def _mean_log_odds(parts: Sequence[_Part]) -> Floats | None:
    seen_s = sum(part.seen_s for part in parts)
    return np.asarray(sum(part.log_odds_s for part in parts)) / seen_s if seen_s > _ROUNDING else None


def _pooled(participant: str, condition: str, parts: Sequence[_Part]) -> ConditionResult:
    emotions = parts[0].emotions
    seen_s = sum(part.seen_s for part in parts)
    visible = seen_s > _ROUNDING

    def per_second(sums: Sequence[Floats], seconds: float) -> dict[str, float]:
        return dict(zip(emotions, (np.sum(sums, axis=0) / seconds).tolist()))

    changes = [
        (part.seen_s, part.log_odds_s - part.seen_s * part.level)
        for part in parts
        if part.level is not None and part.seen_s > _ROUNDING
    ]
    return ConditionResult(
        participant,
        condition,
        len(parts),
        sum(part.duration_s for part in parts),
        seen_s,
        sum(part.unsure_s for part in parts) / seen_s if visible else None,
        per_second([part.shares_s for part in parts], seen_s) if visible else {},
        per_second([part.probability_s for part in parts], seen_s) if visible else {},
        per_second([change for _, change in changes], sum(seconds for seconds, _ in changes)) if changes else {},
        tuple(part.strip for part in parts if part.strip),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4) + 0.0  # -0.0 becomes 0.0
