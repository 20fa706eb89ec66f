"""Image sources: what may be given in place of the path of an image file."""

from __future__ import annotations

import base64
import io
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import OptionError, SourceError, shorten

#: Of two letters at least, as ``C:/`` is a path; ``Path`` turns ``https://`` into ``https:/``.
_ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]+:/|data:")
_URL_SAFE = str.maketrans("-_", "+/")
#: Longer than any path, and nothing but base64.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{1000}")


@runtime_checkable
class BinaryFile(Protocol):
    """A file opened for reading bytes, or an upload of Streamlit, Gradio, Flask or FastAPI."""

    def read(self, size: int = ..., /) -> Any:
        """Read bytes."""
        ...


#: One image; torch tensors, uint8 (H, W, 3) or (3, H, W), are accepted too.
ImageSource: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryFile | Image.Image | npt.NDArray[np.uint8]
)
MISSING_HINT = "A table cell may be empty, or cv2.imread may have returned None for a file that it cannot read."
#: Several images; other iterables, such as a column of a table, are accepted too.
ImageSources: TypeAlias = list[ImageSource] | tuple[ImageSource, ...] | set[ImageSource] | Iterator[ImageSource]
#: What an image source is, once its kind is known: a file, its content, or pixels.
Content: TypeAlias = Path | bytes | Image.Image | npt.NDArray[Any]


def is_address(source: object) -> bool:
    """Whether a source is an address such as ``https://...``, ``file://...`` or ``data:...``, and no path or pattern."""
    return isinstance(source, (str, os.PathLike)) and bool(_ADDRESS.match(os.fsdecode(source)))


def local_path(source: str | os.PathLike[str]) -> Path:
    """The path that a string names: ``~`` is expanded, a ``file://`` address converted.

    Raises:
        SourceError: it is another address; nothing is fetched.
    """
    text = os.fsdecode(source)
    if is_address(text):
        parts = urlsplit(text)
        is_here = parts.netloc in ("", "localhost")
        if parts.scheme.lower() != "file" or not (is_here or os.name == "nt"):
            hint = "mien does not use the network: download the file first."
            hint = "Data URIs are read by mien.read in Python." if parts.scheme.lower() == "data" else hint
            raise SourceError(f"{shorten(text)} is an address, expected a file", hint=hint, path=shorten(text))
        return Path(url2pathname(parts.path if is_here else f"//{parts.netloc}{parts.path}"))
    if _BASE64.match(text):
        hint = "Put data:image/jpeg;base64, before it, or give the decoded bytes."
        raise SourceError(f"got base64 ({shorten(text, 30)}), expected a path", hint=hint, path=shorten(text))
    path = Path(text)
    with suppress(RuntimeError):  # ~name of an unknown user
        path = path.expanduser()
    return path


def is_collection(source: object) -> bool:
    """Whether an object holds several sources: a list, a generator, a column of a table, an array of paths."""
    if isinstance(source, np.ndarray):
        return source.ndim == 1 and source.dtype.kind in "OUT"
    single = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, BinaryFile, Mapping)
    is_one = isinstance(source, single) or any(hasattr(source, name) for name in ("detach", "columns"))
    return isinstance(source, Iterable) and not is_one


def is_missing(source: object) -> bool:
    """Whether a source is None, NaN, or pandas' NA or NaT, such as an empty cell of a table."""
    is_nan = isinstance(source, (float, np.floating)) and math.isnan(source)
    return source is None or is_nan or type(source).__name__ in ("NAType", "NaTType")


def content_of(source: object) -> tuple[Content, str]:  # noqa: PLR0911 - a kind of source per line
    """Find out what a source is.

    Returns:
        Its path, bytes or pixels, and its name for readings and errors.

    Raises:
        OptionError: no image can be read from an object of this type.
        SourceError: an address or file cannot be read.
    """
    if isinstance(source, str) and source[:50].lstrip()[:5].lower() == "data:":
        return _data_uri(source), "data URI"
    if isinstance(source, (str, os.PathLike)):
        if not os.fsdecode(source):
            raise SourceError("the path of the image is empty", hint="Name an image file.")
        return local_path(source), str(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), "bytes"
    if isinstance(source, Image.Image):
        return source, str(getattr(source, "filename", "") or "image")
    if isinstance(source, np.ndarray):
        return _unmasked(source), "array"
    if callable(getattr(source, "detach", None)) and callable(getattr(source, "numpy", None)):
        return _channels_last(source.detach().cpu().numpy()), "tensor"  # type: ignore[attr-defined]
    if isinstance(source, BinaryFile):
        return _file_content(source)
    if callable(getattr(source, "read_bytes", None)):  # zipfile.Path, importlib.resources
        return bytes(source.read_bytes()), str(getattr(source, "name", "") or "file")  # type: ignore[attr-defined]
    hint = "Give its column of paths: mien.read(table['path'])" if hasattr(source, "columns") else ""
    hint = "Give its values: mien.read(list(sources.values()))" if isinstance(source, Mapping) else hint
    hint = MISSING_HINT if is_missing(source) else hint
    raise OptionError(
        f"source: got {type(source).__name__}, expected a path, bytes, an open file, a PIL image or a numpy array",
        hint=hint or "See mien.read for what counts as an image.",
        field="source",
    )


def _data_uri(uri: str) -> bytes:
    header, comma, data = uri.partition(",")
    try:
        if not comma:
            raise ValueError("it has no comma")
        content = unquote_to_bytes(data)
        return from_base64(content.decode("ascii")) if header.strip().lower().endswith(";base64") else content
    except ValueError as error:
        hint = "Expected data:image/png;base64,..."
        raise SourceError(f"{shorten(uri)} is not a valid data URI: {error}", hint=hint) from error


def from_base64(text: str) -> bytes:
    """Decode base64, also URL-safe, with line breaks or without padding; ``ValueError`` where it is none."""
    text = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _file_content(file: BinaryFile) -> tuple[bytes, str]:
    """All of a file, whatever has been read of it; its position is kept."""
    inner: Any = getattr(file, "file", file)  # FastAPI's UploadFile reads asynchronously, the file in it does not
    name = getattr(file, "filename", None) or getattr(inner, "name", None)
    name = shorten(name) if isinstance(name, str) and name else "file"
    if isinstance(inner, io.TextIOBase):
        raise OptionError(f"source: {name} is open as text", hint="Open it with open(path, 'rb').", field="source")
    try:
        start = inner.tell() if getattr(inner, "seekable", lambda: False)() else None
        if start is not None:
            inner.seek(0)
        content = inner.read()
        if start is not None:
            inner.seek(start)
    except (OSError, ValueError) as error:
        raise SourceError(f"{name} cannot be read: {error}", hint="Open it again.", path=name) from error
    if not isinstance(content, (bytes, bytearray)):
        raise OptionError(
            f"source: got a file that gives {type(content).__name__}, expected bytes",
            hint="Open it with open(path, 'rb').",
            field="source",
        )
    return bytes(content), name


def _unmasked(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if np.ma.is_masked(array):
        hint = "Fill the masked pixels first: array.filled(0)."
        raise OptionError("array: some pixels are masked", hint=hint, field="array")
    return np.asarray(array)


def _channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Turn (C, H, W), as torch has images, into (H, W, C)."""
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        return np.ascontiguousarray(array.transpose(1, 2, 0))
    return array
