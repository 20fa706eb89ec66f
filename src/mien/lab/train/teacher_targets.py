"""Views of training images with the answers of teachers: made once, learned from by any number of students."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import label_set
from ...errors import DataError
from ...io.atomic import replacing
from ..recipe import Recipe

_ANSWERS = "answers_"


@dataclass(frozen=True, eq=False)
class Taught:
    """Images as the teachers saw them, and what they said.

    Attributes:
        names: str (N,), the images' names in their data set; for CSV and packed data they carry a hash of the image.
        views: uint8 (N, V, S, S), gray, or (N, V, S, S, 3), RGB: V views of each.
        answers: for each head float16 (N, V, K), the teachers' mean probabilities; rows sum to 1.
    """

    names: npt.NDArray[np.str_]
    views: npt.NDArray[np.uint8]
    answers: dict[str, npt.NDArray[np.float16]]

    def places(self, names: npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
        """Where each of these images stands in the file: int64 (len(names),).

        Raises:
            DataError: an image is not there.
        """
        known = {name: place for place, name in enumerate(self.names.tolist())}
        missing = [name for name in names.tolist() if name not in known]
        if missing:
            raise DataError(
                f"distil.taught: the teachers were not asked about {len(missing):,} of {len(names):,} training images, "
                f"such as {missing[0]!r}",
                hint="Run 'mien lab teach' on the data (and the --manifest) that the student learns from.",
            )
        return np.array([known[name] for name in names.tolist()], np.int64)


def write_taught(taught: Taught, path: Path) -> None:
    """Write a ``.npz`` file, whole or not at all.

    Raises:
        OutputError: the place cannot be written to.
    """
    answers = {f"{_ANSWERS}{name}": values for name, values in taught.answers.items()}
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, names=taught.names, views=taught.views, **answers)


def read_taught(path: Path, recipe: Recipe) -> Taught:
    """Read what ``write_taught`` wrote, for a student after ``recipe``.

    Raises:
        DataError: there is no such file, it is damaged, the teachers lacked a head of the student, or they told other
            emotions apart.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names, views = file["names"], file["views"]
            answers = {key.removeprefix(_ANSWERS): file[key] for key in file.files if key.startswith(_ANSWERS)}
    except FileNotFoundError as error:
        raise DataError(
            f"distil.taught: nothing at {path}", hint="Make it with 'mien lab teach', or set distil.taught to ''."
        ) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(
            f"distil.taught: {path} is no file of 'mien lab teach': {error}", hint="Make it again."
        ) from error
    for name, head in recipe.heads.items():
        expected = (*views.shape[:2], len(label_set(head.emotions)))
        found = answers[name].shape if name in answers else None
        if found != expected:
            raise DataError(
                f"distil.taught: {path}: answers of the head {name}: got {found or 'none'}, expected {expected}",
                hint="Teach with models whose heads are those of the recipe.",
            )
    return Taught(names, views, answers)
