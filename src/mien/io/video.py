"""A video file as a stream of frames, with true times, for as far as it can be read."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import OptionError, SourceError, TooLargeError
from ..extras import require
from ..options import MAX_MEGAPIXELS
from ..types import Frame
from .discovery import IMAGE_EXTENSIONS
from .hdr import BT2020, HLG, PQ, to_sdr
from .sources import local_path

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: What a video's name ends in, in lower case.
VIDEO_EXTENSIONS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv"),
    *(".3gp", ".3g2", ".ogv", ".mjpeg", ".mjpg", ".y4m", ".vob", ".mxf", ".asf", ".dv", ".f4v"),
)
#: What the content of a video begins with: bytes, and where they stand.
_SIGNATURES = (
    *((box, 4) for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")),
    *((riff, 8) for riff in (b"AVI ", b"CDXA", b"AMV ")),
    (b"\x1a\x45\xdf\xa3", 0), (b"OggS", 0), (b"FLV", 0), (b".RMF", 0), (b"DKIF", 0), (b"nut/multimedia", 0),
    (b"\x00\x00\x01\xba", 0), (b"\x00\x00\x01\xb3", 0), (b"\x30\x26\xb2\x75", 0), (b"\x06\x0e\x2b\x34", 0),
    (b"\x1f\x07\x00", 0), (b"YUV4MPEG2", 0), (b"\xb7\xd8\x00\x20\x37\x49\xda\x11", 0),
    *((b"\x00\x00\x00\x01" + unit, 0) for unit in (b"\x09", b"\x27", b"\x67", b"\x40\x01", b"\x46\x01")),  # H.26x
)  # fmt: skip
#: Images that share a container with MP4.
_IMAGE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis", b"jxl ", b"jp2 ")
#: What other images begin with; a video of JPEG images begins as one of them does.
_IMAGE_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\x00", b"MM\x00*")
_JPEG_VIDEOS = (".mjpeg", ".mjpg")
#: Times are kept to the millisecond in tables; frames further apart than this are two.
TIMES_DIFFER_S = 0.0006
#: A frame so much earlier than the one before it starts another recording.
_RESTARTS_S = 0.5
#: Going on with a video begins to decode this much earlier: some formats find only roughly what they are asked for.
_SEEK_BEFORE_S = 3.0
#: Formats with an index to find a time by; in others a video is decoded from its beginning.
_INDEXED = {"mov", "matroska"}
#: Formats that give their frames no times, or wrong ones, and have a constant rate: their frames are counted.
_UNTIMED = {"avi", "mpeg", "h264", "hevc", "m4v", "mpegvideo"}
_HINT = "Try to play it in a video player; copy or download it again. An MP4 without its end cannot be read at all."
#: Higher rates in headers are clocks: browsers record with 1000.
_HIGHEST_RATE, _RATE_FRAMES = 480.0, 60
#: A video that ends this much earlier than its header says was cut off: seconds, and share of the video.
_SHORT_BY_S, _SHORT_BY = 1.0, 0.02


def is_video(path: str | Path, content: bytes | None = None) -> bool:
    """Whether a file is a video, by its content; where that does not tell, or there is no file, by its name.

    The name ``.ts`` alone does not count: most such files are programs. ``content`` is given for what is in memory.
    """
    path = Path(path)
    try:
        start = content[:200] if content is not None else _start_of(path)
    except OSError:
        return path.suffix.lower() in VIDEO_EXTENSIONS
    if start.startswith(_IMAGE_SIGNATURES) or start[8:12] == b"WEBP":
        return path.suffix.lower() in _JPEG_VIDEOS
    # MPEG-TS: packets of 188 bytes, each beginning with G, on disks with four bytes before it
    if any(start[at : at + 1] == start[at + size : at + size + 1] == b"G" for at, size in ((0, 188), (4, 192))):
        return True
    if path.suffix.lower() == ".ts":
        return False
    if start[4:8] == b"ftyp" and start[8:12] in _IMAGE_BRANDS:
        return False
    known = any(start[at : at + len(signature)] == signature for signature, at in _SIGNATURES)
    return known or path.suffix.lower() in VIDEO_EXTENSIONS


def _start_of(path: Path) -> bytes:
    if not path.is_file():  # opening a pipe would wait for ever
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        return file.read(200)


@dataclass
class _Clock:
    """Time that goes on where that of joined recordings starts again, and not where only single frames have wrong times."""

    frame_s: float
    before_s: float = 0.0
    shift_s: float = 0.0
    earlier_shift_s: float = 0.0

    def time_s(self, stored_s: float) -> float:
        time_s = stored_s + self.shift_s
        if time_s < self.before_s - _RESTARTS_S:
            self.earlier_shift_s = self.shift_s
            self.shift_s += self.before_s + self.frame_s - time_s
        elif time_s > self.before_s + _RESTARTS_S and stored_s + self.earlier_shift_s >= self.before_s:
            self.shift_s = self.earlier_shift_s
        self.before_s = stored_s + self.shift_s
        return self.before_s


@dataclass(frozen=True)
class VideoFacts:
    """Facts from a video's header: size of an upright frame in pixels; mean frames per second, 25 if unknown.

    ``duration_s`` is the length in seconds; None if the header does not say.
    """

    width: int
    height: int
    rate: float
    duration_s: float | None


class Video:
    """A video file.

    Args:
        path: the file.
        interval_s: sample one frame per interval, in seconds of video time; 0 reads every frame.
        max_megapixels: refuse videos whose frames hold more.
        name: what frames and messages call it; None takes the path.
        timeout_s: stop reading after this wall time in seconds, with a note in ``problems``; None sets no limit.

    Attributes:
        facts: the values of the header.
        problems: once the frames have been drawn: where and why some could not be read; empty if all could.
        passed: once the frames have been drawn: their number, with those that ``interval_s`` leaves out.

    Raises:
        OptionError: ``interval_s`` is negative or no number.
        SourceError: the file is missing, empty, no video, too large (``TooLargeError``), or holds no readable frame.
        MissingExtraError: PyAV is not installed.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        interval_s: float = 0.0,
        max_megapixels: float = MAX_MEGAPIXELS,
        name: str | None = None,
        timeout_s: float | None = None,
    ) -> None:
        if not 0 <= interval_s < float("inf"):
            message = f"interval_s: got {interval_s}, expected 0 (every frame) or more seconds"
            raise OptionError(message, hint="0.2 takes five a second.")
        self.path, self.name, self.interval_s = local_path(path), str(path) if name is None else name, interval_s
        self.problems: tuple[str, ...] = ()
        self.passed = 0
        self._origin_s, self._timeout_s = 0.0, math.inf if timeout_s is None else timeout_s
        with self._opened() as (container, stream):
            first = next(self._images(container, stream), None)
            if first is None:
                raise SourceError(f"{self.name} holds no frame that can be read", hint=_HINT)
            rate = _rate(stream, first, self._images(container, stream))
            formats = set(container.format.name.split(","))  # one reader may serve several, such as mov,mp4
            self._timed = first.time is not None and not formats & _UNTIMED
            self._indexed = bool(formats & _INDEXED)
            colors: Any = stream.codec_context  # known from the first frame on
            wide = colors.color_primaries == BT2020 or colors.color_trc in (PQ, HLG)
            self._transfer = int(colors.color_trc) if wide else None
            # Fixed once: some formats come to know where they start only while they are read
            self._origin_s = float(first.time or 0.0) if self._timed else 0.0
            start_s = float((stream.start_time or 0) * (stream.time_base or 0))
            self._missing_s = self._origin_s - start_s if self._timed and stream.start_time is not None else 0.0
            if self._missing_s > _SHORT_BY_S:  # the beginning is damaged: times stay those of the sound
                self._origin_s = start_s
            self.facts = _facts(stream, first, rate, self._origin_s)
        megapixels = self.facts.width * self.facts.height / 1e6
        if megapixels > max_megapixels:
            message = f"{self.name}: got frames of {megapixels:,.1f} megapixels, expected at most {max_megapixels:g}"
            hint = "Shrink it, or raise the limit with max_megapixels=... or --max-megapixels."
            raise TooLargeError(message, hint=hint)

    @property
    def sampled_rate(self) -> float:
        """Mean number of frames per second from ``frames``."""
        return min(self.facts.rate, 1 / self.interval_s) if self.interval_s else self.facts.rate

    @property
    def seekable(self) -> bool:
        """Whether decoding can start anywhere: the format has an index and times."""
        return self._timed and self._indexed

    def frames(self, after: tuple[int, float] | None = None, until_s: float = math.inf) -> Iterator[Frame]:
        """Decode the video, holding one frame at a time, after the number and time of a frame, or from the beginning.

        It ends before the first frame at ``until_s`` seconds or later.

        What is damaged is left out; where nothing more can be read the stream ends, and ``problems`` says so.

        Yields:
            Frames: upright, in square pixels, HDR (HLG or PQ) tone mapped; with ``time_s`` counted from the first frame as
            the video says (variable rates too) and always rising, and ``index`` counting all frames, also those that
            ``interval_s`` passes over.
        """
        self.problems, self.passed = (), 0
        if self._missing_s > _SHORT_BY_S:
            self.problems = (f"{self.name} cannot be read before {self._missing_s:.1f} s: its beginning is damaged",)
        ends_s, due_s = (0.0, 0.0) if after is None else (after[1], self._due_after(after[1]))
        must_end = time.monotonic() + self._timeout_s
        with self._opened() as (container, stream):
            for index, time_s, image in self._numbered(container, stream, after):
                if time.monotonic() > must_end:
                    self.problems += (f"{self.name} was read up to {ends_s:.1f} s within {self._timeout_s:g} s",)
                    return
                if time_s >= until_s:
                    return
                self.passed = index - (-1 if after is None else after[0])
                lasts_s = float((image.duration or 0) * (image.time_base or 0))
                ends_s = time_s + max(lasts_s, 1 / self.facts.rate)
                if time_s + 1e-6 >= due_s:
                    due_s = self._due_after(time_s)
                    yield Frame(_upright(image, self.facts, self._transfer), self.name, index, time_s)
            promised = _duration(stream, self._origin_s)
        if promised and promised - ends_s > max(_SHORT_BY_S, _SHORT_BY * promised):
            self.problems += (
                f"{self.name} stops at {ends_s:.1f} s of {promised:.1f} s: the rest is missing or damaged",
            )

    def _due_after(self, time_s: float) -> float:
        return self.interval_s and (math.floor((time_s + 1e-6) / self.interval_s) + 1) * self.interval_s

    def _numbered(
        self, container: InputContainer, stream: VideoStream, after: tuple[int, float] | None
    ) -> Iterator[tuple[int, float, VideoFrame]]:
        """Number, time and image of each frame."""
        av = require("av", "video")
        index, last_s = -1, -1.0
        clock = _Clock(1 / self.facts.rate)
        if after is not None and self._timed:
            index, last_s = after
            if self._indexed:
                base = stream.time_base or Fraction(1, av.time_base)
                with suppress(av.error.FFmpegError):  # then it is decoded from its beginning
                    begin_s = last_s + self._origin_s - _SEEK_BEFORE_S
                    container.seek(max(0, int(begin_s / base)), stream=stream)
        for image in self._images(container, stream):
            if not self._timed:
                index += 1
                if after is None or index > after[0]:
                    yield index, index / self.facts.rate, image
                continue
            time_s = last_s + TIMES_DIFFER_S if image.time is None else clock.time_s(image.time - self._origin_s)
            if time_s >= last_s + TIMES_DIFFER_S:
                index, last_s = index + 1, time_s
                yield index, time_s, image

    def _images(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        av = require("av", "video")
        packets = container.demux(stream)
        at, damaged = "its beginning", False
        while True:
            try:
                images = next(packets).decode()
            except StopIteration:
                return
            except av.error.InvalidDataError:
                if not damaged:
                    damaged = True
                    self.problems += (f"{self.name} is damaged at {at}: what can be read before and after it is read",)
                continue
            except av.error.FFmpegError as error:
                self.problems += (f"{self.name} cannot be read beyond {at}: {error.strerror}",)
                return
            for image in images:
                if isinstance(image, av.VideoFrame):
                    if image.is_corrupt and not damaged:
                        damaged = True
                        self.problems += (f"{self.name} is damaged after {at}: some images may be distorted",)
                    at = f"{image.time - self._origin_s:.1f} s" if image.time is not None else at
                    yield image

    @contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        av = require("av", "video")
        if self.path.is_fifo():  # opening it would wait for ever
            raise SourceError(f"{self.name} is a pipe, expected a file", hint="Save the video as a file first.")
        if self.path.is_file() and self.path.stat().st_size == 0:
            raise SourceError(f"{self.name} is empty: 0 bytes", hint=_HINT)
        with ExitStack() as stack:
            path: Any = os.path.abspath(self.path)  # noqa: PTH100  # a name with a colon would pass for an address
            try:
                if self.path.suffix.lower() in IMAGE_EXTENSIONS:  # FFmpeg trusts the name of an image: hide it
                    path = stack.enter_context(os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb"))
                container = stack.enter_context(av.open(path))
            except (av.error.FFmpegError, OSError) as error:
                raise SourceError(f"{self.name} cannot be read as a video: {error.strerror}", hint=_HINT) from error
            if not container.streams.video:
                raise SourceError(f"{self.name} holds no images, only sound", hint="Name a video.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream


def _rate(stream: VideoStream, first: VideoFrame, following: Iterator[VideoFrame]) -> float:
    """Frames per second: from the header, or measured on the first frames where the header has the clock of a recorder."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if 0 < rate <= _HIGHEST_RATE or first.time is None:
        return rate or 25.0
    times = [image.time - first.time for image in islice(following, _RATE_FRAMES) if image.time is not None]
    return len(times) / times[-1] if times and times[-1] > 0 else 25.0


def _facts(stream: VideoStream, first: VideoFrame, rate: float, origin_s: float) -> VideoFacts:
    height, width = first.height, max(1, round(first.width * float(stream.sample_aspect_ratio or 1)))
    if _orientation(first)[0]:
        height, width = width, height
    return VideoFacts(width, height, rate, _duration(stream, origin_s))


def _duration(stream: VideoStream, origin_s: float) -> float | None:
    """Seconds of the images alone: a container's own length may be that of its sound."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    spoken = stream.metadata.get("DURATION", "").split(":")  # as Matroska writes the end, 00:01:02.500000000
    with suppress(ValueError):
        if len(spoken) == 3:
            return 3600 * int(spoken[0]) + 60 * int(spoken[1]) + float(spoken[2]) - origin_s
    return None


def _orientation(image: VideoFrame) -> tuple[bool, bool, bool]:
    """Steps that make a frame upright: swap rows and columns, then mirror left and right, then top and bottom.

    From the display matrix, ISO/IEC 14496-12, which maps a stored pixel (x, y) to (a x + c y, b x + d y).
    """
    matrix: Any = image.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(np.int64).tolist()
    swapped = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if swapped else (a, d)
    return swapped, across < 0, down < 0


def _upright(image: VideoFrame, facts: VideoFacts, transfer: int | None) -> npt.NDArray[np.uint8]:
    swapped, mirrored, upside_down = _orientation(image)
    width, height = (facts.height, facts.width) if swapped else (facts.width, facts.height)
    if transfer is None:
        pixels = np.asarray(image.to_ndarray(format="rgb24", width=width, height=height), np.uint8)
    else:
        pixels = to_sdr(np.asarray(image.to_ndarray(format="rgb48le", width=width, height=height), np.uint16), transfer)
    if swapped:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1])
