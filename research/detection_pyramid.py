"""Measure how small an image may be searched: the tables of the search pyramid in ``docs/concepts/detection.md``.

    python research/detection_pyramid.py PHOTOS

PHOTOS is a folder of images. The first table asks how well small looks place the square that is cut out: against its mean
over looks in which the face has 100, 130 and 160 pixels. The second looks at the images at three sizes: what a full search
for faces of 20 pixels costs and finds, and what quick looks cost and miss, for three sizes of a face that is plain to see.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from mien.detection import pyramid
from mien.detection.base import as_faces, suppress
from mien.detection.centerface import MARGIN, centerface
from mien.detection.pyramid import SMALLEST_SEARCHED, PyramidDetector, View
from mien.errors import MienError
from mien.io.images import read_image
from mien.model.preprocess import square_around
from mien.types import Face, Frame

LONG_SIDES = (640, 1024, 2048)
PLAIN = (40, 48, 60)
SIDES = (25, 32, 40, 48, 64, 80, 100, 130)
TRUE_SIDES = (100, 130, 160)


def timed(detector: PyramidDetector, frame: Frame) -> tuple[float, list[Face]]:
    """Processor milliseconds, the lower of two, and the faces."""
    costs = []
    for _ in range(2):
        start = time.process_time()
        found = detector.detect(frame)
        costs.append(1000 * (time.process_time() - start))
    return min(costs), found


def quick_looks(images: list[np.ndarray]) -> None:
    full, quick = centerface(SMALLEST_SEARCHED, threads=1), centerface(threads=1)
    print("long side  full search      quick looks: " + "  ".join(f"{plain} px" for plain in PLAIN))
    for long_side in LONG_SIDES:
        frames = [Frame(resized(image, long_side / max(image.shape[:2]))) for image in images]
        searched = [timed(full, frame) for frame in frames]
        cells = []
        for plain in PLAIN:
            pyramid.CLEARLY_SEEN = plain
            looked = [timed(quick, frame) for frame in frames]
            missed = sum(
                all(face.box.iou(other.box) < 0.4 for other in seen)
                for (_, faces), (_, seen) in zip(searched, looked)
                for face in faces
            )
            cells.append(f"{np.mean([cost for cost, _ in looked]):.0f} ms, {missed} missed")
        faces = sum(len(found) for _, found in searched)
        print(f"{long_side:9d}  {np.mean([cost for cost, _ in searched]):.0f} ms, {faces} faces  " + "  ".join(cells))


def framing(images: list[np.ndarray]) -> None:
    detector = centerface(SMALLEST_SEARCHED, threads=1)
    errors: dict[int, list[tuple[float, float]]] = defaultdict(list)
    asked = 0
    for image in images:
        for face in looked_at(detector, image, min(1.0, 640 / max(image.shape[:2]))):
            side = (face.box.width * face.box.height) ** 0.5
            if side * min(1.0, 640 / max(image.shape[:2])) < 60:
                continue
            squares = {size: square(detector, image, face, size / side) for size in {*SIDES, *TRUE_SIDES}}
            true = [squares[size] for size in TRUE_SIDES if squares[size] is not None]
            if not true:
                continue
            asked += 1
            center, extent, angle = (np.mean([one[part] for one in true], axis=0) for part in range(3))
            for size in SIDES:
                if (one := squares[size]) is not None:
                    away = float(np.hypot(*(np.array(one[0]) - center)) / extent)
                    errors[size].append((away, float(np.degrees(one[2] - angle))))
    print(f"{asked} faces\nside, px  found  center (median)  angle (root mean square)")
    for size in SIDES:
        aways, turns = np.array(errors[size]).reshape(-1, 2).T
        print(f"{size:8d}  {len(aways):5d}  {np.median(aways):15.3f}  {np.sqrt(np.mean(turns**2)):.1f} degrees")


def square(detector: PyramidDetector, image: np.ndarray, face: Face, scale: float) -> tuple | None:
    same = [other for other in looked_at(detector, image, scale) if other.box.iou(face.box) > 0.4]
    return square_around(same[0]) if same else None


def looked_at(detector: PyramidDetector, image: np.ndarray, scale: float) -> list[Face]:
    """Faces that one look at the whole image shows."""
    height, width = image.shape[:2]
    boxes, scores, landmarks = detector.search(image, View(0, 0, width, height, scale))
    best = suppress(boxes, scores, detector.max_overlap)
    return as_faces(boxes[best], scores[best], landmarks[best], MARGIN)


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def load_images(folder: Path) -> list[np.ndarray]:
    images = []
    for path in sorted(folder.iterdir()):
        try:
            images.append(read_image(path).image)
        except MienError as error:
            print(f"left out: {error}", file=sys.stderr)
    return images


if __name__ == "__main__":
    photographs = load_images(Path(sys.argv[1]))
    framing(photographs)
    quick_looks(photographs)
