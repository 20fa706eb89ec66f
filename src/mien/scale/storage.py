"""Files on local disks and in object storage, through fsspec."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError, OptionError, OutputError, SourceError, shorten
from ..extras import require
from ..io.atomic import write_atomically, writing_to
from ..io.sources import local_path

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def scheme_of(source: str) -> str:
    """The scheme of a URL such as ``s3://bucket/a.jpg``, in lower case; empty for a path and for ``file://``."""
    found = _URL.match(source)
    scheme = found.group(1).lower() if found else ""
    return "" if scheme in ("file", "local") else scheme


def path_of(source: str) -> Path:
    """The path that a string without a scheme, or with ``file://``, names."""
    return local_path(source.replace("local://", "file://", 1) if source.startswith("local://") else source)


@cache
def filesystem(scheme: str) -> Any:
    """The fsspec file system of a scheme; credentials are those of its package's environment.

    Raises:
        MissingExtraError: fsspec, or the package of this scheme, is not installed.
        OptionError: the scheme is unknown.
    """
    fsspec = require("fsspec", "ray")
    registry = require("fsspec.registry", "ray")
    if scheme not in fsspec.available_protocols():
        known = "s3, gs, az, abfs, http, https, hdfs, sftp"
        message = f"unknown URL scheme: got {scheme}://, expected a scheme of fsspec such as {known}"
        raise OptionError(message, hint="Check the spelling of the URL.", field="sources", value=scheme)
    try:
        return fsspec.filesystem(scheme)
    except ImportError as error:
        known = registry.known_implementations.get(scheme, {})
        package = known.get("class", "fsspec").partition(".")[0]
        hint = f"pip install {package}, on all nodes." if package != "fsspec" else known.get("err", str(error))
        message = f"URLs that begin with {scheme}:// need a package that is not installed"
        raise MissingExtraError(message, hint=hint, value=scheme) from error


def read_bytes(source: str) -> bytes:
    """The content of a file or URL; ``SourceError`` if it cannot be read."""
    try:
        if scheme := scheme_of(source):
            return bytes(filesystem(scheme).cat_file(source))
        return path_of(source).read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"no such file: {shorten(source)}", hint="Check the listing.", path=source) from error
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{shorten(source)} cannot be read: {error}", hint="Check access to it.", path=source
        ) from error


@contextmanager
def local_file(source: str, folder: str) -> Iterator[Path]:
    """A file on this machine for a context: a path, which may start at ``folder``, or a copy of what a URL holds.

    Raises:
        SourceError: it cannot be read.
    """
    scheme = scheme_of(source)
    if not scheme:
        yield Path(folder, path_of(source))
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, "copy" + Path(source).suffix)
        try:
            filesystem(scheme).get_file(source, str(copy))
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{shorten(source)} cannot be read: {error}", hint="Check access to it.", path=source
            ) from error
        yield copy


class Store:
    """A folder for results: on a local or shared disk, or in object storage.

    Files appear completely or not at all: local ones are renamed, objects are stored with one call.

    Args:
        root: a path, or a URL that fsspec can write.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(root)
        self._scheme = scheme_of(self.root)
        if not self._scheme:
            self.root = os.path.abspath(path_of(self.root))  # noqa: PTH100 - workers have other folders

    def __str__(self) -> str:
        return self.root

    def place(self, name: str) -> str:
        """The path or URL of a file."""
        return f"{self.root.rstrip('/')}/{name}"

    def write(self, name: str, content: bytes) -> None:
        """Write a file; ``OutputError`` if that is not possible."""
        if not self._scheme:
            write_atomically(Path(self.place(name)), content)
            return
        with writing_to(Path(self.place(name))):
            files = filesystem(self._scheme)
            with suppress(NotImplementedError):
                files.makedirs(self.place(name).rpartition("/")[0], exist_ok=True)
            try:
                files.pipe_file(self.place(name), content)
            except (ValueError, NotImplementedError) as error:
                hint = "Write to a local or shared folder, or to object storage."
                raise OutputError(f"cannot write {self.place(name)}: {error}", hint=hint, path=self.root) from error

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none; ``SourceError`` if it cannot be read."""
        try:
            if self._scheme:
                return bytes(filesystem(self._scheme).cat_file(self.place(name)))
            return Path(self.place(name)).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"{self.place(name)} cannot be read: {error}", path=self.place(name)) from error

    def open(self, name: str) -> Any:
        """Open a file for reading bytes."""
        if self._scheme:
            return filesystem(self._scheme).open(self.place(name), "rb")
        return Path(self.place(name)).open("rb")

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of the files and folders in a folder, without temporary files."""
        place = self.place(folder) if folder else self.root
        try:
            if self._scheme:
                files = filesystem(self._scheme)
                files.invalidate_cache()
                listed = [entry.rstrip("/").rpartition("/")[2] for entry in files.ls(place, detail=False)]
            else:
                listed = os.listdir(place)  # noqa: PTH208 - names are wanted
        except FileNotFoundError:
            return []
        except OSError as error:
            hint = "Name a folder or a URL to write to."
            raise OutputError(f"cannot list {place}: {error.strerror or error}", hint=hint, path=place) from error
        return sorted(name for name in listed if name and not name.startswith("."))

    def remove(self, names: Sequence[str]) -> None:
        """Remove files, where they exist."""
        for name in names:
            with writing_to(Path(self.place(name))), suppress(FileNotFoundError):
                if self._scheme:
                    filesystem(self._scheme).rm_file(self.place(name))
                else:
                    Path(self.place(name)).unlink(missing_ok=True)
