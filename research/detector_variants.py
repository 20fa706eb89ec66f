"""Compare detectors on degraded photos: tilted, dark, blurred, masked, noisy, small.

    python research/detector_variants.py PHOTOS [DETECTOR...]

PHOTOS is a folder of images with a ``faces.json`` (see ``detection_scores.py``); detectors are those of ``--detector``.
Prints the faces in the foreground that each detector finds (IoU of at least 0.4), the boxes elsewhere, and the
milliseconds per photo on one thread.
"""

import json
import math
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from mien import ReadOptions
from mien.detection import create_detector
from mien.io.images import read_image
from mien.types import Box, Frame

LONG_SIDE = 640


def tilted(image: np.ndarray, boxes: list[Box], degrees: float = 45) -> tuple[np.ndarray, list[Box]]:
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    side = math.ceil(math.hypot(width, height))
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    moved = []
    for box in boxes:
        x, y = turn @ ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, 1)
        half = math.sqrt(box.width * box.height) / 2
        moved.append(Box(x - half, y - half, x + half, y + half))
    return cv2.warpAffine(image, turn, (side, side)), moved


def masked(image: np.ndarray, boxes: list[Box]) -> tuple[np.ndarray, list[Box]]:
    image = image.copy()
    for box in boxes:
        corners = [(box.x0, box.y0 + 0.55 * box.height), (box.x1, box.y0 + 0.55 * box.height)]
        corners += [(box.x1 - 0.15 * box.width, box.y1), (box.x0 + 0.15 * box.width, box.y1)]
        cv2.fillPoly(image, [np.array(corners, np.int32)], (90, 140, 190))
    return image, boxes


def noisy(image: np.ndarray, boxes: list[Box]) -> tuple[np.ndarray, list[Box]]:
    noise = np.random.default_rng(0).normal(0, 25, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8), boxes


VARIANTS = {
    "as they are": lambda image, boxes: (image, boxes),
    "tilted by 45 degrees": tilted,
    "tilted by -45 degrees": lambda image, boxes: tilted(image, boxes, -45),
    "dark (x 0.12)": lambda image, boxes: ((image * 0.12).astype(np.uint8), boxes),
    "blurred (sigma 4)": lambda image, boxes: (cv2.GaussianBlur(image, (0, 0), 4), boxes),
    "masked": masked,
    "noisy (sigma 25)": noisy,
    "gray": lambda image, boxes: (np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2), boxes),
}


def main(folder: Path, names: list[str]) -> None:
    photos = []
    for name, entry in json.loads((folder / "faces.json").read_text()).items():
        image = read_image(folder / name).image
        scale = min(1.0, LONG_SIDE / max(image.shape[:2]))
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        boxes, tolerated = ([Box(*(v * scale for v in box)) for box in entry[k]] for k in ("faces", "background_faces"))
        photos.append((image, boxes, tolerated))
    for detector_name in names:
        detector = create_detector(ReadOptions(detector=detector_name, threads=1))
        for variant, change in VARIANTS.items():
            hits = faces = elsewhere = 0
            started = time.perf_counter()
            for image, boxes, tolerated in photos:
                changed, wanted = change(image, boxes + tolerated)
                found = [face.box for face in detector.detect(Frame(changed))]
                matches = [max((box.iou(other) for other in found), default=0) >= 0.4 for box in wanted[: len(boxes)]]
                hits, faces = hits + sum(matches), faces + len(matches)
                elsewhere += sum(all(box.iou(other) < 0.3 for other in wanted) for box in found)
            spent = (time.perf_counter() - started) * 1000 / len(photos)
            print(
                f"{detector_name:12} {variant:22} found {hits:3} of {faces}, elsewhere {elsewhere:3}, {spent:6.1f} ms"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["mien", "centerface"])
