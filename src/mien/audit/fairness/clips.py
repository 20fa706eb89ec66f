"""A clip among photos: a short video whose faces are read several times and averaged to one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...io.images import read_image
from ...io.video import Video, is_video
from ...types import Frame, Reading

#: Of a clip a frame each so many seconds is read: six or seven of one of two and a half seconds.
EVERY_S = 0.4


def frames_of(image: bytes | Path, damaged: Callable[[str], None]) -> Iterator[Frame]:
    """The one frame of a photo, or some of a clip, ``EVERY_S`` apart and from the first on.

    Args:
        image: the encoded bytes of a photo; or the path of a photo or of a video, which its name tells apart.
        damaged: told why, where a clip cannot be read to its end.

    Raises:
        SourceError: it cannot be read at all.
        MissingExtraError: it is a video, and the extra ``video`` is not installed.
    """
    if isinstance(image, bytes) or not is_video(image):
        yield read_image(image)
        return
    film = Video(image, interval_s=EVERY_S)
    yield from film.frames()
    if film.stopped:
        damaged(film.stopped)


def widest(readings: Sequence[Reading]) -> Reading | None:
    """Of several faces in an image, the widest; None where there is none."""
    return max(readings, key=lambda reading: reading.face.box.width, default=None)


def averaged(readings: Sequence[Reading]) -> Reading | None:
    """One reading from those of a clip's frames; None where no frame has a face.

    All numbers are means over the frames in which a face was found, those that an abstention depends on too; the face is the
    widest of them.
    """
    if len(readings) < 2:
        return readings[0] if readings else None
    first = max(readings, key=lambda reading: reading.face.box.width)
    votes = [reading.vote_shares for reading in readings if reading.vote_shares is not None]
    details = [reading.sharpness for reading in readings if reading.sharpness is not None]
    return Reading(
        first.face,
        first.emotions,
        np.mean([reading.probabilities for reading in readings], 0).astype(np.float32),
        np.mean(votes, 0).astype(np.float32) if len(votes) == len(readings) else None,
        in_label_set=float(np.mean([reading.in_label_set for reading in readings])),
        min_confidence=first.min_confidence,
        sharpness=float(np.mean(details)) if details else None,
    )
