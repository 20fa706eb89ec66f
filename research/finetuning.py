"""Fine-tune the shipped model for another kind of images: thermal-like negatives (``docs/guides/training.md``).

    python research/finetuning.py fer2013.npz [--new 300] [--epochs 4] [--out runs/negatives]

The photos of FER2013's PublicTest become negatives with noise and low contrast: skin is dark, as in some thermal and
night-vision images, on which the shipped model does poorly. ``mien lab finetune`` continues it with some of them and
replays FER2013. Prints the accuracy of both models on other negatives and on the original validation images.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.data import load
from mien.data.dataset import Dataset
from mien.lab import finetune
from mien.stats import wilson


def negatives(faces: Dataset, new: int, rng: np.random.Generator) -> Dataset:
    """Three tenths of the images are held out; labels are the majority of the votes."""
    photos = faces.part("validation")
    labels = photos.votes.majority() if photos.votes is not None else photos.labels
    chosen = rng.permutation(np.flatnonzero(labels >= 0))[:new]
    dark = 200 - 0.6 * photos.images[chosen].astype(float) + rng.normal(0, 12, photos.images[chosen].shape)
    split = np.where(np.arange(len(chosen)) < 0.7 * len(chosen), "train", "validation")
    names = np.array([f"negative {number}" for number in range(len(chosen))])
    images = dark.clip(0, 255).astype(np.uint8)
    return Dataset("negatives", images, labels[chosen], split, None, names)


def without(faces: Dataset, n: int, rng: np.random.Generator) -> Dataset:
    """The data to replay: all training images, and ``n`` validation images for the comparison."""
    train, validation = (np.flatnonzero(faces.split == part) for part in ("train", "validation"))
    return faces.take(np.sort(np.concatenate([train, rng.permutation(validation)[:n]])))


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("data", type=Path)
    asked.add_argument("--new", type=int, default=300, help="new images; 30% of them are held out")
    asked.add_argument("--epochs", type=int, default=4)
    asked.add_argument("--model", default="default")
    asked.add_argument("--out", type=Path, default=Path("runs/negatives"))
    given = asked.parse_args()
    rng = np.random.default_rng(0)
    faces = load(given.data, 48)
    new, replay = negatives(faces, given.new, rng), without(faces, 1000, rng)
    shutil.rmtree(given.out, ignore_errors=True)
    done = finetune(
        given.model, new, given.out, replay=replace(replay, name="FER2013"), epochs=given.epochs, notes=print
    )
    for one in (done.new, done.replay):
        if one:
            ends = [
                f"[{100 * low:.1f}, {100 * high:.1f}]"
                for low, high in (wilson(one.base, one.n), wilson(one.tuned, one.n))
            ]
            before, after = 100 * one.base / one.n, 100 * one.tuned / one.n
            print(f"{one.name}, n = {one.n}: {before:.1f}% {ends[0]} before, {after:.1f}% {ends[1]} after")
    print("improved" if done.improved else "keep the base model")
