"""The sound of one film on its way into another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..extras import require

if TYPE_CHECKING:
    from av import AudioFrame, Packet
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer

#: Sound that MP4 and its kin hold as it is; other sound is converted to AAC.
_HELD = ("aac", "mp3", "ac3", "eac3", "alac")
#: Samples a second that AAC knows (ISO/IEC 14496-3), the common ones.
_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
#: A hole in the sound that is filled with silence, in seconds; shorter ones are how decoders round.
_HOLE_S = 0.05


class Sound:
    """Hands on the first sound of a film as the pictures go by, as it is or converted to AAC.

    Args:
        source: a film with sound.
        file: where it goes; nothing must have been written to it yet.
    """

    def __init__(self, source: InputContainer, file: OutputContainer) -> None:
        av = require("av", "video")
        given = source.streams.audio[0]
        self._file, self._as_it_is = file, given.codec_context.name in _HELD
        if self._as_it_is:
            self._kept = file.add_stream_from_template(given)
        else:
            layout = "mono" if given.codec_context.channels == 1 else "stereo"
            rate = given.rate if given.rate in _RATES else _RATES[0]
            self._kept = file.add_stream("aac", rate=rate, layout=layout)
            self._converted = av.AudioResampler("fltp", layout, rate)
        pictures = source.streams.video[0]
        self._start_s = float((pictures.start_time or 0) * (pictures.time_base or 0))
        self._samples = 0  # converted so far
        self._packets: Iterator[Packet[AudioStream]] = source.demux(given)
        self._next: Packet[AudioStream] | None = None
        self._advance()

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

    def _time_s(self, part: Packet[AudioStream] | AudioFrame) -> float:
        return float((part.pts or 0) * (part.time_base or 0)) - self._start_s

    def _advance(self) -> None:
        av = require("av", "video")
        self._next = None
        try:
            while self._next is None or self._next.pts is None:  # a packet without a time marks the end
                self._next = next(self._packets)
        except (StopIteration, av.error.FFmpegError):  # damaged sound ends early: the pictures matter
            self._next = None

    def _write(self, packet: Packet[AudioStream]) -> None:
        begins_s = self._time_s(packet)
        if begins_s < 0 or packet.time_base is None:
            return
        if not self._as_it_is:
            self._convert(packet)
            return
        packet.pts = packet.dts = round(begins_s / packet.time_base)
        packet.stream = self._kept
        self._file.mux(packet)

    def _convert(self, packet: Packet[AudioStream]) -> None:
        av = require("av", "video")
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in frames:
            self._wait_until(self._time_s(frame))
            frame.pts = None  # counted from here on
            for converted in self._converted.resample(frame):
                self._encode(converted)

    def _wait_until(self, time_s: float) -> None:
        """Silence up to a time, where the sound begins late or has a hole."""
        av = require("av", "video")
        rate = self._kept.rate
        while time_s - self._samples / rate > _HOLE_S:
            length = min(rate, round(time_s * rate) - self._samples)
            silence = np.zeros((self._kept.codec_context.channels, length), np.float32)
            frame = av.AudioFrame.from_ndarray(silence, "fltp", self._kept.layout.name)
            frame.sample_rate = rate
            self._encode(frame)

    def _encode(self, frame: AudioFrame) -> None:
        self._samples += frame.samples
        frame.pts = None  # the encoder counts by itself
        self._file.mux(self._kept.encode(frame))
