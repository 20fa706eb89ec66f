"""Mask people in images and video."""

from __future__ import annotations

import pickle
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .detection import score_needed
from .drawing import mask_faces
from .errors import OptionError
from .options import ReadOptions
from .tracking import LIVE_GAP_S, LOST_S
from .types import Box, Face, Frame, Reading


@dataclass(frozen=True)
class Privacy:
    """Whom to mask, and whether images may be shown. By default nothing is masked.

    Attributes:
        mask_others: mask all faces except one, and keep no reading of them.
        show_people: ``track_id`` of the people to leave visible in a video; empty means the person visible longest.
        no_image_output: refuse to show or write images.

    Raises:
        OptionError: ``show_people`` without ``mask_others``, or with a number below 1.
    """

    mask_others: bool = False
    show_people: tuple[int, ...] = ()
    no_image_output: bool = False

    def __post_init__(self) -> None:
        if self.show_people and not self.mask_others:
            message = f"show_people: got {self.show_people}, which requires mask_others"
            raise OptionError(message, hint="Add --mask-others, or leave --show-person out.")
        if any(number < 1 for number in self.show_people):
            raise OptionError(f"show_people: got {min(self.show_people)}, expected the number of a person, 1 or more")

    def refuse_images(self, asked: Mapping[str, object]) -> None:
        """Raise ``OptionError`` if ``no_image_output`` holds and one of the options that show images has a true value."""
        for option, value in asked.items():
            if self.no_image_output and value:
                given = option if value is True else f"{option} {value}"
                message = f"{given} writes or shows images, which --no-image-output forbids"
                raise OptionError(message, hint=f"Leave out {option}, or --no-image-output.")


#: A face that is no longer detected stays masked for this many seconds, as long as the tracker keeps it.
HELD_S = LOST_S
#: In a video a face is masked from this many seconds before its first detection: heads turn, or enter from the edge.
AHEAD_S = LOST_S / 2
#: Growth of the mask of an undetected face on each side, in widths per second.
_GROWTH = 0.25
#: A face is masked from this share of the score that is needed to read it.
MASK_SCORE_SHARE = 0.5
#: The smallest face to look for in a photo where others are masked, its side in pixels.
MIN_MASKED_FACE = 20
#: The same in moving images, as a share of their height: 30 pixels in 1080 lines.
MIN_MASKED_FACE_SHARE = 1 / 36


def masking_options(options: ReadOptions, *, moving: bool = False) -> ReadOptions:
    """The options for finding faces to mask: a lower score threshold, and in photos smaller faces.

    For videos and cameras (``moving``) the smallest face follows from ``MIN_MASKED_FACE_SHARE``. Raises ``OptionError`` for
    the detector ``none``, which cannot find people to mask.
    """
    if options.detector == "none":
        message = f"mask_others requires a face detector, got detector {options.detector!r}"
        raise OptionError(message, hint="Leave out --detector none, or --mask-others.")
    least = options.min_face if options.min_face or moving else MIN_MASKED_FACE
    return replace(options, detector_threshold=MASK_SCORE_SHARE * score_needed(options), min_face=least)


class PhotoMasker:
    """Masks all faces of a photo except the widest one that meets ``options``."""

    def __init__(self, options: ReadOptions) -> None:
        self._least = score_needed(options)

    def mask(self, frame: Frame, readings: Sequence[Reading]) -> tuple[Frame, list[Reading]]:
        """Mask all faces except the widest; return the photo and the reading of the visible face, if there is one."""
        shown, kept = self.select(frame, [reading.face for reading in readings])
        return shown, [readings[kept]] if kept is not None else []

    def select(self, frame: Frame, faces: Sequence[Face]) -> tuple[Frame, int | None]:
        """Mask all faces except the widest; also return its index in ``faces``, None if no face meets ``options``."""
        sure = [row for row, face in enumerate(faces) if face.score >= self._least]
        kept = max(sure, key=lambda row: faces[row].box.width, default=None)
        return _masked(frame, faces, {kept}, self._least), kept


def _masked(
    frame: Frame, faces: Sequence[Face], kept: Collection[int | None], least: float, unseen: Sequence[Box] = ()
) -> Frame:
    """Mask the faces that are not ``kept`` (rows of ``faces``), and ``unseen`` boxes; parts of a kept face are spared."""
    spared = [face.box for row, face in enumerate(faces) if row in kept]

    def is_part(box: Box) -> bool:  # what a detector half takes for a face may be a part of one
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        return any(other.x0 <= x <= other.x1 and other.y0 <= y <= other.y1 for other in spared)

    others = [face for row, face in enumerate(faces) if row not in kept]
    masked = [face.box for face in others if not (face.score < least and is_part(face.box))]
    return mask_faces(frame, masked, spared, unseen)


