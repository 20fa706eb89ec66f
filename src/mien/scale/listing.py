"""The list of images and videos that a run reads, from folders, patterns, manifests and URLs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, OptionError, SourceError, shorten
from ..extras import require
from ..io.discovery import IMAGE_EXTENSIONS, find_images, natural_key
from ..io.video import VIDEO_EXTENSIONS
from .storage import filesystem, path_of, read_bytes, scheme_of

EXTENSIONS = (*IMAGE_EXTENSIONS, *VIDEO_EXTENSIONS)
#: Endings of manifests, tables with a row per image or video.
MANIFESTS = (".csv", ".parquet")
#: Columns of a manifest that may hold paths or URLs; the first that exists is taken.
COLUMNS = ("path", "url", "uri", "file", "file_name", "filename", "image", "source")


def list_sources(sources: Sequence[str | Path], *, recursive: bool = False, column: str | None = None) -> list[str]:
    """List the images and videos of sources, in their order, each once; none is opened.

    Args:
        sources: files; folders and patterns, local or as URLs of fsspec; or manifests, ``.csv`` and ``.parquet`` tables with
            a column of paths or URLs. Relative paths in a manifest start at its folder.
        recursive: include sub-folders.
        column: the column of manifests; None takes the first of ``COLUMNS``.

    Returns:
        Absolute paths of local files that were given as such, else names as given; folders in natural order.

    Raises:
        SourceError: a source does not exist or has no image.
        DataError: a manifest is damaged or lacks the column.
        MissingExtraError: the package for a URL's scheme is not installed.
    """
    found: dict[str, str] = {}
    for source in map(str, sources):
        for name in _names_of(source, recursive, column):
            found.setdefault(identity(name), name)
    if not found:
        raise OptionError("sources: got none, expected at least one image or video", field="sources")
    return list(found.values())


def identity(name: str) -> str:
    """What two spellings of a file have in common: its absolute path, or its URL."""
    return name if scheme_of(name) else os.path.abspath(path_of(name))  # noqa: PTH100 - links are kept


def is_video_name(name: str) -> bool:
    """Whether a file is read as a video, by its ending: opening millions of files would take too long."""
    return name.lower().endswith(VIDEO_EXTENSIONS)


def _names_of(source: str, recursive: bool, column: str | None) -> Iterator[str]:
    if source.lower().endswith(MANIFESTS):
        yield from _in_manifest(source, column)
    elif scheme_of(source):
        yield from _remote(source, recursive)
    else:
        yield from map(str, find_images([path_of(source)], recursive=recursive, extensions=EXTENSIONS))


def _remote(url: str, recursive: bool) -> list[str]:
    files = filesystem(scheme_of(url))
    try:
        if any(mark in url for mark in "*?["):
            listed = files.glob(url)
        elif files.isdir(url):
            listed = files.find(url, maxdepth=None if recursive else 1)
        else:
            return [url]
    except (OSError, ValueError) as error:
        hint = "Check the spelling, the network and your access rights."
        raise SourceError(f"cannot list {shorten(url)}: {error}", hint=hint, path=url) from error
    names = [files.unstrip_protocol(name) for name in listed if name.lower().endswith(EXTENSIONS)]
    if not names:
        hint = f"Files must end in one of {' '.join(EXTENSIONS)}; include sub-folders with --recursive."
        raise SourceError(f"no image or video at {shorten(url)}", hint=hint, path=url)
    return sorted(names, key=lambda name: [natural_key(part) for part in name.split("/")])


def _in_manifest(source: str, column: str | None) -> Iterator[str]:
    pa = require("pyarrow", "ray")
    content = read_bytes(source)
    try:
        names = _columns(content, source)
        wanted = column or next((name for name in COLUMNS if name in names), None)
        if wanted not in names:
            expected = f"a column {column!r}" if column else f"one of the columns {', '.join(COLUMNS)}"
            message = f"{source}: got the columns {', '.join(names)}, expected {expected}"
            raise DataError(
                message, hint="Name the column of paths or URLs.", path=source, field="column", value=column
            )
        values = _values(content, source, wanted)
    except pa.ArrowException as error:
        raise DataError(f"{source} cannot be read as a table: {error}", hint="Write it again.", path=source) from error
    folder = source.rpartition("/")[0] if scheme_of(source) else os.path.dirname(source)  # noqa: PTH120 - "" is here
    for value in values:
        if value:
            relative = not scheme_of(value) and not value.startswith("file://") and not os.path.isabs(value)  # noqa: PTH117
            yield f"{folder}/{value}" if relative and folder else value


def _columns(content: bytes, source: str) -> list[str]:
    if source.lower().endswith(".parquet"):
        return list(require("pyarrow.parquet", "ray").read_schema(io.BytesIO(content)).names)
    return [name.lstrip("\ufeff") for name in require("pyarrow.csv", "ray").open_csv(io.BytesIO(content)).schema.names]


def _values(content: bytes, source: str, column: str) -> list[str | None]:
    pa: Any = require("pyarrow", "ray")
    if source.lower().endswith(".parquet"):
        table = require("pyarrow.parquet", "ray").read_table(io.BytesIO(content), columns=[column])
    else:
        reading = require("pyarrow.csv", "ray")
        types = reading.ConvertOptions(include_columns=[column], column_types={column: pa.string()})
        table = reading.read_csv(io.BytesIO(content), convert_options=types)
    texts: list[str | None] = table.column(column).cast(pa.string()).to_pylist()
    return texts
