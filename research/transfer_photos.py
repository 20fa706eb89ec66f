"""Write the photos of the face detector's training data whose faces are large enough to learn expressions from.

    python research/transfer_photos.py FACES_DET OUT

``FACES_DET`` is the folder of ``mien lab train detector``; validation photos are left out, and so are the close-ups, many
of which are in Labeled Faces in the Wild. The photos are the unlabeled ones of ``mien lab distill --photos OUT``.
"""

import sys
from pathlib import Path

import pyarrow.parquet

LEFT_OUT = ("closeups", "negatives", "bodies", "cctv")
#: Smallest width of the largest face, in pixels.
LEAST = 40


def main(faces, out):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(Path(faces).glob("*.parquet")):
        if file.stem in LEFT_OUT:
            continue
        rows = pyarrow.parquet.read_table(file, columns=["image", "split", "boxes"]).to_pylist()
        for number, row in enumerate(rows):
            widest = max((right - left for left, _, right, _ in row["boxes"]), default=0)
            if row["split"] == "train" and widest >= LEAST:
                (out / f"{file.stem}-{number:05d}.jpg").write_bytes(row["image"]["bytes"])
    print(f"{len(list(out.iterdir())):,} photos")


if __name__ == "__main__":
    main(*sys.argv[1:])
