"""Measure accuracy on tilted faces, through detection and cropping.

    python research/tilt.py fer2013.npz [MODEL] [N]

Enlarges N validation images with a clear FER+ majority, turns each left or right, and reads it: share of faces found, and
accuracy of what was found, beside that of the same network on the turned frame without detection.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from mien import Frame, Reader, ReadOptions
from mien.data.dataset import VALIDATION
from mien.data.loading import load
from mien.emotions import EMOTIONS

ENLARGED, MARGIN = 3, 48


def turned(image: np.ndarray, degrees: float) -> Frame:
    large = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    side = framed.shape[0]
    turn = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), degrees, 1)
    gray = cv2.warpAffine(framed, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return Frame(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB))


def main(data: Path, model: str, n: int) -> None:
    faces = load(data, 48).part(VALIDATION)
    truth = faces.votes.majority()
    rows = np.flatnonzero(truth >= 0)[:n]
    reader = Reader(ReadOptions(model=model, min_face=24))
    frames_only = Reader(ReadOptions(model=model, detector="none"))
    print("degrees  found        accuracy of those  frame without detection")
    for degrees in (0, 15, 30, 45, 60):
        frames = [turned(faces.images[row], degrees if row % 2 else -degrees) for row in rows]
        inner = [Frame(np.ascontiguousarray(f.image[MARGIN:-MARGIN, MARGIN:-MARGIN])) for f in frames]
        found = right = bare = 0
        for row, (_, readings), (_, whole) in zip(rows, reader.read_frames(frames), frames_only.read_frames(inner)):
            if readings:
                found += 1
                largest = max(readings, key=lambda reading: reading.face.box.width)
                right += largest.emotion == EMOTIONS[truth[row]]
                bare += whole[0].emotion == EMOTIONS[truth[row]]
        print(
            f"{degrees:7d}  {found}/{len(rows)} {right / max(found, 1):13.3f} {bare / max(found, 1):22.3f}", flush=True
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]), given[1] if len(given) > 1 else "default", int(given[2]) if len(given) > 2 else 500)
