"""Measure averaging more views of a face, on PublicTest and on faces that a detector framed.

    python research/views.py FER2013 FACES.parquet [MODEL ...]

``FACES.parquet`` holds photos with faces (``image.bytes``) and their emotions (``emotion``); up to 2,500 are drawn. Each
line is a set of views whose logits are averaged: ``whole``, or upper (``u``) and lower (``l``) so many of 48 rows; ``m`` is
mirrored.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet

from mien.data.loading import load
from mien.detection.centerface import centerface
from mien.emotions import LABEL_SETS
from mien.io.images import read_image
from mien.lab.evaluation.classifier import open_classifier, predict
from mien.lab.sampling import hard_targets
from mien.model.preprocess import align_face

SIDE = 48
SETS = (
    ("whole",),
    ("whole", "whole m"),
    ("u44", "l44 m"),
    ("u42", "l42 m"),
    ("whole", "whole m", "u43", "l43 m"),
)


def seen(faces, view):
    """uint8 (N, 48, 48) -> the same faces in another view."""
    place, _, mirrored = view.partition(" ")
    if place != "whole":
        side = int(place[1:])
        left, top = (SIDE - side) // 2, 0 if place[0] == "u" else SIDE - side
        faces = np.stack([cv2.resize(face[top : top + side, left : left + side], (SIDE, SIDE)) for face in faces])
    return np.ascontiguousarray(faces[:, :, ::-1]) if mirrored else faces


def framed(path, most=2500):
    """The faces of photos, cut out as the reader does, and their emotions."""
    rows = pyarrow.parquet.read_table(path, columns=["image", "emotion"]).to_pylist()
    rows = [row for row in rows if row["emotion"] in LABEL_SETS["seven"]]
    detector, faces, emotions = centerface(), [], []
    for place in np.random.default_rng(1).permutation(len(rows))[:most]:
        photo = read_image(rows[place]["image"]["bytes"])
        found = detector.detect(photo)
        if found:
            faces.append(align_face(photo, max(found, key=lambda face: face.box.width), SIDE, "gray"))
            emotions.append(rows[place]["emotion"])
    return np.stack(faces), emotions


def main(fer2013, photos, *models):
    home = load(Path(fer2013), SIDE).part("validation")
    outside, emotions = framed(photos)
    for model in models or ("default", "tiny"):
        classifier = open_classifier(Path(model))
        targets = {head: hard_targets(home, mark) for head, mark in classifier.recipe_heads.items()}
        names = classifier.heads["ferplus"].emotions
        marked = np.array([names.index(emotion) for emotion in emotions])
        print(f"{model:40s} " + " ".join(f"{name:>8s}" for name in (*targets, "outside")))
        for views in SETS:
            logits = [predict(classifier, seen(home.images, view), flip=False) for view in views]
            row = []
            for head, target in targets.items():
                said = sum(some[head] for some in logits).argmax(1)
                row.append((said == target)[target >= 0].mean())
            away = sum(predict(classifier, seen(outside, view), flip=False)["ferplus"] for view in views)
            away[:, names.index("contempt")] = -np.inf
            row.append((away.argmax(1) == marked).mean())
            print(f"{' + '.join(views):40s} " + " ".join(f"{100 * share:8.1f}" for share in row), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
