"""Measure the speed of reading videos, and the memory that an hour takes (``docs/results/performance.md``).

    python research/video_speed.py                     # frames a second, and where the time goes
    python research/video_speed.py --hour              # memory over a video of an hour; --interval 0.2s is quicker

What a user would write instead, in the same run: OpenCV's decoder, one frame after the other, each read as a photo.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from mien import Reader, ReadOptions, Tracker, Video, read_video
from mien.io.images import read_image

EXAMPLES = Path(__file__).parents[1] / "examples"


def people() -> list[np.ndarray]:
    """Five heads, each 300 pixels high: two women, twice and thrice."""
    heads = [
        read_image(EXAMPLES / "astronaut.png").image[0:260, 90:350],
        read_image(EXAMPLES / "grace_hopper.jpg").image[40:420, 80:460],
    ]
    return [cv2.resize(heads[number % 2], (300, 300), interpolation=cv2.INTER_AREA) for number in range(5)]


def make_clip(path: Path, width: int, height: int, faces: int, seconds: int, rate: int = 30) -> Path:
    """Heads that sway on a textured background, in H.264 with a tone of silence."""
    backdrop = cv2.resize(
        np.random.default_rng(0).integers(60, 160, (height // 40, width // 40, 3), np.uint8), (width, height)
    )
    side = min(300, height // 2, (width // faces) - 20)
    heads = [cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA) for head in people()[:faces]]
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * rate):
            image = backdrop.copy()
            for place, head in enumerate(heads):
                x = round((place + 0.5) * width / faces - side / 2 + 8 * np.sin(number / 12 + place))
                y = round(height / 2 - side / 2 + 15 * np.sin(number / 17 + 2 * place))
                image[y : y + side, x : x + side] = head
            video.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        video.mux(stream.encode(None))
    return path


def loop(clip: Path, path: Path, seconds: float) -> Path:
    """The clip over and over, its packets copied."""
    with av.open(str(path), "w") as video:
        copy, offset = None, Fraction(0)
        while offset < seconds:
            with av.open(str(clip)) as given:
                stream = given.streams.video[0]
                copy = copy or video.add_stream_from_template(stream)
                for packet in given.demux(stream):
                    if packet.dts is None:
                        continue
                    shift = round(offset / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
                    video.mux(packet)
                offset += stream.duration * stream.time_base
    return path


def one_by_one(clip: Path) -> Iterator[object]:
    """The loop that people write."""
    reader, capture = Reader(), cv2.VideoCapture(str(clip))
    while True:
        arrived, image = capture.read()
        if not arrived:
            return
        yield reader.read(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def rate(moments: Iterator[object], skipped: int = 30) -> float:
    """Items a second, the first ones left out."""
    for _ in range(skipped):
        next(moments)
    started, count = time.perf_counter(), sum(1 for _ in moments)
    return count / (time.perf_counter() - started)


def stages(clip: Path, frames: int = 150) -> dict[str, float]:
    """Median milliseconds a frame of each stage, one thread, one after the other."""
    video = Video(clip)
    options = ReadOptions(threads=1, min_face=max(20, round(video.facts.height / 12)))
    tracker, reader = Tracker(video.facts.rate), Reader(options)
    taken: dict[str, list[float]] = {}

    def timed(name: str, started: float) -> float:
        now = time.perf_counter()
        taken.setdefault(name, []).append(1000 * (now - started))
        return now

    source = video.frames()
    for _ in range(frames):
        at = time.perf_counter()
        frame = next(source)
        at = timed("decode", at)
        faces = reader.detect(frame)
        at = timed("detect", at)
        crops = reader.crop(frame, faces)
        at = timed("crop", at)
        readings = reader.classify(faces, crops)
        at = timed("classify", at)
        tracker.update(frame, readings)
        timed("track", at)
    return {name: statistics.median(values[20:]) for name, values in taken.items()}


def resident_mb(pid: int) -> float:
    """Memory of a process in RAM, in MB (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def hour(folder: Path, minutes: float, interval: str | None) -> None:
    video = loop(make_clip(folder / "clip.mp4", 320, 240, 1, 20, 25), folder / "hour.mp4", 60 * minutes)
    command = [sys.executable, "-m", "mien", "read", str(video), "--out", str(folder / "hour.parquet")]
    command += ["--interval", interval] if interval else []
    process = subprocess.Popen(command)
    started, seen = time.monotonic(), []
    while process.poll() is None:
        time.sleep(5)
        if process.poll() is None and time.monotonic() - started > 30:
            seen.append(resident_mb(process.pid))
    took = time.monotonic() - started
    print(f"{minutes:g} minutes of video in {took / 60:.1f} minutes; resident after 30 s {seen[0]:.0f} MB,")
    print(f"then between {min(seen):.0f} and {max(seen):.0f} MB ({len(seen)} looks); at the end {seen[-1]:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--interval", metavar="TIME")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seconds", type=int, default=20)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if wanted.hour:
            hour(folder, wanted.minutes, wanted.interval)
            return
        for width, height, faces in ((640, 480, 1), (1280, 720, 5)):
            clip = make_clip(folder / f"{width}.mp4", width, height, faces, wanted.seconds)
            ours, theirs = rate(read_video(clip)), rate(one_by_one(clip))
            print(
                f"{width} x {height}, faces: {faces}: {ours:.1f} frames/s, one by one {theirs:.1f} ({ours / theirs:.1f} x)"
            )
            print("  ms a frame: " + ", ".join(f"{stage} {ms:.1f}" for stage, ms in stages(clip).items()))


if __name__ == "__main__":
    main()
