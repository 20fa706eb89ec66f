"""Decode images: files, bytes, arrays and PIL images to RGB frames."""

from __future__ import annotations

import importlib
import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from ..errors import MienError, OptionError, SourceError, TooLargeError, shorten
from ..options import MAX_MEGAPIXELS
from ..types import Box, Face, Frame
from .hdr import to_sdr, transfer_of_image
from .limits import DECODE_S, LimitedFile, check_scans
from .pillow_warnings import pillow_warnings_ignored
from .sources import ImageSource, content_of
from .video import is_video

Pixels = npt.NDArray[np.uint8]
Channels: TypeAlias = Literal["rgb", "bgr"]

#: What mien lets Pillow open. EPS is left out because Pillow runs Ghostscript for it, and rare formats because each decoder
#: can be attacked by a hostile file.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF", "JXL")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_JXL_SIGNATURES = (b"\xff\x0a", b"\x00\x00\x00\x0cJXL ")
#: What Pillow raised on 230,000 damaged images of 18 formats, and related errors. Sizes are checked before.
_DAMAGE = (
    *(OSError, EOFError, SyntaxError, ValueError, OverflowError, IndexError, KeyError, TypeError, RuntimeError),
    *(struct.error, zlib.error),
)
#: Pixels converted at a time, which limits the memory of copies.
_STRIP = 2_000_000
_BITS_PER_SAMPLE = 258  # a tag of TIFF 6.0
_TRANSFER = "mien_transfer"  # the key of HLG or PQ in ``Image.info``
#: Views of the upright image in which the stored pixels of a file lie in order: EXIF 2.32, tag 0x0112.
_STORED_IN_UPRIGHT: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


def read_image(
    source: ImageSource,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: Channels = "rgb",
    timeout_s: float = DECODE_S,
) -> Frame:
    """Read one image.

    Files may be JPEG (also MPO), PNG, GIF, WebP, BMP, TIFF, PPM, AVIF or JPEG 2000, and with the extras ``heif`` and
    ``jxl`` HEIF (.heic) or JPEG XL; in color or gray, with or without transparency, of 1 to 32 bits. Transparent pixels are
    laid over white; the first frame of an animation is taken; CMYK is converted without its color profile; AVIF, HEIF and
    PNG of high dynamic range (HLG or PQ, BT.2020) are tone mapped. A truncated or damaged file is an error.

    Args:
        source: a path; a ``file://`` or ``data:`` address; the bytes of an image file, or an open file or upload; a PIL
            image; or an array, uint8, RGB (H, W, 3), gray (H, W) or RGBA (H, W, 4), values 0-255, or a torch tensor of such
            a shape or channels first. An RGB array is not copied.
        max_megapixels: refuse files and PIL images of more pixels, in millions, before they are decoded. Decoding takes 7 to
            8 bytes per pixel, the result 3.
        channels: order of the channels of arrays and tensors; OpenCV's are ``bgr``.
        timeout_s: give up on a file that takes longer to read, in seconds.

    Returns:
        The frame: uint8 (H, W, 3), RGB, 0-255, upright. Its name is the path as given, that of an upload, or ``"bytes"``,
        ``"data URI"``, ``"image"``, ``"array"`` or ``"tensor"``.

    Raises:
        OptionError: the source is of another type, dtype or shape, or ``max_megapixels`` is not above 0.
        SourceError: the image is missing, empty, damaged, of an unknown format, or cannot be read.
        TooLargeError: it has more than ``max_megapixels``.
    """
    if not max_megapixels > 0:
        raise OptionError(f"max_megapixels: got {max_megapixels}, expected more than 0", field="max_megapixels")
    content, name = content_of(source)
    if isinstance(content, np.ndarray):
        if channels == "bgr" and content.ndim == 3 and content.shape[2] > 2:
            content = content[..., [2, 1, 0, *range(3, content.shape[2])]]
        return Frame(_array_pixels(content), name=name)
    if isinstance(content, Image.Image):
        _check_size(content.size, name, max_megapixels)
        with damage_reported(name), pillow_warnings_ignored():  # a PIL image may not have read its file yet
            return Frame(upright_rgb(content), name=name)
    with io.BytesIO(content) if isinstance(content, bytes) else opened(content) as file:
        return Frame(_file_pixels(file, name, max_megapixels, timeout_s), name=name)


@dataclass(frozen=True, eq=False)
class ReducedFrame(Frame):
    """A JPEG file decoded at a fraction of its size, which takes a fraction of the time.

    Attributes:
        source: the file.
        size: width and height of the upright image in the file, in pixels.
    """

    source: Path | bytes = b""
    size: tuple[int, int] = (1, 1)

    def whole(self) -> Frame:
        """Read the file at its full size; ``SourceError`` where it cannot be read any more."""
        megapixels = math.prod(self.size) / 1e6
        return replace(read_image(self.source, max_megapixels=megapixels), name=self.name)

    def in_file(self, face: Face) -> Face:
        """The same face in pixels of the file."""
        scale = np.array([self.size[0] / self.width, self.size[1] / self.height], np.float32)
        box = Box(*(np.reshape(face.box.xyxy, (2, 2)) * scale).ravel().tolist())
        return replace(face, box=box, landmarks=None if face.landmarks is None else face.landmarks * scale)


