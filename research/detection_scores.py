"""Measure the score threshold and the smallest face of the detector (``docs/concepts/detection.md``).

    python research/detection_scores.py PHOTOS

PHOTOS is a folder of images with a ``faces.json``: file name -> {"faces": [[x0, y0, x1, y1], ...],
"background_faces": [...]}, in pixels. Faces in the foreground must be found; those in the background may be.
"""

import json
import sys
from pathlib import Path

import cv2

from mien.detection.centerface import centerface
from mien.detection.pyramid import SMALLEST_SEARCHED, SMALLEST_SEEN
from mien.io.images import read_image
from mien.types import Box, Frame

THRESHOLDS = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6)
SIDES = (6, 8, 10, 12, 14, 16, 20, 24)


def truth(entry: dict) -> tuple[list[Box], list[Box]]:
    return [Box(*box) for box in entry["faces"]], [Box(*box) for box in entry["background_faces"]]


def thresholds(photos: dict[Path, dict]) -> None:
    detector = centerface(SMALLEST_SEARCHED, min(THRESHOLDS))
    hits, extras = [], []
    for path, entry in photos.items():
        wanted, tolerated = truth(entry)
        found = detector.detect(read_image(path))
        for box in wanted:
            hits.append(max((face.score for face in found if face.box.iou(box) >= 0.4), default=0.0))
        extras += [
            (face.score, path.name, [round(value) for value in face.box.xyxy])
            for face in found
            if all(face.box.iou(box) < 0.3 for box in wanted + tolerated)
        ]
    print(f"{len(hits)} faces in {len(photos)} photos\nthreshold  found  boxes elsewhere")
    for threshold in THRESHOLDS:
        print(f"{threshold:9.2f}  {sum(h > threshold for h in hits):5d}  {sum(e[0] > threshold for e in extras):15d}")
    print("boxes elsewhere, to be looked at:")
    for score, name, box in sorted(extras, reverse=True):
        print(f"  {score:.2f} {name} {box}")


def smallest(photos: dict[Path, dict]) -> None:
    detector = centerface(SMALLEST_SEEN)  # neither enlarges nor shrinks
    print("face side in pixels  found")
    for side in SIDES:
        found = total = 0
        for path, entry in photos.items():
            wanted, _ = truth(entry)
            image = read_image(path).image
            for box in wanted:
                scale = side / ((box.width * box.height) ** 0.5)
                if scale > 1:
                    continue
                small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
                # On a larger sheet, or the detector would enlarge an image this small.
                small = cv2.copyMakeBorder(small, 0, 128, 0, 128, cv2.BORDER_REPLICATE)
                target = Box(*(value * scale for value in box.xyxy))
                total += 1
                found += any(face.box.iou(target) >= 0.4 for face in detector.detect(Frame(small)))
        print(f"{side:19d}  {found}/{total}")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    listed = {folder / name: entry for name, entry in json.loads((folder / "faces.json").read_text()).items()}
    thresholds(listed)
    smallest(listed)
