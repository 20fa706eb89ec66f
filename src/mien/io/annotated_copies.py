"""Annotated copies of images and videos."""

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


class AnnotatedCopies:
    """The places of annotated copies, checked before any work is done, and a writer of images.

    A folder mirrors the places of the sources below their common folder: the copy of ``photos/a/1.jpg`` is
    ``<folder>/a/1.jpg``. Other image formats become PNG, other video formats MP4, and the name grows: ``1.webp.png``. So a
    source has the same file in every run, and two sources have two files.

    Raises:
        OptionError: a video is named, and there is more to be read than one video.
        OutputError: copies could replace what is to be read, or each other, or the folder cannot be made.
    """

    def __init__(self, annotate: Path | None, paths: Sequence[Path], *, replace: bool = True) -> None:
        self._folder: Path | None = None
        self._video: Path | None = None
        self._root = _common_folder(paths)
        if annotate is None:
            return
        if is_video(annotate) and not annotate.is_dir():
            self._video = _one_video(annotate, paths, replace)
            return
        for path in paths:  # above or beside the sources, copies could replace originals
            if path.resolve().is_relative_to(annotate.resolve()):
                raise OutputError(
                    f"annotate: {annotate} holds sources such as {path}: annotated copies could replace originals",
                    hint="Give a separate folder, such as --annotate annotated.",
                    path=annotate,
                )
        self._folder = annotate
        places: dict[Path | None, Path] = {}
        for path in paths:
            place = self.place(path)
            if places.setdefault(place, path) != path:
                raise OutputError(
                    f"{place} would hold the annotated copies of both {places[place]} and {path}",
                    hint="Rename one of them, or read them into two folders.",
                    path=place,
                )
        with writing_to(annotate):
            annotate.mkdir(parents=True, exist_ok=True)

    def place(self, source: str | Path) -> Path | None:
        """Return the place of the copy of an image or video; None without one."""
        if self._folder is None:
            return self._video
        path = _absolute(source)
        if path.is_relative_to(self._root):
            inside = path.relative_to(self._root)
        else:  # on another drive
            inside = Path("elsewhere", path.drive.strip(":\\/").replace("\\", "/"), *path.parts[1:])
        formats, fallback = (VIDEO_FORMATS, ".mp4") if is_video(path) else ((*_JPEG, ".png"), ".png")
        place = self._folder / (inside if path.suffix.lower() in formats else f"{inside}{fallback}")
        _check_not_source(place, path)
        return place

    def write(self, name: str, image: npt.NDArray[np.uint8]) -> None:
        """Save the copy of the image ``name``, uint8 (H, W, 3), RGB, as JPEG (quality 92) or PNG."""
        path = self.place(name)
        if path is None:
            return
        checked("image", image, np.uint8, (None, None, 3), hint="Give RGB pixels with values 0-255.")
        with replacing(path) as file:
            if path.suffix.lower() in _JPEG:
                Image.fromarray(image).save(file, "JPEG", quality=92, subsampling=0)
            else:
                Image.fromarray(image).save(file, "PNG")

    def lacks(self, path: Path) -> bool:
        """Whether a copy of ``path`` is asked for and does not exist."""
        place = self.place(path)
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
        return Path(os.path.commonpath([_absolute(path).parent for path in paths]))
    except ValueError:  # on two drives
        return Path.cwd()


def _absolute(path: str | Path) -> Path:
    # Without "..", which could lead out of the folder; resolve() would give a link the name of its target.
    return Path(os.path.abspath(path))  # noqa: PTH100
