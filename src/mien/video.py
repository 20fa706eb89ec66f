"""Compose the stages for moving images: videos and cameras in, people with their emotions over time out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .concurrency import worker_count
from .io.camera import Camera, latest
from .io.video import Video
from .options import ReadOptions
from .reader import Reader
from .tracking.tracker import Tracker
from .types import Frame, Reading

#: The smallest face to look for in moving images, as a share of their height: people stand closer to a camera that
#: videos them, and looking for smaller ones costs frames.
MIN_FACE_SHARE = 1 / 12
_LEAST_PIXELS = 20
#: Frames a second expected of a camera: as many as two processor cores deal with.
_LIVE_RATE = 30.0


def read_video(
    path: str | Path, options: ReadOptions | None = None, *, interval_s: float = 0.0
) -> Iterator[tuple[Frame, list[Reading]]]:
    """Read the faces in a video, and follow each through it.

    Frames are decoded while faces are found in the ones before, on all processor cores; memory stays flat however long
    the video is.

    Args:
        path: the video.
        options: how to read.
        interval_s: take a frame each so many seconds of the video; 0 takes every frame.

    Yields:
        Each frame with its readings; ``track`` numbers the people, ``probabilities`` are smoothed over time, ``raw``
        are those of the frame alone.

    Raises:
        SourceError: the video cannot be read at all. One that is cut off or damaged gives what can be read: see ``Video``.
        MissingExtraError: the extra ``video`` is not installed.
    """
    options = options or ReadOptions()
    video = Video(path, interval_s=interval_s, max_megapixels=options.max_megapixels)
    yield from follow_video(video, video_reader(video, options), video_tracker(video), worker_count(options.threads))


class Watch:
    """The faces before a camera, now: frames that come while one is read are dropped, never queued.

    Iterate over it, inside ``with``: it gives what ``read_video`` gives, without end where the source has none.

    Args:
        source: number of a camera, 0 being the first; the address of a stream; or a video, which is played at its own speed.
        options: how to read.
        stop_after_s: end so many seconds after the first frame; None goes on.
        least_face: the smallest face to look for where ``options`` say none, as a share of the height.

    Attributes:
        emotions: the label set of all readings.

    Raises:
        SourceError: the source cannot be opened, or gives no image; while iterating, that it stops.
        MissingExtraError: the extra ``video`` is not installed.
    """

    def __init__(
        self,
        source: int | str | Path,
        options: ReadOptions | None = None,
        *,
        stop_after_s: float | None = None,
        least_face: float = MIN_FACE_SHARE,
    ) -> None:
        options = options or ReadOptions()
        self._camera: Camera | None = None
        if isinstance(source, int) or not os.path.isfile(source):  # noqa: PTH113  # Path.is_file raises on a long name
            self._camera = Camera(source if isinstance(source, int) else str(source))
            height = self._camera.height
            self._frames = latest(self._camera.frames(), stop_after_s=stop_after_s)
        else:
            video = Video(source, max_megapixels=options.max_megapixels)
            height = video.facts.height
            self._frames = latest(video.frames(), paced=True, stop_after_s=stop_after_s)
        self._reader = Reader(replace(options, min_face=_least(options, height, least_face)))
        self._follower = Tracker(_LIVE_RATE)
        self.emotions = self._reader.emotions

    def __iter__(self) -> Iterator[tuple[Frame, list[Reading]]]:
        for frame in self._frames:
            yield frame, self._follower.follow(frame, self._reader.read(frame.image))

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self._frames.close()
        if self._camera:
            self._camera.close()


def video_reader(video: Video, options: ReadOptions, least_face: float = MIN_FACE_SHARE) -> Reader:
    """A reader that suits a video: one thread a frame, since several frames are read at once.

    Args:
        video: the video.
        options: how to read.
        least_face: the smallest face to look for where ``options`` say none, as a share of the height.
    """
    return Reader(replace(options, threads=1, min_face=_least(options, video.facts.height, least_face)))


def video_tracker(video: Video) -> Tracker:
    """A follower that has seen nothing yet, for the frames of a video."""
    return Tracker(video.sampled_rate)


def follow_video(
    video: Video, reader: Reader, follower: Tracker, workers: int, after: tuple[int, float] | None = None
) -> Iterator[tuple[Frame, list[Reading]]]:
    """Read and follow the frames of a video, or those ``after`` the number and time of one."""
    for frame, readings in reader.read_frames(video.frames(after), workers):
        yield frame, follower.follow(frame, readings)


def _least(options: ReadOptions, height: int, least_face: float) -> int:
    return options.min_face or max(_LEAST_PIXELS, round(height * least_face))
