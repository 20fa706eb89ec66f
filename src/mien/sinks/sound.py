"""The sound of one film on its way into another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..extras import require

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

#: Sound that MP4 and its kin hold as it is; other sound is converted to AAC.
_HELD = ("aac", "mp3", "ac3", "eac3", "alac")


class Sound:
    """Hands on packets of sound as the pictures go by, as they are or converted to AAC; use ``Sound.of``."""

    def __init__(self, source: InputContainer, given: AudioStream, file: OutputContainer, kept: AudioStream) -> None:
        self._file, self._given, self._kept = file, given, kept
        self._as_it_is = given.codec_context.name in _HELD
        pictures = source.streams.video[0]
        self._start_s = float((pictures.start_time or 0) * (pictures.time_base or 0))
        self._packets: Iterator[Packet[AudioStream]] = source.demux(given)
        self._next: Packet[AudioStream] | None = None
        self._advance()

    @classmethod
    def of(cls, source: InputContainer, file: OutputContainer) -> Sound:
        """The first sound of ``source``, to be written to ``file``, which must not have been written to yet."""
        given = source.streams.audio[0]
        if given.codec_context.name in _HELD:
            return cls(source, given, file, file.add_stream_from_template(given))
        layout = "mono" if given.codec_context.channels == 1 else "stereo"
        return cls(source, given, file, file.add_stream("aac", rate=given.rate, layout=layout))

    def up_to(self, time_s: float) -> None:
        """Write the sound that begins before a time, in seconds from the first picture."""
        while self._next is not None and self._time_s(self._next) <= time_s:
            self._write(self._next)
            self._advance()

    def finish(self, time_s: float) -> None:
        """Write the sound up to the last picture, and what the encoder still holds."""
        self.up_to(time_s)
        if not self._as_it_is:
            self._file.mux(self._kept.encode(None))

    def _time_s(self, packet: Packet[AudioStream]) -> float:
        return float((packet.pts or 0) * (packet.time_base or 0)) - self._start_s

    def _advance(self) -> None:
        av = require("av", "video")
        self._next = None
        try:
            while self._next is None or self._next.pts is None:  # a packet without a time marks the end
                self._next = next(self._packets)
        except (StopIteration, av.error.FFmpegError):  # damaged sound ends early: the pictures matter
            self._next = None

    def _write(self, packet: Packet[AudioStream]) -> None:
        av = require("av", "video")
        begins_s = self._time_s(packet)
        if begins_s < 0 or packet.time_base is None:
            return
        if self._as_it_is:
            packet.pts = packet.dts = round(begins_s / packet.time_base)
            packet.stream = self._kept
            self._file.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in frames:
            frame.pts = None  # without gaps, the encoder counts by itself
            self._file.mux(self._kept.encode(frame))
