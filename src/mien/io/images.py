"""Decode still images: files, bytes, arrays and PIL images to RGB frames."""

from __future__ import annotations

import io
import struct
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from ..errors import MienError, OptionError, SourceError, TooLargeError
from ..types import Frame

Pixels = npt.NDArray[np.uint8]

#: Pixels handled at a time: large enough to be fast, small enough that the copies on the way do not matter.
_STRIP = 2_000_000

_BITS_PER_SAMPLE = 258  # a tag of TIFF 6.0

# Where the pixels of a file, in their stored order, lie within the upright image: EXIF 2.32, tag 0x0112.
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
        ValueError: a float image holds NaN or infinity.
        Exception: whatever Pillow raises on a damaged file.
    """
    image.load()
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    height, width = image.height, image.width
    upright = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    # Writing through a turned view saves the second full-size image that turning afterwards would need.
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
    # The color under a clear pixel is whatever the program that saved it left there; white is what a page shows.
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


_lock = threading.Lock()
_threads_inside: list[int] = []
_filters = ExitStack()


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Within this context, warnings that Pillow's own modules give are ignored, and no others.

    Pillow warns of damaged EXIF data in a photo that it reads all the same, and of a size that mien checks by itself.
    Where a program makes warnings errors (``python -W error``), such a warning would stop the reading of a good photo.

    ``warnings.catch_warnings`` swaps a list that the whole process shares: two threads that enter and leave it in turns
    can put back each other's list, and so lose or keep a filter for good. Therefore the first thread to enter sets the
    filter and the last one to leave takes it away. Decoding, which is the long part, still runs in parallel.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: every thread may have filters of its own
        with warnings.catch_warnings():
            _ignore_pillow()
            yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    with _lock:
        if not _threads_inside:
            _filters.enter_context(warnings.catch_warnings())
            _ignore_pillow()
        _threads_inside.append(threading.get_ident())


def _leave() -> None:
    with _lock:
        _threads_inside.remove(threading.get_ident())
        if not _threads_inside:
            _filters.close()


def _ignore_pillow() -> None:
    for category in (UserWarning, RuntimeWarning):
        warnings.filterwarnings("ignore", category=category, module=r"PIL\.")


#: What mien lets Pillow open. Left out on purpose: EPS, which Pillow hands to Ghostscript to run as a program, and
#: rare formats, each one more decoder for a hostile file to attack. HEIF works once ``pillow-heif`` has registered it.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF")

# What Pillow was seen to raise on 230,000 images of 18 kinds with flipped and missing bytes, what its own
# ``Image.open`` takes for a damaged header, and the next of kin. No MemoryError: sizes are checked before.
_DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
)

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Within this context, what Pillow raises on a file it cannot read becomes a ``SourceError`` that names it."""
    try:
        yield
    except MienError:
        raise
    except UnidentifiedImageError as error:
        raise SourceError(
            f"{name} is no image that mien can read: got {error}, expected {', '.join(FORMATS)}",
            hint="Open it in an image viewer, and save it as JPEG or PNG.",
        ) from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(
            f"{name} is too large for Pillow: {error}", hint="Shrink it, or save it as JPEG or PNG."
        ) from error
    except _DAMAGE as error:
        if "truncated" in str(error).lower():
            message = f"{name} is cut off: its header is there, but the rest of the image is not ({error})"
            hint = "Copy or download it again."
        else:
            message = f"{name} is damaged: {error or type(error).__name__}"
            hint = "Copy or download it again, or open it in an image viewer and save it anew."
        raise SourceError(message, hint=hint) from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file at ``path``, open for reading.

    Raises:
        SourceError: there is no such file, or it may not be read, or it is empty or no regular file.
    """
    hint = "Check the spelling and the folder that you are in."
    try:
        if path.is_dir():
            raise SourceError(
                f"{path} is a folder: expected one image",
                hint="Name an image in it; mien.find_images([folder]) lists what is in a folder.",
            )
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise SourceError(f"{path} is no regular file", hint="Name an image file.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise SourceError(f"no such image: {path}", hint=_missing_hint(path) or hint) from error
    except PermissionError as error:
        raise SourceError(f"{path} may not be read: {error.strerror}", hint="Ask for permission to read it.") from error
    except MienError:
        raise
    except (OSError, ValueError) as error:  # a name too long, a file where a folder should be, a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{str(path)!r} cannot be opened: {reason}", hint=hint) from error
    with file:
        yield file


def _missing_hint(path: Path) -> str:
    remote = path.parts[:1] in (("http:",), ("https:",))
    return "mien fetches nothing from the network: download the image first." if remote else ""


def identified(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """The image in ``file``, its header read and its pixels not yet.

    ``Image.open`` is not used: it refuses by a limit of its own, which can only be moved for the whole process.

    Raises:
        SourceError: the file is empty, or a HEIF photo that nothing installed can read.
        Exception: what Pillow raises; ``UnidentifiedImageError`` where the contents are of no known format.
    """
    prefix = file.read(16)
    if not prefix:
        raise SourceError(f"{name} is empty: 0 bytes", hint="Copy or download it again.")
    for load_plugins in (Image.preinit, Image.init):  # the five common formats first, for a quick start
        load_plugins()
        for format_name in FORMATS:
            image = _opened_as(format_name, file, prefix)
            if image is not None:
                return image
    if prefix[4:8] == b"ftyp" and prefix[8:12] in _HEIF_BRANDS:
        raise SourceError(
            f"{name} is a HEIF photo (.heic), which Pillow cannot read by itself",
            hint="Save it as JPEG; or, in Python: pip install pillow-heif, then pillow_heif.register_heif_opener().",
        )
    raise UnidentifiedImageError(f"contents that begin with {prefix!r}")


def _opened_as(format_name: str, file: IO[bytes], prefix: bytes) -> ImageFile.ImageFile | None:
    if format_name not in Image.OPEN:
        return None
    factory, accept = Image.OPEN[format_name]
    if accept is not None and accept(prefix) is not True:
        return None
    file.seek(0)
    return factory(file, "")


def read_image(
    source: str | Path | bytes | Image.Image | npt.NDArray[np.uint8], *, max_megapixels: float = 200.0
) -> Frame:
    """Read one image.

    Files may be JPEG (also MPO), PNG, GIF, WebP, BMP, TIFF, PPM, AVIF or JPEG 2000, in color or gray, with or without
    transparency, of 1 to 32 bits. Clear pixels are laid over white; the first frame of an animation is taken; CMYK is
    converted without its color profile. A cut or damaged file is an error, never half an image.

    Args:
        source: a path; the bytes of an image file; a Pillow image; or an array, uint8, RGB (H, W, 3), gray (H, W) or
            RGBA (H, W, 4), values 0-255. An RGB array is not copied.
        max_megapixels: refuse files and Pillow images of more pixels, in millions, before they are unpacked. An image
            takes 7 to 8 bytes a pixel while it is read and 3 afterwards.

    Returns:
        The frame: uint8 (H, W, 3), RGB, 0-255, upright. Its name is the path as given, or ``"bytes"``, ``"image"`` or
        ``"array"``.

    Raises:
        OptionError: the source is of another type, dtype or shape, or ``max_megapixels`` is not above 0.
        SourceError: the image is missing, empty, damaged or of an unknown format, or may not be read.
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
            raise SourceError("the path of the image is empty", hint="Name an image file.")
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
        raise SourceError(f"{name} holds no pixels: {width} x {height}", hint="Give an image of at least 1 x 1 pixels.")
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
        return "Give one image at a time: array[0], array[1] and so on."
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
