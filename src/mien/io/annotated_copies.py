"""Annotated copies of images and videos: their places, and a writer of images."""

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


class ImageWriter:
    """Writes images into a folder that mirrors the places of their sources.

    A source below ``root`` keeps its path from there on: with the root ``photos``, ``photos/a/1.jpg`` becomes
    ``<folder>/a/1.jpg``. A source elsewhere keeps its whole path, in ``<folder>/elsewhere/``. JPEG stays JPEG and PNG stays
    PNG; other formats become PNG, and the name grows: ``1.webp.png``. So a source has the same file in every run, and two
    sources have two files.

    Args:
        folder: where the images go; made if need be.
        root: what the names of the sources are relative to; None takes the current folder.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self._root = _absolute(root if root is not None else Path.cwd())
        self._sources: dict[Path, Path] = {}
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path_for(self, name: str) -> Path:
        """Return the path of the image of the source ``name``."""
        place = self.place_of(name)
        keeps = place.suffix.lower() in (*_JPEG, ".png")
        return self.folder / (place if keeps else place.with_name(place.name + ".png"))

    def place_of(self, name: str | Path) -> Path:
        """Return the path within the folder that mirrors the place of the source ``name``."""
        source = _absolute(name)
        if source.is_relative_to(self._root):
            return source.relative_to(self._root)
        return Path("elsewhere", source.drive.strip(":\\/").replace("\\", "/"), *source.parts[1:])

    def write(self, name: str, image: npt.NDArray[np.uint8]) -> Path:
        """Save an image as JPEG (quality 92, no chroma subsampling) or PNG; a file of an earlier run is replaced.

        Args:
            name: path of its source, as ``Frame.name`` gives it.
            image: uint8 (H, W, 3), RGB, 0-255.

        Raises:
            OptionError: the image has another dtype or shape.
            OutputError: it would replace its own source or another source's image, or cannot be written.
        """
        checked("image", image, np.uint8, (None, None, 3), hint="Give RGB pixels with values 0-255.")
        path, source = self.path_for(name), _absolute(name)
        _check_not_source(path, source)
        if self._sources.setdefault(path, source) != source:
            raise OutputError(
                f"{path} already holds the image of {self._sources[path]}, not of {name}",
                hint="Rename one of the two sources.",
                path=path,
            )
        with replacing(path) as file:
            if path.suffix.lower() in _JPEG:
                Image.fromarray(image).save(file, "JPEG", quality=92, subsampling=0)
            else:
                Image.fromarray(image).save(file, "PNG")
        return path


class AnnotatedCopies:
    """The places of annotated copies; checked before any work is done.

    Args:
        annotate: a folder; the name of a video if there is one video to read and nothing else; or None.
        paths: what will be read.
        replace: a video of that name may exist.

    Attributes:
        images: writes annotated images, or None.

    Raises:
        OptionError: a video is named, and there is more to be read than one video.
        OutputError: copies could replace what is to be read, or each other, or the folder cannot be made.
        MissingExtraError: a video is to be written, and the extra ``video`` is not installed.
    """

    def __init__(self, annotate: Path | None, paths: Sequence[Path], *, replace: bool) -> None:
        self._video: Path | None = None
        self.images: ImageWriter | None = None
        if annotate is None:
            return
        if is_video(annotate) and not annotate.is_dir():
            self._video = _one_video(annotate, paths, replace)
            return
        if annotate.exists() and not annotate.is_dir():
            raise OutputError(
                f"annotate: {annotate} is a file, expected a folder",
                hint="Give a folder, such as --annotate annotated.",
                path=annotate,
            )
        _check_apart(annotate, paths)
        self.images = ImageWriter(annotate, _common_folder(paths))
        places: dict[Path, Path] = {}
        for path in filter(is_video, paths):
            place = self._mirrored(self.images, path)
            if places.setdefault(place, path) != path:
                raise OutputError(
                    f"{place} would hold the annotated copies of two videos, {places[place]} and {path}",
                    hint="Rename one of them, or read them into two folders.",
                    path=place,
                )

    def video(self, path: Path) -> Path | None:
        """Return the place of the annotated copy of a video; None without one."""
        if self.images is None:
            return self._video
        place = self._mirrored(self.images, path)
        _check_not_source(place, path)
        return place

    @staticmethod
    def _mirrored(images: ImageWriter, path: Path) -> Path:
        place = images.folder / images.place_of(path)
        return place if place.suffix.lower() in VIDEO_FORMATS else place.with_name(place.name + ".mp4")

    def lacks(self, path: Path) -> bool:
        """Whether an annotated copy of a video is asked for and does not exist."""
        place = self.video(path)
        return place is not None and not place.exists()


def _one_video(annotate: Path, paths: Sequence[Path], replace: bool) -> Path:
    check_video_format(annotate)
    if len(paths) != 1 or not is_video(paths[0]):
        raise OptionError(
            f"annotate: {annotate} is a video, expected a folder unless one video is read",
            hint="Give a folder, such as --annotate annotated.",
            field="annotate",
            value=annotate,
        )
    _check_not_source(annotate, paths[0])
    if annotate.exists() and not replace:
        hint = "Use --out with --overwrite to replace both, or give another name."
        raise OutputError(f"{annotate} exists", hint=hint, path=annotate)
    return annotate


def _check_not_source(place: Path, source: Path) -> None:
    if place.exists() and source.exists() and place.samefile(source):
        raise OutputError(f"{place} would replace its own source", hint="Write elsewhere.", path=place)


def _common_folder(paths: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([path.absolute().parent for path in paths]))
    except ValueError:  # on two drives
        return Path.cwd()


def _check_apart(annotate: Path, paths: Sequence[Path]) -> None:
    """Copies mirror the folders of their sources, so above or beside the sources they could replace originals."""
    for path in paths:
        if path.resolve().is_relative_to(annotate.resolve()):
            raise OutputError(
                f"annotate: {annotate} holds sources such as {path}: annotated copies could replace originals",
                hint="Give a separate folder, such as --annotate annotated.",
                path=annotate,
            )


def _absolute(path: str | Path) -> Path:
    # Without "..", which could lead out of the folder; resolve() would give a link the name of its target.
    return Path(os.path.abspath(path))  # noqa: PTH100
