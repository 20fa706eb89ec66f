"""Measure accuracy on another dataset: Labeled Faces in the Wild.

    python research/lfw.py faces.parquet [MODEL]

The file has columns ``image`` (a struct with JPEG ``bytes``) and ``emotion``. Accuracy over the seven emotions and balanced
accuracy over the five that have enough images, for each head, with the image taken as the face and with detection.
"""

import sys

import numpy as np
import pyarrow.parquet

from mien import Reader, ReadOptions
from mien.emotions import LABEL_SETS
from mien.io.images import read_image
from mien.stats import wilson

FIVE = ("happy", "neutral", "surprise", "angry", "sad")


def main(path: str, model: str) -> None:
    table = pyarrow.parquet.read_table(path, columns=["image", "emotion"]).to_pylist()
    table = [row for row in table if row["emotion"] in LABEL_SETS["seven"]]
    truth = np.array([row["emotion"] for row in table])
    print(f"{len(truth)} faces\nhead      detector     found  accuracy (95 %)        balanced, five")
    for head in ("ferplus", "fer2013"):
        for detector in ("none", "mien"):
            reader = Reader(ReadOptions(head=head, emotions="seven", detector=detector, model=model))
            frames = (read_image(row["image"]["bytes"]) for row in table)
            read = [
                max(readings, key=lambda one: one.face.box.width).emotion if readings else ""
                for _, readings in reader.read_frames(frames)
            ]
            said = np.array(read)
            found = said != ""
            right = int((said == truth)[found].sum())
            low, high = wilson(right, int(found.sum()))
            five = found & np.isin(truth, FIVE)
            balanced = np.mean([np.mean(said[five & (truth == emotion)] == emotion) for emotion in FIVE])
            share = right / found.sum()
            print(f"{head:9s} {detector:11s} {found.sum():6d}  {share:.3f} ({low:.3f} to {high:.3f})  {balanced:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "default")
