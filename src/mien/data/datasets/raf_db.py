"""RAF-DB: 15,339 photos from the web with a basic emotion, voted by about 40 people each, and gender, race and age.

Li, Deng and Du (2017), "Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in the
Wild". Its part ``basic``, unpacked::

    basic/EmoLabel/list_patition_label.txt              train_00001.jpg 5
    basic/Annotation/manual/train_00001_manu_attri.txt  five lines of landmarks, then gender, race and age, a number each
    basic/Image/original/train_00001.jpg                as found; of several people the label means one
    basic/Image/aligned/train_00001_aligned.jpg         the face alone, upright, 100 x 100 pixels
"""

from __future__ import annotations

from pathlib import Path

from ...emotions import RAF_DB_ORDER
from ...errors import DataError
from ..records import EMOTION, PART, PATH, Records, missing_part

NAME = "RAF-DB"
KNOWN_BY = "EmoLabel/list_patition_label.txt"  # as its authors spell it
_GROUPS = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0-3", "4-19", "20-39", "40-69", "70+"),
}
_LANDMARKS = 5
_HINT = "Unpack EmoLabel, Annotation/manual.zip and Image/original.zip of the part 'basic' side by side."


def matches(path: Path) -> bool:
    """Whether this is the folder of the dataset, its part ``basic``, one of its folders of images, or a list."""
    return _root(path) is not None


def records(path: Path) -> Records:
    """All labeled photos, or those of the list of labels that is named; ``part`` is ``train`` or ``test``.

    The images are the originals, through detection; the aligned ones where there are no others or their folder is named.
    """
    root = _root(path) or path
    lists = [root / "EmoLabel" / name for name in ("list_patition_label.txt", "list_partition_label.txt")]
    file = path if path.is_file() else next((one for one in lists if one.is_file()), None)
    if file is None:
        raise missing_part(NAME, f"{root} has no labels", f"the file {KNOWN_BY}", _HINT)
    labels = _labels(file)
    folder, ending = _images(root, path)
    rows = [
        {PATH: f"{name}{ending}", EMOTION: emotion, **_attributes(root, name), PART: name.partition("_")[0]}
        for name, emotion in labels.items()
    ]
    note = "RAF-DB's aligned images are faces already: --detector none reads them as such."
    return Records.of(NAME, folder, rows, tuple(_GROUPS), notes=(note,) if "_aligned" in ending else (), hint=_HINT)


def _root(path: Path) -> Path | None:
    """The folder that holds EmoLabel, Annotation and Image."""
    if path.is_file():
        return path.parent.parent if path.suffix == ".txt" and path.parent.name == "EmoLabel" else None
    near = (path, path / "basic", path.parent.parent if path.parent.name == "Image" else path)
    return next((one for one in near if (one / "EmoLabel").is_dir() or (one / "Annotation/manual").is_dir()), None)


def _labels(path: Path) -> dict[str, str]:
    """Name of the image, without its ending -> emotion."""
    labels = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, _, code = line.strip().rpartition(" ")
        if not name or not code.isdigit() or not 1 <= int(code) <= len(RAF_DB_ORDER):
            numbers = ", ".join(f"{n} {emotion}" for n, emotion in enumerate(RAF_DB_ORDER, 1))
            message = f"{NAME}: {path}, line {number}: got {line.strip()!r}, expected an image and a number from 1 to 7"
            raise DataError(message, hint=f"Numbers are {numbers}.")
        labels[name.strip().removesuffix(".jpg").removesuffix("_aligned")] = RAF_DB_ORDER[int(code) - 1]
    if not labels:
        raise DataError(f"{NAME}: {path} is empty, expected a line for each image", hint=_HINT)
    return labels


def _images(root: Path, path: Path) -> tuple[Path, str]:
    """The folder of images, and what their names end in."""
    aligned, original = root / "Image" / "aligned", root / "Image" / "original"
    if path.is_dir() and path.name == aligned.name:
        return path, "_aligned.jpg"
    if original.is_dir():
        return original, ".jpg"
    if aligned.is_dir():
        return aligned, "_aligned.jpg"
    raise missing_part(NAME, f"{root} has no images", "the folder Image/original or Image/aligned", _HINT)


def _attributes(root: Path, name: str) -> dict[str, str]:
    path = root / "Annotation" / "manual" / f"{name}_manu_attri.txt"
    if not path.is_file():
        raise missing_part(NAME, f"{path} is not there", "one such file for each label", _HINT)
    codes = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()][_LANDMARKS:]
    try:
        groups = zip(_GROUPS.items(), codes, strict=True)
        return {group: dict(enumerate(values))[int(code)] for (group, values), code in groups}
    except (ValueError, KeyError) as error:
        expected = "three numbers: gender 0 to 2, race 0 to 2, age 0 to 4"
        what = f"{NAME}: {path}: got {', '.join(codes) or 'nothing'} after the landmarks, expected {expected}"
        raise DataError(what, hint="Unpack Annotation/manual.zip again.") from error
