"""Turn what Pillow has opened, in any of its modes, into upright 8-bit RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

Pixels = npt.NDArray[np.uint8]

#: Pixels handled at a time: large enough to be fast, small enough that the copies on the way do not matter.
_STRIP = 2_000_000

_BITS_PER_SAMPLE = 258  # a tag of TIFF 6.0

# Where the pixels of a file, in their stored order, lie within the upright picture: EXIF 2.32, tag 0x0112.
_STORED_IN_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def upright_rgb(image: Image.Image) -> Pixels:
    """The pixels of ``image`` as uint8 (H, W, 3), RGB, 0-255, turned as its EXIF orientation says.

    See-through pixels are laid over white. Of an animation the current frame is taken. 16-bit gray is scaled to 0-255
    from its full range. 32-bit integers and floats carry no range: 0-1 (floats only), 0-255 or 0-65535 is assumed,
    the first that holds all values, and where none does, the smallest value becomes 0 and the largest 255.

    Raises:
        ValueError: a float picture holds NaN or infinity.
        Exception: whatever Pillow raises on a damaged file.
    """
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    height, width = image.height, image.width
    upright = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    # Writing through a turned view saves the second full-size picture that turning afterwards would need.
    stored = _STORED_IN_UPRIGHT.get(orientation, _as_it_is)(upright)
    to_rgb = _converter(image)
    for top, strip in _strips(image):
        stored[top : top + strip.height] = to_rgb(strip)
    return upright


def _as_it_is(upright: Pixels) -> Pixels:
    return upright


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _converter(image: Image.Image) -> Callable[[Image.Image], Pixels]:
    """The function that turns one strip into uint8 RGB (H, W, 3), or gray (H, W, 1) that spreads to RGB."""
    if image.mode.startswith("I;16"):
        darkest, brightest = _sixteen_bit_range(image)
    elif image.mode in ("I", "F"):
        darkest, brightest = _guessed_range(image)
    elif image.has_transparency_data:
        return _over_white
    else:
        return _plain
    return lambda strip: _scaled(strip, darkest, brightest)


def _plain(strip: Image.Image) -> Pixels:
    return np.asarray(strip.convert("RGB"))


def _over_white(strip: Image.Image) -> Pixels:
    # The colour under a clear pixel is whatever the program that saved it left there; white is what a page shows.
    rgba = strip.convert("RGBA")
    white = Image.new("RGB", strip.size, (255, 255, 255))
    white.paste(rgba, mask=rgba)
    return np.asarray(white)


def _scaled(strip: Image.Image, darkest: float, brightest: float) -> Pixels:
    values = (np.asarray(strip).astype(np.float64) - darkest) * (255 / (brightest - darkest))
    gray: Pixels = np.rint(values).clip(0, 255).astype(np.uint8)
    return gray[..., None]


def _sixteen_bit_range(image: Image.Image) -> tuple[float, float]:
    tags: Any = getattr(image, "tag_v2", {})  # a TIFF may say that only 12 of the bits are used
    return 0.0, float(2 ** tags.get(_BITS_PER_SAMPLE, (16,))[0] - 1)


def _guessed_range(image: Image.Image) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
        values = np.asarray(strip)
        if not np.isfinite(values).all():
            raise ValueError("some pixels are NaN or infinite")
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    for usual in (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= usual:
            return 0.0, usual
    return low, high if high > low else low + 1.0
