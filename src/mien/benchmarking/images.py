"""The images that benchmarks read: synthetic photos of two portraits in the public domain, or the user's own.

The portraits are parts of ``examples/astronaut.png`` (Eileen Collins, NASA) and ``examples/grace_hopper.jpg`` (Grace Hopper,
U.S. Navy; James S. Davis), both works of the United States government.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..io.atomic import writing_to
from ..io.discovery import find_images

PORTRAITS = tuple(Path(__file__).with_name("portraits") / name for name in ("collins.jpg", "hopper.jpg"))
#: Sizes of the synthetic photos: width and height in pixels.
SIZES = ((640, 480), (1024, 768))
#: Most of the user's images that are read, taken evenly from the folder.
MAX_USER_IMAGES = 40


@dataclass(frozen=True)
class ImageSet:
    """Images that are read together; ``faces`` is how many faces they show, None if unknown."""

    name: str
    paths: tuple[Path, ...]
    faces: int | None = None


def synthetic_images(folder: Path, n: int, size: tuple[int, int]) -> ImageSet:
    """Write ``n`` JPEG photos with one to five faces each into a new folder in ``folder``; always the same pixels.

    The first shows one face, the second two, up to five, then one again; ``size`` is width and height in pixels.

    Raises:
        OutputError: the folder cannot be written to.
    """
    width, height = size
    portraits = [Image.open(path).convert("RGB") for path in PORTRAITS]
    place = folder / f"{width}x{height}"
    rng = np.random.default_rng(0)
    paths = []
    with writing_to(place):
        place.mkdir()
        for number in range(n):
            wall = np.linspace(70, 170, height)[:, None, None] + number + rng.normal(0, 6, (height, width, 3))
            image = Image.fromarray(np.clip(wall, 0, 255).astype(np.uint8))
            for position in range(1 + number % 5):
                side = round(min(width / 3, height / 2) * (0.94 - 0.09 * (number % 3)))
                row, column = divmod(position, 3)
                corner = round(column * width / 3) + 5, round(row * height / 2) + 10
                image.paste(portraits[(position + number) % 2].resize((side, side), Image.Resampling.LANCZOS), corner)
            paths.append(place / f"{number:02}.jpg")
            image.save(paths[-1], quality=90)
    return ImageSet(f"{width} x {height}", tuple(paths), sum(1 + number % 5 for number in range(n)))


def user_images(folder: Path) -> ImageSet:
    """The JPEG and PNG images in a folder and below, at most ``MAX_USER_IMAGES``.

    Raises:
        SourceError: there is none, or no such folder.
    """
    paths = find_images([folder], recursive=True, extensions=(".jpg", ".jpeg", ".png"))
    step = max(1, len(paths) / MAX_USER_IMAGES)
    return ImageSet(folder.name, tuple(paths[int(at * step)] for at in range(min(len(paths), MAX_USER_IMAGES))))
