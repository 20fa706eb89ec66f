"""FairFace: 97,698 published faces with age, gender and race, balanced by race, and without emotions.

Karkkainen and Joo (2021), "FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age". It comes as
``fairface_label_train.csv`` and ``fairface_label_val.csv`` beside the folders ``train`` and ``val``.
"""

from __future__ import annotations

from pathlib import Path

from ..records import PART, PATH, Records, headed, read_columns

NAME = "FairFace"
KNOWN_BY = "fairface_label_val.csv"
_COLUMNS = ("file", "age", "gender", "race")
_FILES = "fairface_label_*.csv"
_HINT = "Get labels and images from github.com/joojs/fairface, and unpack the images beside the labels."


def matches(path: Path) -> bool:
    """Whether this is the folder of the dataset, or one of its files of labels."""
    if path.is_dir():
        return any(path.glob(_FILES))
    return (path.match(_FILES) and path.is_file()) or headed(path, (*_COLUMNS, "service_test"))


def records(path: Path) -> Records:
    """The faces of a file of labels, or of all of them in a folder; ``part`` is ``train`` or ``val``."""
    folder = path if path.is_dir() else path.parent
    rows: list[dict[str, str]] = []
    for file in sorted(path.glob(_FILES)) if path.is_dir() else [path]:
        table = read_columns(file, _COLUMNS)
        for name, age, gender, race in zip(*(table[column] for column in _COLUMNS)):
            row = {PATH: name, "age": age.replace("more than 70", "70+"), "gender": gender.lower()}
            rows.append(row | {"race": race.replace("_", " "), PART: name.partition("/")[0]})
    notes = ("FairFace has no emotions: accuracy cannot be measured on it.",)
    return Records.of(NAME, folder, rows, ("gender", "age", "race"), notes=notes, hint=_HINT)
