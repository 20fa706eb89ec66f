"""Tables about images: names of emotions and splits, CSV files, and who is in the images of a published dataset."""

from __future__ import annotations

import csv
import difflib
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .. import emotions
from ..emotions import AFFECTNET_ORDER, EMOTIONS, FER2013_ORDER, RAF_DB_ORDER, parse
from ..errors import DataError, OptionError
from ..io.video import VIDEO_EXTENSIONS
from .dataset import TEST, TRAIN, UNDIVIDED, VALIDATION, Dataset
from .preprocessing import LoadOptions, Sample, collect, refuse_options

#: The columns of images, of labels (where there are any), and of the dataset's own splits.
PATH, EMOTION, PART = "path", "emotion", "part"
#: Usual names of splits, in lower case.
PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "val", "valid", "dev", "publictest"), VALIDATION),
    **dict.fromkeys(("test", "testing", "privatetest"), TEST),
}


_NUMBERED = re.compile(r"\d+[\s._-]+(?=[^\W\d])")
_NUMBER = re.compile(r"(?i)(?:class|label)?[\s_]*(-?\d+)(?:\.0)?")


def part_named(name: str) -> str | None:
    """The split that a folder or cell such as ``Train`` or ``val_class`` names; None if it is no usual name."""
    return PARTS.get(re.sub(r"_(set|class)$", "", name.strip().lower()))


