"""The photos that are read: made up of two portraits in the public domain, or the user's own.

The portraits are parts of ``examples/astronaut.png`` (Eileen Collins, NASA) and ``examples/grace_hopper.jpg`` (Grace Hopper,
U.S. Navy; James S. Davis), both works of the United States government.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import SourceError
from ..io.atomic import writing_to
from ..io.discovery import find_images

PORTRAITS = tuple(Path(__file__).with_name("portraits") / name for name in ("collins.jpg", "hopper.jpg"))
#: Sizes of the made-up photos: width and height in pixels.
SIZES = ((640, 480), (1024, 768))
#: Of the user's photos so many are read at most, taken evenly from the folder.
MOST_OWN = 40
#: What every rival can open.
_COMMON = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class PhotoSet:
    """Photos that are read together.

    Attributes:
        name: what to call them.
        paths: the files.
        faces: how many faces they show; None where nobody has counted.
    """

    name: str
    paths: tuple[Path, ...]
    faces: int | None = None


def made_up(folder: Path, count: int, size: tuple[int, int]) -> PhotoSet:
    """Write ``count`` JPEG photos with one to five faces into a folder of their own in ``folder``.

    Args:
        folder: is there.
        count: how many; the first has one face, the second two, and so on to five, then again.
        size: width and height in pixels.

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
        for number in range(count):
            sheet = Image.fromarray(_wall(rng, width, height, number))
            for position in range(1 + number % 5):
                side = round(min(width / 3, height / 2) * (0.94 - 0.09 * (number % 3)))
                row, column = divmod(position, 3)
                corner = round(column * width / 3) + 5, round(row * height / 2) + 10
                sheet.paste(portraits[(position + number) % 2].resize((side, side), Image.Resampling.LANCZOS), corner)
            paths.append(place / f"{number:02}.jpg")
            sheet.save(paths[-1], quality=90)
    return PhotoSet(f"{width} x {height}", tuple(paths), sum(1 + number % 5 for number in range(count)))


def of_the_user(folder: Path) -> PhotoSet:
    """The JPEG and PNG photos in a folder and below, ``MOST_OWN`` at most.

    Raises:
        SourceError: there is none.
    """
    if not folder.is_dir():
        raise SourceError(f"--photos: {folder} is no folder", hint="Name a folder of JPEG or PNG photos.")
    paths = find_images([str(folder)], recursive=True, extensions=_COMMON)
    step = max(1, len(paths) / MOST_OWN)
    return PhotoSet("your photos", tuple(paths[int(at * step)] for at in range(min(len(paths), MOST_OWN))))


def _wall(rng: np.random.Generator, width: int, height: int, number: int) -> npt.NDArray[np.uint8]:
    """A wall that grows lighter downwards, with the grain of a camera: uint8 (height, width, 3)."""
    light = np.linspace(70, 170, height)[:, None, None] + number
    return np.asarray(np.clip(light + rng.normal(0, 6, (height, width, 3)), 0, 255), np.uint8)
