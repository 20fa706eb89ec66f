"""Read one photo, from wherever it is, as a frame."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import OptionError, SourceError, TooLargeError
from ..values.frame import Frame
from .picture_file import damage_reported, identified, opened
from .pixels import upright_rgb
from .quiet import pillow_warnings_ignored


def read_still(
    source: str | Path | bytes | Image.Image | npt.NDArray[np.uint8], *, max_megapixels: float = 200.0
) -> Frame:
    """Read one picture.

    Files may be JPEG (also MPO), PNG, GIF, WebP, BMP, TIFF, PPM, AVIF or JPEG 2000, in colour or gray, with or without
    transparency, of 1 to 32 bits. Clear pixels are laid over white; the first frame of an animation is taken; CMYK is
    converted without its colour profile. A cut or damaged file is an error, never half a picture.

    Args:
        source: a path; the bytes of a picture file; a Pillow image; or an array, uint8, RGB (H, W, 3), gray (H, W) or
            RGBA (H, W, 4), values 0-255. An RGB array is not copied.
        max_megapixels: refuse files and Pillow images of more pixels, in millions, before they are unpacked. A picture
            takes 7 to 8 bytes a pixel while it is read and 3 afterwards.

    Returns:
        The frame: uint8 (H, W, 3), RGB, 0-255, upright. Its name is the path as given, or ``"bytes"``, ``"image"`` or
        ``"array"``.

    Raises:
        OptionError: the source is of another type, dtype or shape, or ``max_megapixels`` is not above 0.
        SourceError: the picture is missing, empty, damaged or of an unknown format, or may not be read.
        TooLargeError: it would unpack to more than ``max_megapixels``.
    """
    if not max_megapixels > 0:
        raise OptionError(f"max_megapixels: got {max_megapixels}, expected more than 0")
    if isinstance(source, np.ndarray):
        return Frame(_array_pixels(source), name="array")
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "") or "image")
        return Frame(_image_pixels(source, name, max_megapixels), name=name)
    if isinstance(source, bytes):
        return Frame(_file_pixels(io.BytesIO(source), "bytes", max_megapixels), name="bytes")
    if isinstance(source, (str, Path)):
        if source == "":
            raise SourceError("the path of the picture is empty", hint="Name a picture file.")
        with opened(Path(source)) as file:
            return Frame(_file_pixels(file, str(source), max_megapixels), name=str(source))
    raise OptionError(
        f"source: got {type(source).__name__}, expected a path, bytes, a Pillow image or a numpy array",
        hint="Of an open file give file.read(); of a tensor give tensor.numpy() as RGB uint8 (H, W, 3).",
    )


def _file_pixels(file: IO[bytes], name: str, max_megapixels: float) -> npt.NDArray[np.uint8]:
    with damage_reported(name), pillow_warnings_ignored(), identified(file, name) as image:
        _check_size(image.size, name, max_megapixels)
        return upright_rgb(image)


def _image_pixels(image: Image.Image, name: str, max_megapixels: float) -> npt.NDArray[np.uint8]:
    _check_size(image.size, name, max_megapixels)
    with damage_reported(name), pillow_warnings_ignored():  # a Pillow image may not have read its file yet
        return upright_rgb(image)


def _check_size(size: tuple[int, int], name: str, max_megapixels: float) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise SourceError(
            f"{name} holds no pixels: {width} x {height}", hint="Give a picture of at least 1 x 1 pixels."
        )
    if width * height > max_megapixels * 1e6:
        raise TooLargeError(
            f"{name} is too large: {width} x {height} pixels are {width * height / 1e6:,.1f} megapixels, "
            f"expected at most {max_megapixels:g}",
            hint="Shrink it, or raise the limit with max_megapixels=... or --max-megapixels if you trust the file.",
        )


def _array_pixels(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits:
        raise OptionError(
            f"array: got {array.dtype} {array.shape}, expected uint8 (H, W, 3) RGB, (H, W) gray or (H, W, 4) RGBA",
            hint=_array_hint(array),
        )
    if array.size == 0:
        raise SourceError(
            f"the array holds no pixels: its shape is {array.shape}", hint="Check how it was cut or read."
        )
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return upright_rgb(Image.fromarray(array)) if array.shape[2] == 4 else array


def _array_hint(array: npt.NDArray[Any]) -> str:
    if array.ndim == 4:
        return "Give one picture at a time: array[0], array[1] and so on."
    if array.ndim == 3 and array.shape[2] == 1:
        return "Drop the last axis: array[..., 0]."
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (3, 4):
        return "Put the channels last: array.transpose(1, 2, 0)."
    scaling = {
        "f": "(array * 255).round().astype(np.uint8) for values of 0-1",
        "u": "(array // 257).astype(np.uint8) for 16-bit values",
        "b": "array.astype(np.uint8) * 255",
    }
    return f"Give values 0-255 as uint8: {scaling.get(array.dtype.kind, 'array.astype(np.uint8) if they are 0-255')}."
