"""Measure how much around a face FER2013 images show: the constant behind the crop margin.

    python research/crop_margin.py fer2013.npz|fer2013.csv [N]

Enlarges N training images four times, finds the face in each with the reader's own detector, and says where its box and
landmarks lie in the frame (0 to 1, from the upper left corner): quartiles over the images.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from mien.data.dataset import TRAIN
from mien.data.loading import load
from mien.detection.centerface import centerface
from mien.types import Frame

ENLARGED = 4
MARGIN = 48  # repeated border in enlarged pixels, so that a face cut by the frame can still be boxed whole


def main(data: Path, n: int) -> None:
    images = load(data, 48).part(TRAIN).images[:n]
    detector = centerface(min_face=24)
    rows = []
    for image in images:
        large = cv2.resize(image, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
        framed = cv2.copyMakeBorder(large, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
        found = detector.detect(Frame(cv2.cvtColor(framed, cv2.COLOR_GRAY2RGB)))
        if len(found) != 1:
            continue
        box, points = np.array(found[0].box.xyxy).reshape(2, 2), found[0].landmarks
        side = large.shape[0]
        (x0, y0), (x1, y1) = (box - MARGIN) / side
        eyes = (points[:2].mean(0) - MARGIN) / side
        mouth = (points[3:].mean(0) - MARGIN) / side
        tilt = np.degrees(np.arctan2(*(points[1] - points[0])[::-1]))
        between = np.linalg.norm(points[1] - points[0]) / side
        width, height = x1 - x0, y1 - y0
        place = [width, height, np.sqrt(width * height), (x0 + x1) / 2, (y0 + y1) / 2]
        rows.append([*place, *eyes, *mouth, np.hypot(*(mouth - eyes)), between, tilt])
    print(f"one face found in {len(rows)} of {len(images)} images")
    names = "width height side center_x center_y eyes_x eyes_y mouth_x mouth_y eyes_to_mouth between_eyes tilt_degrees"
    print(f"{'':14s}   25 %   50 %   75 %     sd")
    for name, values in zip(names.split(), np.array(rows).T):
        low, middle, high = np.percentile(values, [25, 50, 75])
        print(f"{name:14s} {low:6.3f} {middle:6.3f} {high:6.3f} {values.std():6.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2000)