def label_number(text: str) -> int | None:
    """The number of a class such as ``3``, ``3.0`` or ``class003``; None for a name."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found.group(1)) if found else None


def is_emotion(name: str) -> bool:
    """Whether ``emotion_number`` knows a name."""
    return _NUMBERED.sub("", name, count=1).strip().lower() in emotions.BY_NAME


def emotion_number(name: str, where: str, what: str) -> int:
    """The index in the vocabulary of the emotion that ``name`` is an alias of, also after a number, as in ``0_neutral``.

    ``where`` and ``what`` are for the error.
    """
    try:
        return EMOTIONS.index(parse(_NUMBERED.sub("", name, count=1)))
    except OptionError as error:
        word = name.strip().lower()
        near = difflib.get_close_matches(word, emotions.BY_NAME, n=1, cutoff=0.75)
        hint = f"Did you mean {near[0]!r}? Then rename it." if near else "Rename it, or move it away."
        if word.isdecimal():
            hint = "Numbers mean other emotions in every dataset: replace them with names."
        expected = f"one of {', '.join(EMOTIONS)} or an alias such as 'Anger' or 'Freude'"
        raise DataError(f"{where}: {what} is not an emotion: got {name!r}, expected {expected}", hint=hint) from error


#: Orders of label numbers that are in use.
COMMON_ORDERS = {
    "FER2013 from 0": FER2013_ORDER,
    "RAF-DB from 1": RAF_DB_ORDER,
    "AffectNet from 0": AFFECTNET_ORDER,
    "alphabetical": sorted(EMOTIONS),
}


def label_order(names: Sequence[str], numbers: Collection[int], where: str) -> dict[int, int]:
    """Emotions of label numbers: number -> index in the vocabulary. No order is assumed.

    Args:
        names: of the emotions, in the order of their numbers, which begin with 0 or 1; or with them, ``3=happy``.
        numbers: those in use.
        where: what to name in an error.
    """
    low, high = min(numbers), max(numbers)
    if not names:
        orders = "; ".join(f"{name}: {','.join(order)}" for name, order in COMMON_ORDERS.items())
        raise DataError(
            f"{where}: got label numbers from {low} to {high}, but no names of emotions",
            hint=f"Name them in order with --label-names A,B,... (label_names=...). Common orders are {orders}.",
        )
    if all(name.partition("=")[0].strip().isdecimal() for name in names):
        pairs = [name.partition("=") for name in names]
        order = {int(number): emotion_number(name, where, "label name") for number, _, name in pairs}
    else:
        first = 0 if low <= 0 else 1
        order = {first + place: emotion_number(name, where, "label name") for place, name in enumerate(names)}
        if low > 0 and high < len(names):  # from 0 or from 1?
            message = f"{where}: got {len(names)} names for label numbers from {low} to {high}, expected as many"
            raise DataError(message, hint=f"Write the numbers too: --label-names {low}={names[0]},...")
    if missing := sorted(set(numbers) - set(order)):
        raise DataError(
            f"{where}: got label number {missing[0]}, expected one of {', '.join(map(str, order))}",
            hint="--label-names needs one name for each number.",
        )
    return order


@dataclass(frozen=True, eq=False)
class Records:
    """The images of a dataset as a table.

    Attributes:
        folder: what paths are relative to.
        columns: name -> N cells, empty if unknown: ``path``; ``emotion``, where there are labels; the groups and
            whatever else the dataset tells.
        groups: columns that say who is in the images; taken where the user names none.
        person: the column of people; empty if the dataset does not tell them apart.
        notes: what a reader must know, a sentence each.
    """

    name: str
    folder: Path
    columns: Mapping[str, Sequence[str]]
    groups: tuple[str, ...]
    person: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        folder: Path,
        rows: Sequence[Mapping[str, str]],
        groups: tuple[str, ...],
        *,
        person: str = "",
        notes: tuple[str, ...] = (),
        hint: str = "",
    ) -> Records:
        """Records of one row per image; ``hint`` is for the error where the first image of a part is not there."""
        for path in {row.get(PART): row[PATH] for row in reversed(rows)}.values():
            if not (folder / path).is_file():
                raise missing_part(name, f"{folder / path} is not there", "an image for each label", hint)
        names = dict.fromkeys(column for row in rows for column in row)
        columns = {column: [row.get(column, "") for row in rows] for column in names}
        return cls(name, folder, columns, groups, person, notes)


def dataset_of(records: Records, options: LoadOptions) -> Dataset:
    """Decode the images of ``records``, whose column ``part`` tells the splits; errors as ``collect``."""
    refuse_options(records.folder, options, "votes")
    paths, labels = records.columns[PATH], records.columns.get(EMOTION)
    if labels is None:
        message = f"{records.name}: got no emotions, expected a label for each image"
        raise DataError(message, hint="Audit it with 'mien audit predict', which needs no labels.")
    if Path(paths[0]).suffix.lower() in VIDEO_EXTENSIONS:
        hint = "Audit clips with 'mien audit predict', or save frames as train/happy/*.png to train on them."
        raise DataError(f"{records.name}: got video clips, expected images", hint=hint)
    for note in records.notes:
        options.notes(note)
    parts = records.columns.get(PART, [""] * len(paths))
    splits = (part_named(part) or UNDIVIDED for part in parts)
    files = (records.folder / path for path in paths)
    samples = (
        Sample(file, path, EMOTIONS.index(emotion), split, file)
        for file, path, emotion, split in zip(files, paths, labels, splits)
    )
    return collect(samples, len(paths), records.folder, options)


def read_columns(path: Path, required: Sequence[str] = ()) -> dict[str, list[str]]:
    """The columns of a CSV file with a header, cells stripped; ``DataError`` if it is damaged or lacks a required one."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}", hint="Check the path, or write it again.") from error
    header = [name.strip() for name in lines[0]] if lines else []
    if missing := [name for name in required if name not in header]:
        near = difflib.get_close_matches(missing[0].lower(), [name.lower() for name in header], n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "Add the column, or give the table that has it."
        found = ", ".join(header[:30]) or "none"
        raise DataError(f"{path} has no column {', '.join(missing)}; it has {found}", hint=hint)
    if len(lines) < 2:
        raise DataError(f"{path}: got no rows, expected a header and a row for each image", hint="Download it again.")
    short = next((number for number, row in enumerate(lines, 1) if len(row) < len(header)), None)
    if short:
        message = f"{path}, row {short}: got fewer cells than the {len(header)} columns"
        raise DataError(message, hint="The file may be cut off.")
    return {name: [row[place].strip() for row in lines[1:]] for place, name in enumerate(header)}


def headed(path: Path, names: Sequence[str]) -> bool:
    """Whether a CSV file has a header with all of these columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = next(csv.reader(file), [])
    return {*names} <= {name.strip() for name in header}


def missing_part(name: str, what: str, expected: str, hint: str) -> DataError:
    """The error for a dataset that lacks a part of its layout."""
    return DataError(f"{name}: {what}; expected {expected}", hint=hint)


def read_groups(path: Path, columns: Sequence[str]) -> dict[str, str]:
    """The group of each image, from a CSV file with a column ``name``: its name -> its group.

    Of several ``columns``, an image belongs to their intersection, such as ``dark x female``. An empty cell is no group, and
    names without a group are left out. Raises ``DataError`` if no cell holds a group or two rows contradict each other.
    """
    if not path.is_file():
        raise DataError(
            f"no file of groups at {path}", hint=f"Make it: mien audit attributes DATA --out {shlex.quote(str(path))}"
        )
    table = read_columns(path, ("name", *columns))
    groups: dict[str, str] = {}
    for name, *cells in zip(table["name"], *(table[column] for column in columns)):
        group = " x ".join(cells)
        if all(cells) and groups.setdefault(name, group) != group:
            raise DataError(
                f"{path}: {name!r} is in the groups {groups[name]!r} and {group!r}", hint="Keep one row for each image."
            )
    if not groups:
        message = f"{path}: no row has a group in {' and '.join(columns)}, expected one in each"
        raise DataError(message, hint="Choose another column, or fill this one.")
    return groups


def groups_of(names: npt.NDArray[np.str_], groups: dict[str, str], where: str) -> npt.NDArray[np.str_]:
    """The group of each of the images ``names``, str (N,), of ``groups`` as in ``read_groups``; empty if unknown.

    Where a name in ``groups`` is a longer path to an image (``photos/train/happy/1.png`` for ``train/happy/1.png``), it
    counts as its name. Raises ``DataError`` if no name is that of an image.
    """
    known, found = set(names.tolist()), {}
    for name, group in groups.items():
        short = name
        while short not in known and "/" in short:
            short = short.partition("/")[2]
        if short in known:
            found[short] = group
    if not found:
        such = f"got names such as {next(iter(groups))!r}, expected such as {str(names[0])!r}"
        hint = "Make the file from the training data: mien audit attributes DATA --out FILE."
        raise DataError(f"{where}: none of its {len(groups):,} names is the name of an image: {such}", hint=hint)
    return np.array([found.get(name, "") for name in names.tolist()], np.str_)
