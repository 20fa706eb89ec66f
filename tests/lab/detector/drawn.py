"""Drawn photos: bright ellipses with two dark eyes on noise."""

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from mien.lab.detector.data import Labels, Photo
from mien.lab.detector.recipe import DetectorRecipe


def small_recipe(**changes: Any) -> DetectorRecipe:
    base = DetectorRecipe(size=96, epochs=2, batch=2, lr=0.005, widths=(8, 8, 16, 16, 16), neck=16, ema=0.9, rotate=0.0)
    return base.model_copy(update=changes)


def drawn_photos(count: int, seed: int = 0) -> list[Photo]:
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        image = Image.fromarray(rng.integers(0, 90, (120, 160, 3), dtype=np.uint8))
        draw = ImageDraw.Draw(image)
        width = float(rng.uniform(24, 60))
        x, y = float(rng.uniform(0, 160 - width)), float(rng.uniform(0, 120 - width * 1.2))
        box = [x, y, x + width, y + width * 1.2]
        draw.ellipse(box, (230, 190, 160))
        points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]]) * [width, width * 1.2] + [
            x,
            y,
        ]
        for px, py in points[:2]:
            draw.ellipse([px - width / 10, py - width / 10, px + width / 10, py + width / 10], (20, 20, 20))
        labels = replace(Labels.none(), boxes=np.array([box], np.float32), landmarks=points[None].astype(np.float32))
        photos.append(Photo.of(np.asarray(image), labels, "drawn"))
    return photos
