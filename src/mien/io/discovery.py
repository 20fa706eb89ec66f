"""Find the image files that a list of names, folders and patterns stands for."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import SourceError

#: What an image's name ends in, in lower case. HEIF is among them although Pillow alone cannot read it: such a photo
#: is to be reported, not passed over.
IMAGE_EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k", ".heic", ".heif"),
)

_WILDCARD = re.compile(r"[*?\[]")


def find_images(
    sources: Sequence[str | Path], *, recursive: bool = False, extensions: tuple[str, ...] = IMAGE_EXTENSIONS
) -> list[Path]:
    """The image files that ``sources`` stand for, in the order of ``sources``, each file once.

    Args:
        sources: each one a file, taken whatever its name ends in; a folder, for the images in it; or a pattern with
            ``*``, ``?``, ``[...]`` or ``**`` (any folders), for the images that it matches. What exists under exactly
            this name is never taken for a pattern. Folders and patterns give the names that end in one of
            ``extensions``, in natural order (``2.jpg`` before ``10.jpg``), without hidden ones (``.x``, Apple's
            ``._x.jpg``).
        recursive: take the images in the sub-folders of a folder too; links to folders are not followed.
        extensions: what to look for, in lower case.

    Raises:
        SourceError: a source does not exist, or has no image, or a folder may not be read.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for path in _images_of(str(source), recursive, extensions):
            # resolve() would take a link and what it points to for one image
            found.setdefault(os.path.normcase(os.path.abspath(path)), path)  # noqa: PTH100
    return list(found.values())


def stands_for_several(source: str | Path) -> bool:
    """Whether a path is a folder, or a pattern and no file of this very name."""
    name = str(source)
    return bool(name) and (os.path.isdir(name) or (bool(_WILDCARD.search(name)) and not os.path.lexists(name)))  # noqa: PTH112


def _images_of(source: str, recursive: bool, extensions: tuple[str, ...]) -> list[Path]:
    path = Path(source)
    if source and os.path.isdir(source):  # noqa: PTH112  # Path.is_dir raises on a name too long; Path("") is here
        return _in_folder(path, recursive, extensions)
    if source and os.path.lexists(path):
        return [path]
    if _WILDCARD.search(source):
        return _matching(source, extensions)
    raise SourceError(
        f"no such file or folder: {source!r}", hint=f"Check the spelling; the current folder is {Path.cwd()}."
    )


def _in_folder(folder: Path, recursive: bool, extensions: tuple[str, ...]) -> list[Path]:
    found = list(_walk(folder, recursive, extensions))
    if found:
        return found
    deeper = None if recursive else next(_walk(folder, True, extensions), None)
    if deeper:
        raise SourceError(
            f"no images in {folder} itself",
            hint=f"There are some in its sub-folders, such as {deeper}: use --recursive (recursive=True).",
        )
    raise SourceError(f"no images in {folder}", hint=_extensions_hint(extensions))


def _walk(folder: Path, recursive: bool, extensions: tuple[str, ...]) -> Iterator[Path]:
    """Images of a folder in natural order, then those of its sub-folders."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: _natural(e.name))
    except OSError as error:  # to pass over a folder in silence would pass for "no images there"
        raise SourceError(
            f"cannot look into the folder {folder}: {error.strerror}",
            hint="Ask for permission to read it, or leave it out.",
        ) from error
    yield from (folder / e.name for e in entries if e.name.lower().endswith(extensions) and not _is_folder(e))
    if recursive:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, recursive, extensions)


def _matching(pattern: str, extensions: tuple[str, ...]) -> list[Path]:
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
    matches = sorted(map(Path, names), key=_natural_path)
    found = [p for p in matches if not p.name.startswith(".") and p.name.lower().endswith(extensions) and p.is_file()]
    if found:
        return found
    what = "is an image" if matches else "exists"
    raise SourceError(f"nothing that matches {pattern!r} {what}", hint=_extensions_hint(extensions))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself: to be reported when it is read, as a damaged image is
        return False


def _natural_path(path: Path) -> list[list[tuple[int, int, str]]]:
    return [_natural(part) for part in path.parts]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key by which ``2.jpg`` comes before ``10.jpg``; the name itself decides between ``1.jpg`` and ``01.jpg``."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    key = [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]
    return [*key, (-1, 0, name)]


def _extensions_hint(extensions: tuple[str, ...]) -> str:
    return f"Looked for are files that end in {' '.join(extensions)}."