class LiveMasker:
    """Masks all people except one: the widest face at first, then the same person until they have left.

    A new person is visible until the detector finds them. A masked person stays masked for ``HELD_S`` seconds after the last
    detection. ``options`` are those before ``masking_options``.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._least = score_needed(options)
        self._kept: int | None = None
        self._seen: dict[int | None, tuple[float, Box]] = {}
        self._now = self._last_time_s = 0.0

    def mask(self, frame: Frame, readings: Sequence[Reading]) -> tuple[Frame, list[Reading]]:
        """Mask all people except one; return the image, and the visible person's reading if it meets ``options``."""
        self._now += min(frame.time_s - self._last_time_s, LIVE_GAP_S)
        now, self._last_time_s = self._now, frame.time_s
        for reading in readings:
            self._seen[reading.track_id] = now, reading.face.box
        self._seen = {track: seen for track, seen in self._seen.items() if now - seen[0] <= HELD_S}
        if self._kept not in self._seen:
            sure = [reading for reading in readings if reading.face.score >= self._least]
            self._kept = max(sure, key=lambda one: one.face.box.width).track_id if sure else None
        kept = [row for row, reading in enumerate(readings) if reading.track_id == self._kept]
        others = [seen for track, seen in self._seen.items() if track != self._kept]
        unseen = [_grown(box, now - seen_s) for seen_s, box in others if seen_s < now]
        shown = _masked(frame, [reading.face for reading in readings], kept, self._least, unseen)
        return shown, [readings[row] for row in kept if readings[row].face.score >= self._least]


class VideoMasker:
    """Collects readings first and masks afterwards, because the person visible longest is known only at the end.

    Memory use is about 600 bytes per face and frame. ``options`` as in ``LiveMasker``.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._least = score_needed(options)
        self._frames: list[tuple[int, float, bytes]] = []
        self._sure: Counter[int] = Counter()
        self._seen: dict[int, list[tuple[float, int]]] = {}

    def add(self, frame: Frame, readings: Sequence[Reading]) -> None:
        """Store the faces of a frame with their tracks, including uncertain detections."""
        for reading in readings:
            number = reading.track_id or 0
            self._sure[number] += reading.face.score >= self._least
            self._seen.setdefault(number, []).append((frame.time_s, len(self._frames)))
        self._frames.append((frame.index, frame.time_s, pickle.dumps(list(readings))))

    def people(self) -> dict[int, int]:
        """Number of each person with a reading -> frames with one; longest visible first."""
        return {number: count for number, count in self._sure.most_common() if count}

    def chosen(self, show_people: Sequence[int] = ()) -> frozenset[int]:
        """Numbers of the people to leave visible: those given, or the person with the most readings."""
        return frozenset(show_people) if show_people else frozenset(list(self.people())[:1])

    def masked(self, kept: frozenset[int]) -> list[tuple[int, float, float]]:
        """Number, first and last time in seconds of each masked person; longest visible first."""
        others = [number for number in self.people() if number not in kept]
        return [(number, self._seen[number][0][0], self._seen[number][-1][0]) for number in others]

    def readings(self, kept: frozenset[int]) -> Iterator[tuple[int, float, list[Reading]]]:
        """Index, time and readings of each frame, only of visible people."""
        for place, (index, time_s, _) in enumerate(self._frames):
            found = [one for one in self._found(place) if one.track_id in kept and one.face.score >= self._least]
            yield index, time_s, found

    def mask(self, place: int, frame: Frame, kept: frozenset[int]) -> Frame:
        """Mask all people except ``kept`` in a frame, before which ``place`` frames were added.

        People who are not detected in it, but shortly before or after, are masked at an estimated position.
        """
        now, found = self._frames[place][1], self._found(place)
        absent = self._seen.keys() - kept - {one.track_id for one in found}
        unseen = [box for number in sorted(absent) if (box := self._about(number, now)) is not None]
        rows = [row for row, one in enumerate(found) if one.track_id in kept]
        return _masked(frame, [one.face for one in found], rows, self._least, unseen)

    def _about(self, number: int, now: float) -> Box | None:
        """The estimated box of a person who is not detected now; None if no detection is near in time."""
        times = self._seen[number]
        after = bisect_right(times, (now, len(self._frames)))
        before = self._box(number, times[after - 1]) if after and now - times[after - 1][0] <= HELD_S else None
        later = self._box(number, times[after]) if after < len(times) and times[after][0] - now <= AHEAD_S else None
        if before and later:  # it is on the way from one to the other
            corners = np.array([before.xyxy, later.xyxy])
            return Box(*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist())
        if before:
            return _grown(before, now - times[after - 1][0])
        return _grown(later, times[after][0] - now) if later else None

    def _box(self, number: int, seen: tuple[float, int]) -> Box:
        return next(one.face.box for one in self._found(seen[1]) if one.track_id == number)

    def _found(self, place: int) -> list[Reading]:
        readings: list[Reading] = pickle.loads(self._frames[place][2])  # noqa: S301 - written by ``add``
        return readings


def _grown(box: Box, unseen_s: float) -> Box:
    """The enlarged box of a face that was not detected for a while."""
    more = _GROWTH * abs(unseen_s) * max(box.width, box.height)
    return Box(box.x0 - more, box.y0 - more, box.x1 + more, box.y1 + more)
