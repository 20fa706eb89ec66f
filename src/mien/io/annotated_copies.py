"""Places of annotated copies of images and videos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import OptionError, OutputError
from ..types import checked
from .annotated_video import VIDEO_FORMATS, check_video_format
from .atomic import replacing, writing_to
from .video import is_video

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


class AnnotatedCopies:
    """Where annotated copies go; checked before any work is done.

    Args:
        annotate: a folder, the name of a video where there is one video to read and nothing else, or None.
        paths: what will be read.
        replace: a video of that name may be there already.

    Attributes:
        stills: writes annotated images, or None.

    Raises:
        OptionError: a video is asked for, and there is more to be read than one video.
        OutputError: copies could replace what is to be read, or each other, or the folder cannot be made.
        MissingExtraError: a video is to be written, and the extra ``video`` is not installed.
    """

    def __init__(self, annotate: Path | None, paths: Sequence[Path], *, replace: bool) -> None:
        self._root = _common_folder(paths)
        self._video: Path | None = None
        self.stills: StillWriter | None = None
        if annotate is None:
            return
        if is_video(annotate) and not annotate.is_dir():
            self._video = _one_video(annotate, paths, replace)
            return
        if annotate.exists() and not annotate.is_dir():
            raise OutputError(
                f"annotate: {annotate} is a file, expected a folder",
                hint="Give a folder, such as --annotate annotated.",
            )
        _check_apart(annotate, paths)
        self.stills = StillWriter(annotate, self._root)
        videos = [path for path in paths if is_video(path)]
        places: dict[Path, Path] = {}
        for path in videos:
            place = self._mirrored(self.stills, path)
            if place in places:
                raise OutputError(
                    f"{place} would hold the annotated copies of two videos, {places[place]} and {path}",
                    hint="Rename one of them, or read them one after the other into two folders.",
                )
            places[place] = path

    def video(self, path: Path) -> Path | None:
        """Where the annotated copy of a video goes; None where none is asked for."""
        if self.stills is None:
            return self._video
        place = self._mirrored(self.stills, path)
        if place.exists() and place.samefile(path):
            raise OutputError(f"{place} would replace its own source", hint="Write into another folder.")
        return place

    @staticmethod
    def _mirrored(stills: StillWriter, path: Path) -> Path:
        place = stills.folder / stills.place_of(path)
        return place if place.suffix.lower() in VIDEO_FORMATS else place.with_name(place.name + ".mp4")

    def lacks(self, path: Path) -> bool:
        """Whether a annotated copy of a video is asked for and not there."""
        place = self.video(path)
        return place is not None and not place.exists()


def _one_video(annotate: Path, paths: Sequence[Path], replace: bool) -> Path:
    check_video_format(annotate)
    if len(paths) != 1 or not is_video(paths[0]):
        what = "a photo" if len(paths) == 1 else f"{len(paths)} sources"
        raise OptionError(
            f"annotate: {annotate}: got {what}, expected one video to annotate under this name",
            hint="Give a folder, such as --annotate annotated.",
        )
    if annotate.exists() and annotate.samefile(paths[0]):
        raise OutputError(f"annotate: {annotate} is the video to be read itself", hint="Give another name.")
    if annotate.exists() and not replace:
        raise OutputError(
            f"{annotate} exists", hint="Use --out with --overwrite to replace both, or give another name."
        )
    return annotate


def _common_folder(paths: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([path.absolute().parent for path in paths]))
    except ValueError:  # on two drives
        return Path.cwd()


def _check_apart(annotate: Path, paths: Sequence[Path]) -> None:
    """Annotated copies mirror the folders of their sources, so above or beside the sources they could replace originals."""
    for path in paths:
        if path.resolve().is_relative_to(annotate.resolve()):
            raise OutputError(
                f"annotate: {annotate} holds what is to be read, such as {path}: annotated copies could replace originals",
                hint="Give a folder of its own, such as --annotate annotated.",
            )
