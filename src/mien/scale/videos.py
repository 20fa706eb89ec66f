"""Videos in segments: read in parallel, and stitched so that the rows are those of one reader."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..io.video import TIMES_DIFFER_S, Video
from ..io.video_sinks import NO_IMAGE
from ..reader import Reader
from ..tracking import ShotDetector, Tracker, small_image
from ..types import Box, Face, Frame, Reading

#: Least length of a segment in seconds: decoding starts up to some seconds earlier, at a keyframe.
SEGMENT_S = 60.0
#: Segments begin this much before a whole multiple of their length, in seconds, where no frame is due.
_BEFORE_S = 0.001


@dataclass(frozen=True, eq=False)
class Segment:
    """What was read in one segment of a video, before people are tracked; F frames that were read, of ``passed``.

    Attributes:
        run: what identifies the run.
        rate: frames per second that are read.
        passed: number of frames in the segment, with those that sampling leaves out.
        indices, times: int64 and float64 (F,): number in the segment from 0, and time in the video in seconds.
        cuts: bool (F,): the frame begins a new shot; unknown, and False, for the first one.
        first, last: small images of the first and last frame; None without frames.
        readings: those of each frame.
        problems: what could not be read.
    """

    run: dict[str, Any]
    rate: float = 25.0
    passed: int = 0
    indices: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    cuts: tuple[bool, ...] = ()
    first: npt.NDArray[np.uint8] | None = None
    last: npt.NDArray[np.uint8] | None = None
    readings: tuple[Sequence[Reading], ...] = ()
    problems: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The segment as a file."""
        faces = [reading for readings in self.readings for reading in readings]
        edges = [] if self.first is None or self.last is None else [self.first, self.last]
        unknown = np.nan
        columns: dict[str, Any] = {
            "run": json.dumps(self.run),
            "rate": self.rate,
            "passed": self.passed,
            "indices": np.array(self.indices, np.int64),
            "times": np.array(self.times, np.float64),
            "cuts": np.array(self.cuts, bool),
            "edges": np.array(edges, np.uint8),
            "counts": np.array([len(readings) for readings in self.readings], np.int64),
            "boxes": np.array([reading.face.box.xyxy for reading in faces], np.float64),
            "scores": np.array([reading.face.score for reading in faces], np.float64),
            "probabilities": np.array([reading.probabilities for reading in faces], np.float32),
            "votes": np.array([r.vote_shares for r in faces if r.vote_shares is not None], np.float32),
            "others": np.array(
                [
                    (
                        r.in_label_set,
                        r.min_confidence,
                        r.min_face_score,
                        unknown if r.sharpness is None else r.sharpness,
                    )
                    for r in faces
                ],
                np.float64,
            ),
            "problems": np.array(self.problems, np.str_),
        }
        file = io.BytesIO()
        np.savez_compressed(file, **columns)
        return file.getvalue()


def segment_from_bytes(content: bytes, emotions: tuple[str, ...]) -> Segment | None:
    """The segment in a file; None if it is damaged. Nothing in the file is executed."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            table = {name: file[name] for name in file.files}
        readings = iter(
            [
                Reading(
                    Face(Box(*table["boxes"][row].tolist()), score),
                    emotions,
                    table["probabilities"][row],
                    vote_shares=table["votes"][row] if len(table["votes"]) else None,
                    in_label_set=others[0],
                    min_confidence=others[1],
                    min_face_score=others[2],
                    sharpness=None if math.isnan(others[3]) else others[3],
                    face_index=0,
                )
                for row, (score, others) in enumerate(zip(table["scores"].tolist(), table["others"].tolist()))
            ]
        )
        first, last = tuple(table["edges"]) or (None, None)
        return Segment(
            json.loads(str(table["run"])),
            float(table["rate"]),
            int(table["passed"]),
            tuple(table["indices"].tolist()),
            tuple(table["times"].tolist()),
            tuple(table["cuts"].tolist()),
            first,
            last,
            tuple([next(readings) for _ in range(count)] for count in table["counts"].tolist()),
            tuple(table["problems"].tolist()),
        )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return None


def segment_length(interval_s: float) -> float:
    """Seconds of a segment: a multiple of the interval, so that each segment samples the frames that one reader would."""
    return math.ceil(SEGMENT_S / interval_s) * interval_s if interval_s else SEGMENT_S


def count_segments(path: str, interval_s: float, max_megapixels: float) -> int:
    """Number of segments that a local video is read in; 1 if it has no index, or cannot be opened."""
    try:
        video = Video(path, interval_s=interval_s, max_megapixels=max_megapixels)
    except SourceError:
        return 1  # its worker reports the error
    if not video.seekable or video.facts.duration_s is None:
        return 1
    return max(1, round(video.facts.duration_s / segment_length(interval_s)))


def read_segment(video: Video, reader: Reader, run: dict[str, Any], number: int, count: int) -> Segment:
    """Read segment ``number`` of ``count``; decoding starts at a keyframe before it."""
    after = None if number == 0 else (-1, _start(video, number) - TIMES_DIFFER_S)
    until_s = math.inf if number == count - 1 else _start(video, number + 1)
    shots, frames, cuts, readings = ShotDetector(), [], [], []
    first = last = None
    for frame, found in reader.read_frames(video.frames(after, until_s)):
        cuts.append(shots.at(frame.image))
        last = small_image(frame.image)
        first = last if first is None else first
        frames.append((frame.index, frame.time_s))
        readings.append(list(found))
    indices, times = zip(*frames) if frames else ((), ())
    return Segment(
        run, video.sampled_rate, video.passed, indices, times, tuple(cuts), first, last, tuple(readings), video.problems
    )


def _start(video: Video, number: int) -> float:
    # The sum that Video.frames forms, so that a frame at this time is in one segment exactly
    return (number * segment_length(video.interval_s) - _BEFORE_S - TIMES_DIFFER_S) + TIMES_DIFFER_S


def stitch(name: str, segments: Iterable[Segment]) -> Iterator[tuple[Frame, list[Reading]]]:
    """Frames, without their images, and readings of a video from its segments in order, as ``read_video`` yields them.

    People are tracked here, through all segments, so their numbers are those of one reader.
    """
    tracker: Tracker | None = None
    passed, last = 0, None
    for segment in segments:
        tracker = tracker or Tracker(segment.rate)
        for place, (index, time_s) in enumerate(zip(segment.indices, segment.times)):
            cut = segment.cuts[place]
            if place == 0 and last is not None and segment.first is not None:
                shots = ShotDetector()
                shots.at(last)
                cut = shots.at(segment.first)
            frame = Frame(NO_IMAGE, name, passed + index, time_s)
            placed = [
                replace(reading, source=name, frame_index=frame.index, time_s=time_s, face_index=number)
                for number, reading in enumerate(segment.readings[place])
            ]
            yield frame, tracker.update(frame, placed, cut=cut)
        passed += segment.passed
        last = last if segment.last is None else segment.last
