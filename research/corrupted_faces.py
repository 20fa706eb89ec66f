"""Accuracy and calibration of models on corrupted faces: 900 images of PublicTest with a FER+ majority.

    python research/corrupted_faces.py FER2013 MODEL [MODEL ...]

Prints a row for each model: accuracy in percent, and the absolute difference between mean confidence and accuracy in points.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from mien import Reader, ReadOptions
from mien.data.loading import load
from mien.lab.recipe import Head
from mien.lab.sampling import hard_targets
from mien.model.preprocess import to_tensor

IMAGES, SIDE = 900, 48


def each(images, change):
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


def corrupted(images):
    """uint8 (N, 48, 48) -> the same images, corrupted in each way."""
    light, small = images.astype(float), (18, 18)
    mean = light.mean((1, 2), keepdims=True)
    noise = np.random.default_rng(0).normal(0, 25, light.shape)
    levels = {
        "a fifth of the light": light / 5,
        "a quarter of the contrast": 128 + (light - mean) / 4,
        "noise, sigma 25": light + noise,
    }
    return {
        "clean": images,
        "blur, sigma 1.5": each(images, lambda face: face.filter(ImageFilter.GaussianBlur(1.5))),
        "sigma 2.5": each(images, lambda face: face.filter(ImageFilter.GaussianBlur(2.5))),
        "18 pixels": each(images, lambda face: face.resize(small, Image.BOX).resize((SIDE, SIDE), Image.BICUBIC)),
        **{name: changed.clip(0, 255).astype(np.uint8) for name, changed in levels.items()},
        "rotated 20°": each(
            images, lambda face: face.rotate(20, Image.BILINEAR, fillcolor=int(np.asarray(face).mean()))
        ),
    }


def main(data, *models):
    faces = load(Path(data), SIDE).part("validation")
    truth = hard_targets(faces, Head(emotions="eight", targets="votes"))
    rows = np.flatnonzero(truth >= 0)[:IMAGES]
    kinds = corrupted(faces.images[rows])
    print(f"| model | {' | '.join(kinds)} |\n|---|{'---|' * len(kinds)}")
    for model in models:
        classifier = Reader(ReadOptions(model=model, prior="data")).classifier
        cells = []
        for images in kinds.values():
            batches = [images[start : start + 256] for start in range(0, len(images), 256)]
            predicted = np.concatenate(
                [classifier.predict(to_tensor(batch, classifier.input)).probabilities for batch in batches]
            )
            accuracy = (predicted.argmax(1) == truth[rows]).mean()
            cells.append(f"{accuracy:.1%}, {100 * abs(predicted.max(1).mean() - accuracy):.1f}".replace("%", ""))
        print(f"| `{Path(model).stem}` | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
