"""Measure which detection scores things that are no face get, to choose ``mien.detection.base.SURE_SCORES``.

    python research/not_a_face.py FACES_DET PHOTOS LFW.parquet [DETECTOR]

``FACES_DET`` holds the parquet files of the detector's data: photos without a face, half of which choose and half report;
``mask853`` and ``ilc`` have small and masked faces. ``PHOTOS`` has ``faces.json``. The bound is the highest
multiple of 0.05 at which the default detector loses at most 1% of the faces of LFW and of the photos. Drawings come last.
"""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet
from PIL import Image, ImageDraw

from mien import Reader, ReadOptions
from mien.types import Box

BOUNDS = (0.5, 0.55, 0.6, 0.65, 0.7)


def drawings(count: int) -> list[np.ndarray]:
    """Smileys of random color, size and expression, uint8 (400, 480, 3)."""
    rng = np.random.default_rng(0)
    made = []
    for _ in range(count):
        image = Image.new("RGB", (480, 400), tuple(int(v) for v in rng.integers(120, 256, 3)))
        draw, r = ImageDraw.Draw(image), rng.uniform(50, 130)
        x, y = rng.uniform(r, 480 - r), rng.uniform(r, 400 - r)
        skin = ((255, 205, 60), (255, 220, 180), (120, 200, 80))[rng.integers(3)]
        draw.ellipse([x - r, y - r, x + r, y + r], fill=skin, outline=(60, 40, 20), width=3)
        eye, apart = r * rng.uniform(0.08, 0.2), r * rng.uniform(0.3, 0.45)
        for side in (-1, 1):
            at = x + side * apart
            draw.ellipse([at - eye, y - r * 0.2 - eye, at + eye, y - r * 0.2 + eye], fill=(30, 20, 20))
        start, end = ((10, 170), (190, 350))[rng.integers(2)]
        draw.arc([x - r / 2, y + r * 0.1, x + r / 2, y + r * 0.7], start, end, fill=(150, 20, 20), width=int(r / 12))
        made.append(np.asarray(image))
    return made


def main(data: Path, photos: Path, lfw: Path, detector: str) -> None:
    reader = Reader(ReadOptions(detector=detector, threads=1))
    false: dict[str, list[tuple[float, bool]]] = {"choose": [], "report": []}
    true: dict[str, list[tuple[float, bool]]] = {}

    def scores(image: object, boxes: list[list[float]] | None = None) -> list[tuple[float, bool]]:
        found = reader.read(image)
        if boxes is not None:
            found = [one for one in found if any(one.face.box.iou(Box(*box)) >= 0.5 for box in boxes)]
        other = [[reason for reason in one.abstain_reasons if reason != "not_a_face"] for one in found]
        return [(one.face.score, not reasons) for one, reasons in zip(found, other)]

    for source in ("negatives", "bodies", "cctv"):
        for number, row in enumerate(pyarrow.parquet.read_table(data / f"{source}.parquet").to_pylist()):
            if not row["boxes"]:
                part = "report" if zlib.crc32(str(number).encode()) % 2 else "choose"
                false[part] += scores(row["image"]["bytes"])
    for source in ("mask853", "ilc"):
        rows = pyarrow.parquet.read_table(data / f"{source}.parquet").to_pylist()
        true[source] = [pair for row in rows for pair in scores(row["image"]["bytes"], row["boxes"])]
    names = json.loads((photos / "faces.json").read_text())
    true["photos"] = [pair for name, row in names.items() for pair in scores(photos / name, row["faces"])]
    faces = pyarrow.parquet.read_table(lfw, columns=["image"]).to_pylist()
    true["LFW"] = [pair for row in faces for pair in scores(row["image"]["bytes"])[:1]]
    drawn = [pair for image in drawings(100) for pair in scores(image)]
    for title, pairs in {**false, **true, "drawings": drawn}.items():
        shares = [np.mean([score < bound for score, _ in pairs]) for bound in BOUNDS]
        confident = [np.mean([score < bound for score, sure in pairs if sure]) for bound in BOUNDS]
        print(
            f"{title:10s} n {len(pairs):5d}  below {BOUNDS}: {np.round(shares, 4)}, confident {np.round(confident, 3)}"
        )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), sys.argv[4] if len(sys.argv) > 4 else ReadOptions().detector)
