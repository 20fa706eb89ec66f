"""Photos turned by 90, 180 and 270 degrees: are their faces found, and read as in the upright photo?

    python research/turned_photos.py PHOTOS FACES_DET

PHOTOS is a folder of upright photos, FACES_DET one of parquet files with images and boxes of faces.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

import mien
from mien.types import Reading

PER_COLLECTION = 40


def main(photos: Path, collections: Path) -> None:
    """Print the faces found and read alike with and without the search, and the upright photos that were turned."""
    auto, off = (mien.Reader(mien.ReadOptions(rotate=rotate)) for rotate in (None, 0))
    upright = [mien.read_image(path).image for path in sorted(photos.glob("*.jpg"))]
    for name, reader in (("auto", auto), ("--rotate 0", off)):
        faces = found = alike = 0
        for image in upright:
            for turns in (1, 2, 3):
                turned = np.ascontiguousarray(np.rot90(image, turns))
                readings = reader.read(turned)
                for reading in off.read(image):
                    match = next((one for one in readings if holds(one, center(reading, image.shape, turns))), None)
                    faces += 1
                    found += match is not None
                    alike += match is not None and match.emotion == reading.emotion
        print(f"{name}: {faces} faces in turned photos, {found} found, {alike} with the emotion of the upright photo")
    rng = np.random.default_rng(1)
    n = changed = 0
    for path in sorted(collections.glob("*.parquet")):
        table = pq.read_table(path)
        for row in rng.permutation(table.num_rows)[:PER_COLLECTION].tolist():
            if table["boxes"][row].as_py():
                image = np.asarray(Image.open(io.BytesIO(table["image"][row].as_py()["bytes"])).convert("RGB"))
                frame = mien.Frame(image)
                n += 1
                changed += [face.box for face in auto.detect(frame)] != [face.box for face in off.detect(frame)]
    print(f"{changed} of {n} upright photos with labeled faces were turned")


def center(reading: Reading, shape: tuple[int, ...], turns: int) -> tuple[float, float]:
    """The center of a face in pixels after ``turns`` quarter turns counterclockwise."""
    box, (height, width) = reading.face.box, shape[:2]
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return {1: (y, width - x), 2: (width - x, height - y), 3: (height - y, x)}[turns]


def holds(reading: Reading, point: tuple[float, float]) -> bool:
    """Whether a point lies in the box of a face."""
    box = reading.face.box
    return box.x0 < point[0] < box.x1 and box.y0 < point[1] < box.y1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
