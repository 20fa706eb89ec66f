"""Annotated copies of images and videos: where they go, and writers that keep the sound of videos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import OptionError, OutputError
from ..extras import require
from ..types import checked
from .atomic import check_ending, replacing, replacing_path, writing_to
from .video import is_video

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

#: What the name of a video that mien writes may end in.
VIDEO_FORMATS = (".mp4", ".mkv", ".mov")
#: A common clock of videos: its ticks hit the times of all usual frame rates.
_TICKS = 90_000
#: Constant rate factor of x264, where 18 is called visually lossless and 23 is the default.
_QUALITY = {"crf": "20", "preset": "veryfast"}
#: Sound that MP4 and its kin hold as it is; other sound is converted to AAC.
_COPIED = ("aac", "mp3", "ac3", "eac3", "alac")
#: Samples per second of AAC (ISO/IEC 14496-3), the common ones.
_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
#: A hole in the sound that is filled with silence, in seconds; shorter ones are how decoders round.
_HOLE_S = 0.05
_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")


class AnnotatedCopies:
    """The places of annotated copies, checked before any work is done, and a writer of images.

    A folder mirrors the places of the sources below their common folder: the copy of ``photos/a/1.jpg`` is
    ``<folder>/a/1.jpg``. Other image formats become PNG, other video formats MP4, and the name grows: ``1.webp.png``. So a
    source has the same file in every run, and two sources have two files. Raises ``OutputError`` if copies could replace
    what is to be read, or each other.

    Attributes:
        folder: of the copies of images; None writes none.
    """

    def __init__(self, annotate: Path | None, paths: Sequence[Path], *, replace: bool = True) -> None:
        self.folder: Path | None = None
        self._video: Path | None = None
        self._root = _common_folder(paths)
        if annotate is None:
            return
        if is_video(annotate) and not annotate.is_dir():
            self._video = _one_video(annotate, paths, replace)
            return
        for path in paths:  # above or beside the sources, copies could replace originals
            if path.resolve().is_relative_to(annotate.resolve()):
                message = f"annotate: {annotate} holds sources such as {path}: annotated copies could replace originals"
                raise OutputError(message, hint="Give a separate folder, such as --annotate annotated.", path=annotate)
        self.folder = annotate
        places: dict[Path | None, Path] = {}
        for path in paths:
            place = self.place(path)
            if places.setdefault(place, path) != path:
                message = f"{place} would hold the annotated copies of both {places[place]} and {path}"
                raise OutputError(message, hint="Rename one of them, or read them into two folders.", path=place)
        with writing_to(annotate):
            annotate.mkdir(parents=True, exist_ok=True)

    def place(self, source: str | Path) -> Path | None:
        """Return the place of the copy of an image or video; None without one."""
        if self.folder is None:
            return self._video
        path = _absolute(source)
        if path.is_relative_to(self._root):
            inside = path.relative_to(self._root)
        else:  # on another drive
            inside = Path("elsewhere", path.drive.strip(":\\/").replace("\\", "/"), *path.parts[1:])
        formats, fallback = (VIDEO_FORMATS, ".mp4") if is_video(path) else ((*_JPEG, ".png"), ".png")
        place = self.folder / (inside if path.suffix.lower() in formats else f"{inside}{fallback}")
        check_not_source(place, path)
        return place

    def write(self, name: str, image: npt.NDArray[np.uint8]) -> None:
        """Save the copy of the image ``name``, uint8 (H, W, 3), RGB, as JPEG (quality 92) or PNG."""
        path = self.place(name)
        if path is None:
            return
        checked("image", image, np.uint8, (None, None, 3), hint="Give RGB pixels with values 0-255.")
        with replacing(path) as file:
            kind = "JPEG" if path.suffix.lower() in _JPEG else "PNG"
            Image.fromarray(image).save(file, kind, quality=92, subsampling=0)  # PNG ignores both

    def lacks(self, path: Path) -> bool:
        """Whether a copy of ``path`` is asked for and does not exist."""
        place = self.place(path)
        return place is not None and not place.exists()


def _one_video(annotate: Path, paths: Sequence[Path], replace: bool) -> Path:
    check_video_format(annotate)
    if len(paths) != 1 or not is_video(paths[0]):
        message = f"annotate: {annotate} is a video, expected a folder unless one video is read"
        hint = "Give a folder, such as --annotate annotated."
        raise OptionError(message, hint=hint, field="annotate", value=annotate)
    check_not_source(annotate, paths[0])
    if annotate.exists() and not replace:
        hint = "Use --out with --overwrite to replace both, or give another name."
        raise OutputError(f"{annotate} exists", hint=hint, path=annotate)
    return annotate


def check_not_source(place: Path, source: Path) -> None:
    """Raise if writing to ``place`` would replace ``source``."""
    if place.exists() and source.exists() and place.samefile(source):
        raise OutputError(f"{place} would replace its source", hint="Write elsewhere.", path=place)


def _common_folder(paths: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([_absolute(path).parent for path in paths]))
    except ValueError:  # on two drives
        return Path.cwd()


def _absolute(path: str | Path) -> Path:
    # Without "..", which could lead out of the folder; resolve() would give a link the name of its target.
    return Path(os.path.abspath(path))  # noqa: PTH100


def check_video_format(path: Path) -> None:
    """Raise if no video can be written under this name, or PyAV is not installed."""
    check_ending(path, VIDEO_FORMATS)
    require("av", "video")


@contextmanager
def video_writer(path: Path, sound_from: str | Path | None = None) -> Iterator[VideoWriter]:
    """A writer of frames, in constant memory; the video is there whole when the context ends well, and else not at all.

    With ``sound_from``, a video, its sound goes along, as far as the images last. Raises ``OutputError`` if the place
    cannot be written to, or nothing was written.
    """
    check_video_format(path)
    av = require("av", "video")
    with replacing_path(path) as temporary:
        try:
            with ExitStack() as stack:
                file = stack.enter_context(av.open(str(temporary.absolute()), "w"))
                sound = stack.enter_context(av.open(str(Path(sound_from).absolute()))) if sound_from else None
                writer = VideoWriter(path, file, _Sound(sound, file) if sound and sound.streams.audio else None)
                yield writer
                writer.finish()
        except av.error.FFmpegError as error:
            hint = "Check that the disk has room; try .mkv."
            raise OutputError(f"cannot write {path}: {error.strerror}", hint=hint) from error


class VideoWriter:
    """Use ``video_writer``."""

    def __init__(self, path: Path, file: OutputContainer, sound: _Sound | None) -> None:
        self._path, self._file, self._sound = path, file, sound
        self._images = file.add_stream("libx264", rate=30, options=_QUALITY)
        self._images.pix_fmt = "yuv420p"
        self._images.time_base = self._images.codec_context.time_base = Fraction(1, _TICKS)
        self._last = -1

    def write(self, image: npt.NDArray[np.uint8], time_s: float) -> None:
        """Add an image, uint8 (H, W, 3), RGB, later than the one before; an odd last row or column is repeated."""
        if self._last < 0:
            self._images.width, self._images.height = (image.shape[1] + 1) // 2 * 2, (image.shape[0] + 1) // 2 * 2
        height, width = image.shape[0] % 2, image.shape[1] % 2  # x264's chroma needs even sides
        even = np.pad(image, ((0, height), (0, width), (0, 0)), mode="edge") if height or width else image
        part = np.ascontiguousarray(even[: self._images.height, : self._images.width])
        frame = require("av", "video").VideoFrame.from_ndarray(part, format="rgb24")
        frame.pts = self._last = max(self._last + 1, round(time_s * _TICKS))
        frame.time_base = Fraction(1, _TICKS)
        with writing_to(self._path):
            self._file.mux(self._images.encode(frame))
            if self._sound:
                self._sound.write_until(time_s)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._last < 0:
            raise OutputError(f"cannot write {self._path}: there is no image for it", hint="Check the source.")
        self._file.mux(self._images.encode(None))
        if self._sound:
            self._sound.finish(self._last / _TICKS)


class _Sound:
    """Hands on the first sound of a video as the images go by, as it is or converted to AAC."""

    def __init__(self, source: InputContainer, file: OutputContainer) -> None:
        av = require("av", "video")
        given, images = source.streams.audio[0], source.streams.video[0]
        self._file, self._is_copied = file, given.codec_context.name in _COPIED
        if self._is_copied:
            self._kept = file.add_stream_from_template(given)
        else:
            layout = "mono" if given.codec_context.channels == 1 else "stereo"
            rate = given.rate if given.rate in _RATES else _RATES[0]
            self._kept = file.add_stream("aac", rate=rate, layout=layout)
            self._resampler = av.AudioResampler("fltp", layout, rate)
        self._start_s = float((images.start_time or 0) * (images.time_base or 0))
        self._samples = 0  # converted so far
        self._packets = self._readable(source, given)
        self._next = next(self._packets, None)

    def write_until(self, time_s: float) -> None:
        """Write the sound that begins before a time, in seconds from the first image."""
        while self._next is not None and self._time_s(self._next) <= time_s:
            if self._time_s(self._next) >= 0:
                self._write(self._next)
            self._next = next(self._packets, None)

    def finish(self, time_s: float) -> None:
        """Write the sound up to the last image, and what the encoder still holds."""
        self.write_until(time_s)
        if not self._is_copied:
            self._file.mux(self._kept.encode(None))

    def _readable(self, source: InputContainer, given: AudioStream) -> Iterator[Packet[AudioStream]]:
        av = require("av", "video")
        try:  # a packet without a time marks the end
            yield from (packet for packet in source.demux(given) if packet.pts is not None)
        except av.error.FFmpegError:  # damaged sound ends early: the images matter
            return

    def _time_s(self, part: Packet[AudioStream] | AudioFrame) -> float:
        return float((part.pts or 0) * (part.time_base or 0)) - self._start_s

    def _write(self, packet: Packet[AudioStream]) -> None:
        av = require("av", "video")
        if self._is_copied and packet.time_base:
            packet.pts = packet.dts = round(self._time_s(packet) / packet.time_base)
            packet.stream = self._kept
            self._file.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in frames:
            self._fill_with_silence(self._time_s(frame))
            frame.pts = None  # counted from here on
            for converted in self._resampler.resample(frame):
                self._encode(converted)

    def _fill_with_silence(self, time_s: float) -> None:
        """Silence up to a time, where the sound begins late or has a hole."""
        rate = self._kept.rate
        while time_s - self._samples / rate > _HOLE_S:
            length = min(rate, round(time_s * rate) - self._samples)
            silence = np.zeros((self._kept.codec_context.channels, length), np.float32)
            frame = require("av", "video").AudioFrame.from_ndarray(silence, "fltp", self._kept.layout.name)
            frame.sample_rate = rate
            self._encode(frame)

    def _encode(self, frame: AudioFrame) -> None:
        self._samples += frame.samples
        frame.pts = None  # the encoder counts by itself
        self._file.mux(self._kept.encode(frame))
