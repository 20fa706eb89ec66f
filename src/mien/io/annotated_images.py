"""Save images, such as annotated ones, each under a name that follows from its source."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import OutputError
from ..types import checked
from .atomic import replacing, writing_to

_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")


class StillWriter:
    """Writes images into a folder that mirrors where their sources lie.

    A source below ``root`` keeps its path from there on: with the root ``photos``, ``photos/a/1.jpg`` becomes
    ``<folder>/a/1.jpg``, and ``photos/b/1.jpg`` becomes ``<folder>/b/1.jpg``. A source elsewhere keeps its whole path,
    in ``<folder>/elsewhere/``. JPEG stays JPEG and PNG stays PNG; from other formats a PNG is made, and the name
    grows: ``1.webp`` becomes ``1.webp.png``. So the same source has the same file in every run, also a resumed one, and
    two sources have two files.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        """Prepare to write into ``folder``, which is made if need be.

        Args:
            folder: where the images go.
            root: what the names of the sources are counted from; the current folder if not given.

        Raises:
            OutputError: the folder cannot be made.
        """
        self.folder = folder
        self._root = _absolute(root if root is not None else Path.cwd())
        self._sources: dict[Path, Path] = {}
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path_for(self, name: str) -> Path:
        """Where the image of the source ``name`` goes."""
        place = self.place_of(name)
        keeps = place.suffix.lower() in (*_JPEG, ".png")
        return self.folder / (place if keeps else place.with_name(place.name + ".png"))

    def place_of(self, name: str | Path) -> Path:
        """The path within the folder that mirrors where the source ``name`` lies."""
        source = _absolute(name)
        if source.is_relative_to(self._root):
            return source.relative_to(self._root)
        return Path("elsewhere", source.drive.strip(":\\/").replace("\\", "/"), *source.parts[1:])

    def write(self, name: str, image: npt.NDArray[np.uint8]) -> Path:
        """Save an image: JPEG of quality 92 without color subsampling, or PNG.

        Args:
            name: path of its source, as ``Frame.name`` gives it.
            image: uint8 (H, W, 3), RGB, 0-255.

        Returns:
            The path that it was saved to; a file from an earlier run is replaced.

        Raises:
            OptionError: the image has another dtype or shape.
            OutputError: it would replace its own source or another source's image, or cannot be written.
        """
        checked("image", image, np.uint8, (None, None, 3), hint="Give RGB pixels with values 0-255.")
        path = self.path_for(name)
        source = _absolute(name)
        if path.exists() and source.exists() and path.samefile(source):
            raise OutputError(f"{path} would replace its own source", hint="Write into another folder.")
        if self._sources.setdefault(path, source) != source:
            raise OutputError(
                f"{path} already holds the image of {self._sources[path]}, not of {name}",
                hint="Rename one of the two sources.",
            )
        with replacing(path) as file:
            if path.suffix.lower() in _JPEG:
                Image.fromarray(image).save(file, "JPEG", quality=92, subsampling=0)
            else:
                Image.fromarray(image).save(file, "PNG")
        return path


def _absolute(path: str | Path) -> Path:
    # Without "..", which could lead out of the folder; resolve() would give a link the name of what it points to.
    return Path(os.path.abspath(path))  # noqa: PTH100
