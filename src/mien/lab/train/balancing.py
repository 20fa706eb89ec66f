"""A run's own record of the groups that it balanced, so that it is never resumed with others."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...sinks.atomic import write_atomically
from ..dataset.faces import FaceSet
from ..recipe import Recipe
from ..split.evening import evened
from .batches import learned_rows


def note_balance(learned: FaceSet, recipe: Recipe, path: Path, *, resume: bool, tell: Callable[[str], None]) -> None:
    """Write down the group of each training picture and how often it is drawn (or how much it counts), and say so.

    Args:
        learned: the training part.
        recipe: of the run; where it balances nothing, nothing is done.
        path: the file, CSV.
        resume: see that the groups are those that the run began with.
        tell: called with what is done, in words.

    Raises:
        DataError: the groups cannot be read or fit no picture, or a resumed run began with others.
        OutputError: the file cannot be written.
    """
    if not recipe.balance.groups:
        return
    rows = np.arange(len(learned)) if recipe.distil.taught else learned_rows(learned, recipe)
    names = learned.names[rows]
    even = evened(names, learned.labels[rows], recipe.balance)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("name", "group", "times"))
    for name, cell, times in zip(names.tolist(), even.cells.tolist(), even.times().tolist()):
        table.writerow((name, "" if cell < 0 else even.names[cell], f"{times:.4g}"))
    content = text.getvalue().encode()
    if not (resume and path.is_file()):
        write_atomically(path, content)
    elif path.read_bytes() != content:
        raise DataError(
            f"{path.parent} holds a run with other groups: {recipe.balance.groups} is not as it was when the run began",
            hint=f"Bring the groups back that stand in {path}, or choose another --out.",
        )
    way = "drawn so often in an epoch" if recipe.balance.how == "sample" else "counts so much"
    tell(f"balanced by {' x '.join(recipe.balance.columns)} (each picture {way}): {even.words()}")
