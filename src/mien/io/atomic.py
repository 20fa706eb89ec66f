"""Write files completely or not at all, and check outputs before any work is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import MienError, OptionError, OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` through a temporary file beside it, making its folder if need be."""
    with replacing(path) as file:
        file.write(content)


def write_all(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files into a folder, as ``write_atomically``, and return their paths."""
    for name, content in files.items():
        write_atomically(folder / name, content)
    return [folder / name for name in files]


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` that replaces it if the context ends normally, and is removed otherwise."""
    with replacing_path(path) as temporary, temporary.open("wb") as file:
        yield file


@contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """Like ``replacing``, for writers that open a file by its name; the extension is that of ``path``."""
    with writing_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".mien-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.umask(umask := os.umask(0))
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into an ``OutputError`` that names ``path``."""
    try:
        yield
    except MienError:  # some are OSErrors too
        raise
    except OSError as error:
        hint = "Check that the folder is writable and the disk has space, or write elsewhere."
        if blocking := next((parent for parent in path.parents if parent.is_file()), None):
            hint = f"{blocking} is a file, not a folder: write elsewhere."
        raise OutputError(f"cannot write {path}: {error.strerror or error}", hint=hint, path=path) from error


def check_ending(path: Path, endings: Sequence[str]) -> None:
    """Raise an ``OptionError`` if the output ``path`` has none of ``endings``."""
    if path.suffix.lower() not in endings:
        message = f"cannot write {path.name!r}: expected a name that ends in {', '.join(endings)}"
        raise OptionError(message, hint=f"Rename the output, for example to {path.stem}{endings[0]}.", path=path)


def check_new(path: Path, *, overwrite: bool) -> None:
    """Raise an ``OutputError`` if the output ``path`` exists and is not to be replaced."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists", hint="Use --overwrite to replace it, or write elsewhere.", path=path)


def check_free(folder: Path | None, names: Sequence[str], what: str, *, overwrite: bool) -> None:
    """Raise an ``OutputError`` if ``folder`` holds one of the files ``names``, the results ``what`` of an earlier run."""
    taken = [name for name in names if folder and (folder / name).exists()]
    if taken and not overwrite:
        message = f"{folder} already holds {what}: {', '.join(taken)}"
        raise OutputError(message, hint="Use --overwrite to replace it, or write elsewhere.", path=folder)
