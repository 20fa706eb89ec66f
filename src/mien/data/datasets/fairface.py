"""FairFace: 97,698 published faces with age, gender and race, balanced by race, and without emotions.

Karkkainen and Joo (2021), "FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age". It comes as
``fairface_label_train.csv`` and ``fairface_label_val.csv`` beside the folders ``train`` and ``val``.
"""

from __future__ import annotations

from pathlib import Path

from ..records import PATH, Records, headed, missing_part, read_columns

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
    columns: dict[str, list[str]] = {PATH: [], "age": [], "gender": [], "race": [], "part": []}
    for file in sorted(path.glob(_FILES)) if path.is_dir() else [path]:
        table = read_columns(file, _COLUMNS)
        first = folder / table["file"][0]
        if not first.is_file():
            raise missing_part(NAME, f"{first} of {file.name} is not there", "the images beside the labels", _HINT)
        columns[PATH] += table["file"]
        columns["age"] += [age.replace("more than 70", "70+") for age in table["age"]]
        columns["gender"] += [gender.lower() for gender in table["gender"]]
        columns["race"] += [race.replace("_", " ") for race in table["race"]]
        columns["part"] += [name.partition("/")[0] for name in table["file"]]
    note = "FairFace has no emotions: accuracy cannot be measured on it."
    return Records(NAME, folder, columns, ("gender", "age", "race"), notes=(note,))