def read_reduced(
    source: ImageSource,
    long_side: int,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    channels: Channels = "rgb",
    timeout_s: float = DECODE_S,
) -> Frame:
    """Read one image as ``read_image`` does, but large JPEG files as a ``ReducedFrame``.

    Args:
        source: as for ``read_image``.
        long_side: a JPEG file is decoded at a half, quarter or eighth of its size, with at least this long side.
        max_megapixels: as for ``read_image``; of the whole file.
        channels: as for ``read_image``.
        timeout_s: as for ``read_image``.

    Raises:
        OptionError, SourceError, TooLargeError: as from ``read_image``.
    """
    content, name = content_of(source)
    if isinstance(content, (np.ndarray, Image.Image)):
        return read_image(source, max_megapixels=max_megapixels, channels=channels)
    with (
        io.BytesIO(content) if isinstance(content, bytes) else opened(content) as file,
        damage_reported(name), pillow_warnings_ignored(), identified(file, name, timeout_s) as image,
    ):  # fmt: skip
        _check_size(image.size, name, max_megapixels)
        width, height = image.size
        share = long_side / max(width, height)
        if share <= 0.5:
            image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
        pixels = upright_rgb(image)
        size = (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)
    if pixels.shape[:2] == size[::-1]:
        return Frame(pixels, name=name)
    return ReducedFrame(pixels, name, source=content, size=size)


def _file_pixels(file: IO[bytes], name: str, max_megapixels: float, timeout_s: float) -> Pixels:
    with damage_reported(name), pillow_warnings_ignored(), identified(file, name, timeout_s) as image:
        _check_size(image.size, name, max_megapixels)
        return upright_rgb(image)


def _check_size(size: tuple[int, int], name: str, max_megapixels: float) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise SourceError(f"{name} has no pixels: {width} x {height}", hint="Use another image.", path=name)
    if width * height > max_megapixels * 1e6:
        raise TooLargeError(
            f"{name} is too large: {width} x {height} pixels are {width * height / 1e6:,.1f} megapixels, "
            f"expected at most {max_megapixels:g}",
            hint="Shrink it, or raise the limit with max_megapixels=... or --max-megapixels if you trust the file.",
            path=name,
        )


def upright_rgb(image: Image.Image) -> Pixels:
    """Convert a PIL image to uint8 (H, W, 3), RGB, 0-255, with its EXIF orientation applied.

    Transparent pixels are laid over white. 16-bit gray is scaled to 0-255 from its full range. 32-bit integers and floats
    have no defined range: 0-1 (floats only), 0-255 or 0-65535 is assumed, the first that holds all values; otherwise the
    smallest value becomes 0 and the largest 255.

    Raises:
        ValueError: a float image holds NaN or infinity.
        Exception: what Pillow raises on a damaged file.
    """
    image.load()
    orientation = _orientation(image)
    height, width = image.height, image.width
    upright = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    # Writing through a turned view saves the second full-size image that turning afterwards would need.
    turn = _STORED_IN_UPRIGHT.get(orientation)
    stored = turn(upright) if turn else upright
    to_rgb = _converter(image)
    for top, strip in _strips(image):
        stored[top : top + strip.height] = to_rgb(strip)
    return upright


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _DAMAGE:  # damaged EXIF data says nothing about the pixels
        return 1


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    rows = max(1, _STRIP // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _converter(image: Image.Image) -> Callable[[Image.Image], Pixels]:
    """Return the function that turns one strip into uint8 RGB (H, W, 3), or gray (H, W, 1) that broadcasts to RGB."""
    if image.mode.startswith("I;16"):
        tags: Any = getattr(image, "tag_v2", {})  # a TIFF may say that only 12 of the bits are used
        return _scaling(0.0, float(2 ** tags.get(_BITS_PER_SAMPLE, (16,))[0] - 1))
    if image.mode in ("I", "F"):
        return _scaling(*_guessed_range(image))
    to_rgb = _over_white if image.has_transparency_data else lambda strip: np.asarray(strip.convert("RGB"))
    transfer = int(image.info.get(_TRANSFER, 0))
    return (lambda strip: to_sdr(to_rgb(strip).astype(np.uint16) * 257, transfer)) if transfer else to_rgb


def _over_white(strip: Image.Image) -> Pixels:
    # The color of a transparent pixel is arbitrary; white is what a page shows.
    rgba = strip.convert("RGBA")
    white = Image.new("RGB", strip.size, (255, 255, 255))
    white.paste(rgba, mask=rgba)
    return np.asarray(white)


def _scaling(darkest: float, brightest: float) -> Callable[[Image.Image], Pixels]:
    def scale(strip: Image.Image) -> Pixels:
        values = (np.asarray(strip).astype(np.float64) - darkest) * (255 / (brightest - darkest))
        return np.rint(values).clip(0, 255).astype(np.uint8)[..., None]

    return scale


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


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Turn what Pillow raises on a file that it cannot read into a ``SourceError`` that names it."""
    try:
        yield
    except MienError:
        raise
    except UnidentifiedImageError as error:
        hint = "Open it in an image viewer, and save it as JPEG or PNG."
        what = f"{name} is not an image that mien can read: got {error}, expected {', '.join(FORMATS)}"
        raise SourceError(what, hint=hint, path=name) from error
    except Image.DecompressionBombError as error:
        hint = "Shrink it, or save it as JPEG or PNG."
        raise TooLargeError(f"{name} is too large for Pillow: {error}", hint=hint, path=name) from error
    except _DAMAGE as error:
        raise SourceError(
            f"{name} is damaged or incomplete: {error or type(error).__name__}",
            hint="Copy or download it again, or open it in an image viewer and save it again.",
            path=name,
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the file at ``path`` for reading.

    Raises:
        SourceError: there is no such file, or it cannot be read, or it is not a regular file.
    """
    try:
        if path.is_dir():
            hint = "Name an image in it; mien.find_images([folder]) lists the images of a folder."
            raise SourceError(f"{path} is a folder, expected one image", hint=hint, path=path)
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise SourceError(f"{path} is not a regular file", hint="Name an image file.", path=path)
        file = path.open("rb")
    except MienError:
        raise
    except PermissionError as error:
        hint = "Ask for permission to read it."
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint=hint, path=path) from error
    except (OSError, ValueError) as error:  # missing, a name too long, a file in place of a folder, a NUL in the name
        hint, reason = "Check the spelling and the current folder.", getattr(error, "strerror", None) or error
        raise SourceError(f"cannot open {shorten(str(path))!r}: {reason}", hint=hint, path=path) from error
    with file:
        yield file


