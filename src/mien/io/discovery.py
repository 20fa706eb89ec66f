"""Find the image files of a list of paths, folders and patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import SourceError, shorten
from .sources import local_path

#: Extensions of images, in lower case. HEIF and JPEG XL are included although they need an extra, so that they are reported.
IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".heic", ".heif", ".jxl"),
)

_WILDCARD = re.compile(r"[*?\[]")


def find_images(
    sources: Sequence[str | Path], *, recursive: bool = False, extensions: tuple[str, ...] = IMAGE_EXTENSIONS
) -> list[Path]:
    """Find the image files of ``sources``, in their order, each file once.

    Args:
        sources: files of any name; folders; or patterns with ``*``, ``?``, ``[...]`` or ``**`` (any folders). An existing
            path is never taken for a pattern. Folders and patterns stand for the files that end in one of ``extensions``, in
            natural order (``2.jpg`` before ``10.jpg``), without hidden files.
        recursive: include the sub-folders of folders; links to folders are not followed.
        extensions: in lower case.

    Raises:
        SourceError: a source does not exist or has no image, or a folder cannot be read.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for path in _images_of(str(source), recursive, extensions):
            # resolve() would take a link and its target for one image
            found.setdefault(os.path.normcase(os.path.abspath(path)), path)  # noqa: PTH100
    return list(found.values())


def stands_for_several(source: str | Path) -> bool:
    """Whether a path is a folder, or a pattern and no file of this very name."""
    name = str(source)
    return bool(name) and (os.path.isdir(name) or (bool(_WILDCARD.search(name)) and not os.path.lexists(name)))  # noqa: PTH112


def _images_of(source: str, recursive: bool, extensions: tuple[str, ...]) -> list[Path]:
    path = local_path(source) if source else Path()
    if source and os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises on a name too long; Path("") is here
        return _in_folder(path, recursive, extensions)
    if source and os.path.lexists(path):
        return [path]
    if _WILDCARD.search(source):
        return _matching(source, extensions)
    hint = f"Check the spelling; the current folder is {Path.cwd()}."
    raise SourceError(f"no such file or folder: {shorten(source)!r}", hint=hint, path=source)


def _in_folder(folder: Path, recursive: bool, extensions: tuple[str, ...]) -> list[Path]:
    found = list(_walk(folder, recursive, extensions))
    if found:
        return found
    hint = _extensions_hint(extensions)
    if not recursive and (deeper := next(_walk(folder, True, extensions), None)):
        hint = f"There are images in its sub-folders, such as {deeper}: use --recursive (recursive=True)."
    raise SourceError(f"no images in {folder}", hint=hint, path=folder)


def _walk(folder: Path, recursive: bool, extensions: tuple[str, ...]) -> Iterator[Path]:
    """Images of a folder in natural order, then those of its sub-folders."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: natural_key(e.name))
    except OSError as error:
        hint = "Ask for permission to read it, or leave it out."
        raise SourceError(f"cannot read the folder {folder}: {error.strerror}", hint=hint, path=folder) from error
    yield from (folder / e.name for e in entries if e.name.lower().endswith(extensions) and not _is_folder(e))
    if recursive:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, recursive, extensions)


def _matching(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
    matches = sorted(map(Path, names), key=lambda path: [natural_key(part) for part in path.parts])
    found = [p for p in matches if not p.name.startswith(".") and p.name.lower().endswith(extensions) and p.is_file()]
    if found:
        return found
    what = "no image" if matches else "nothing"
    raise SourceError(f"{what} matches {shorten(pattern)!r}", hint=_extensions_hint(extensions), path=pattern)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: reported when it is read
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``2.jpg`` before ``10.jpg``; the name itself decides between ``1.jpg`` and ``01.jpg``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]
    return [*key, (-1, 0, name)]


def _extensions_hint(extensions: tuple[str, ...]) -> str:
    return f"Files must end in one of {' '.join(extensions)}."


def file_name(path: str) -> str:
    """The last part of a path of any operating system."""
    return path.replace("\\", "/").rpartition("/")[2]
