"""Open a picture file with Pillow, and translate all that can go wrong with it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import MienError, SourceError, TooLargeError

#: What mien lets Pillow open. Left out on purpose: EPS, which Pillow hands to Ghostscript to run as a program, and
#: rare formats, each one more decoder for a hostile file to attack. HEIF works once ``pillow-heif`` has registered it.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "HEIF")

# What Pillow was seen to raise on 230,000 pictures of 18 kinds with flipped and missing bytes, what its own
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
            f"{name} is no picture that mien can read: got {error}, expected {', '.join(FORMATS)}",
            hint="Open it in a picture viewer, and save it as JPEG or PNG.",
        ) from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(
            f"{name} is too large for Pillow: {error}", hint="Shrink it, or save it as JPEG or PNG."
        ) from error
    except _DAMAGE as error:
        if "truncated" in str(error).lower():
            message = f"{name} is cut off: its header is there, but the rest of the picture is not ({error})"
            hint = "Copy or download it again."
        else:
            message = f"{name} is damaged: {error or type(error).__name__}"
            hint = "Copy or download it again, or open it in a picture viewer and save it anew."
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
                f"{path} is a folder: expected one picture",
                hint="Name a picture in it; mien.find_pictures([folder]) lists what is in a folder.",
            )
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise SourceError(f"{path} is no regular file", hint="Name a picture file.")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise SourceError(f"no such picture: {path}", hint=_missing_hint(path) or hint) from error
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
    return "mien fetches nothing from the network: download the picture first." if remote else ""


def identified(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """The picture in ``file``, its header read and its pixels not yet.

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