def identified(file: IO[bytes], name: str, timeout_s: float = DECODE_S) -> ImageFile.ImageFile:
    """Open the image in ``file``; its header is read, its pixels are not.

    ``Image.open`` is not used: its own size limit can only be changed for the whole process.

    Raises:
        SourceError: the file is empty, has too many scans, or is a HEIF photo that no installed package can read.
        Exception: what Pillow raises; ``UnidentifiedImageError`` for an unknown format.
    """
    head = file.read(65536)
    prefix = head[:16]
    if not prefix:
        raise SourceError(f"{name} is empty: 0 bytes", hint="Copy or download it again.", path=name)
    for load_plugins in (Image.preinit, Image.init, _load_optional_plugins):  # the five common formats first
        load_plugins()
        for format_name in FORMATS:
            factory, accept = Image.OPEN.get(format_name, (None, None))
            if factory is not None and (accept is None or accept(prefix) is True):
                file.seek(0)
                image = factory(LimitedFile(file, timeout_s), "")  # type: ignore[arg-type]  # has what Pillow uses
                if image.info.get("progressive"):
                    check_scans(file, image.size, name)
                image.info[_TRANSFER] = transfer_of_image(head) if format_name in ("AVIF", "HEIF", "PNG") else 0
                return image
    for extra, is_it in (
        ("heif", prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS),
        ("jxl", prefix.startswith(_JXL_SIGNATURES)),
    ):
        if is_it:
            format_name = {"heif": "HEIF photo (.heic)", "jxl": "JPEG XL image"}[extra]
            hint = f"In a copy of the mien repository, run: pip install '.[{extra}]'; or save it as JPEG."
            raise SourceError(f"{name} is a {format_name}, which needs an extra package", hint=hint, path=name)
    if is_video(name, head[:200]):
        hint = "Use mien.read_video, or 'mien read' on the command line."
        raise SourceError(f"{name} is a video, expected an image", hint=hint, path=name)
    raise UnidentifiedImageError(f"contents that begin with {prefix!r}")


@cache
def _load_optional_plugins() -> None:
    """Register the decoders of the extras ``heif`` and ``jxl`` with Pillow, where they are installed."""
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
    with suppress(ImportError):
        importlib.import_module("pillow_jxl")


def _array_pixels(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits:
        hint = "Put channels last; convert values of 0-1 with (array * 255).round().astype(np.uint8)."
        raise OptionError(
            f"array: got {array.dtype} {array.shape}, expected uint8 (H, W, 3) RGB, (H, W) gray or (H, W, 4) RGBA",
            hint="Give the images of a batch as a list: list(array)." if array.ndim == 4 else hint,
            field="array",
        )
    if array.size == 0:
        raise SourceError(f"the array has no pixels: its shape is {array.shape}", hint="Check how it was made.")
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return upright_rgb(Image.fromarray(array)) if array.shape[2] == 4 else array
