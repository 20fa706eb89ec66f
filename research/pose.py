"""Accuracy, confidence and abstention by the turn of the head.

    python research/pose.py fer2013.npz faces.parquet

PublicTest with the FER+ majority as the truth, its images enlarged to 144 pixels on a plain background of 240 so that
landmarks are found, and LFW (columns ``image``, ``emotion``). The turn is the distance of the nose from the middle between
the eyes, along their line, as a share of the distance between the eyes, less the median of all faces.
"""

import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow.parquet
from PIL import Image

from mien import Frame, Reader, Reading
from mien.data import load
from mien.emotions import EMOTIONS
from mien.io.images import read_image

BANDS = (0.0, 0.05, 0.1, 0.2, 0.3, 1.0)


def public_test(path: str) -> Iterator[tuple[Frame, str]]:
    part = load(path).part("validation")
    for image, emotion in zip(part.images, part.votes.majority()):
        if emotion >= 0:
            frame = Image.new("RGB", (240, 240), (int(image.mean()),) * 3)
            frame.paste(Image.fromarray(image).resize((144, 144), Image.Resampling.BICUBIC).convert("RGB"), (48, 48))
            yield Frame(np.asarray(frame)), EMOTIONS[emotion]


def lfw(path: str) -> Iterator[tuple[Frame, str]]:
    for row in pyarrow.parquet.read_table(path, columns=["image", "emotion"]).to_pylist():
        yield read_image(row["image"]["bytes"]), row["emotion"]


def turn(reading: Reading) -> float:
    left, right, nose = reading.face.landmarks[:3]
    across = right - left
    return float((nose - (left + right) / 2) @ across / (across @ across))


def measure(name: str, samples: Iterable[tuple[Frame, str]]) -> None:
    frames, truths = zip(*samples)
    found = [
        (max(readings, key=lambda one: one.face.box.width), truth)
        for (_, readings), truth in zip(Reader().read_frames(frames), truths)
        if readings
    ]
    turns = np.array([turn(reading) for reading, _ in found])
    turns = np.abs(turns - np.median(turns))
    values = np.array([(reading.emotion == truth, reading.confidence, reading.abstained) for reading, truth in found])
    print(f"{name}: {len(found):,} of {len(frames):,} faces found")
    for low, high in pairwise(BANDS):
        band = values[(low <= turns) & (turns < high)]
        accuracy, confidence, abstained = band.mean(0)
        print(f"  {low:.2f} to {high:.2f}: n = {len(band):,}  {accuracy:.1%}  {confidence:.1%}  {abstained:.1%}")


if __name__ == "__main__":
    measure("PublicTest", public_test(sys.argv[1]))
    measure("LFW", lfw(sys.argv[2]))
