"""A table of predictions, column by column: what is what, and whether it can be so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...emotions import BY_NAME, EMOTIONS
from ...errors import DataError
from .table import Cells, Table
from .values import Predictions

TRUTHS = ("truth", "true", "label", "actual", "answer", "y_true", "expression")
SAID = ("predicted", "prediction", "pred", "said", "y_pred", "emotion")
#: What to do where there are no right answers.
WITHOUT = "If there are none, --no-truth compares how often each emotion is predicted."
_YES = ("true", "1", "yes", "y", "1.0")
_NO = ("false", "0", "no", "n", "0.0")


@dataclass(frozen=True)
class Columns:
    """The names of columns; empty ones are looked for under their usual names.

    Attributes:
        groups: the columns of groups.
        truth, predicted, confidence, found, abstained: one column each.
        person: who is in the image; only one image of each is kept. Empty keeps all.
        no_truth: there are no right answers, or they are not to be looked at.
    """

    groups: tuple[str, ...]
    truth: str = ""
    predicted: str = ""
    confidence: str = ""
    found: str = ""
    abstained: str = ""
    person: str = ""
    no_truth: bool = False


def predictions_of(table: Table, columns: Columns) -> Predictions:
    """Read predictions off a table.

    Emotions may have any alias. A row without a prediction is an image in which no face was found. Rows without a right
    answer are left out, and a note says how many. The confidence is a column of its own, or the probability of the emotion
    predicted in the column of its name.

    Raises:
        DataError: a column is missing, no row has a right answer, a name is no emotion, or a cell is not what it must be.
    """
    truth_cells, kept, notes = _answers(table, columns)
    if columns.person:
        kept, note = _one_each(table, columns.person, kept)
        notes.append(note)
    groups = {name: table.text(table.wanted(name, "--groups"))[kept] for name in dict.fromkeys(columns.groups)}
    truth_names = emotions_in(table, truth_cells[kept], kept, "right answers")
    said_column = _named(table, columns.predicted, SAID, "--predicted", "predictions")
    _check_apart(table, columns, said_column)
    said_cells = table.text(said_column)[kept]
    said_names = emotions_in(table, said_cells, kept, "predictions")
    found = _found(table, columns, said_names, kept)
    occurring = {*truth_names[truth_names != ""], *said_names[found]}
    emotions = tuple(name for name in EMOTIONS if name in occurring)
    place = {name: number for number, name in enumerate(emotions)}
    abstained_column = _named(table, columns.abstained, ("abstained",), "--abstained", "", optional=True)
    abstained = None
    if abstained_column:
        abstained = _booleans(table, abstained_column, kept) & found
    notes += [
        f"Column {name!r}: {missing:,} rows have no group and are left out there."
        for name, cells in groups.items()
        if (missing := int((cells == "").sum())) and missing < len(cells)
    ]
    notes += [note for name, cells in groups.items() for note in _spelled(name, cells)]
    return Predictions(
        emotions=emotions,
        truth=np.array([place.get(name, -1) for name in truth_names], np.int64),
        said=np.array([place[name] if seen else -1 for name, seen in zip(said_names, found)], np.int64),
        abstained=abstained,
        confidence=_confidence(table, columns, said_names, found, kept),
        found_known=bool(_named(table, columns.found, ("found",), "--found", "", optional=True)) or not found.all(),
        groups=groups,
        notes=tuple(notes),
    )


def _check_apart(table: Table, columns: Columns, said: str) -> None:
    """Right answers, predictions and groups are different columns: of one and the same every comparison comes out alike."""
    if columns.no_truth:
        return
    truth = columns.truth or table.first(TRUTHS, "--truth", "right answers", WITHOUT)
    if truth == said:
        raise DataError(
            f"{table.name}: the column {said!r} is taken for right answers and predictions, expected one of each",
            hint="Name the other one with --truth or --predicted.",
        )
    if truth in columns.groups or said in columns.groups:
        what, column = ("right answers", truth) if truth in columns.groups else ("predictions", said)
        raise DataError(
            f"{table.name}: the column {column!r} holds the {what}, expected one of groups (--groups)",
            hint="How well each emotion is recognized stands in the report of any other column.",
        )


def _answers(table: Table, columns: Columns) -> tuple[Cells, npt.NDArray[np.int64], list[str]]:
    """The right answers of all rows, the rows that have one, and notes; empty cells and all rows where none are wanted."""
    if columns.no_truth:
        return np.full(len(table), "", object), np.arange(len(table)), []
    name = columns.truth and table.wanted(columns.truth, "--truth")
    cells = table.text(name or table.first(TRUTHS, "--truth", "right answers", WITHOUT))
    kept = np.flatnonzero(cells != "")
    if not len(kept):
        raise DataError(
            f"{table.name}: the column of right answers is empty in all {len(table):,} rows, expected an emotion in each",
            hint=f"Accuracy needs labels: add them, or name another column with --truth. {WITHOUT}",
        )
    left = [f"{len(table) - len(kept):,} rows have no right answer and are left out."] if len(kept) < len(table) else []
    return cells, kept, left


def _spelled(column: str, cells: Cells) -> list[str]:
    """A note for each group whose name is there in capitals and in small letters."""
    by_letters: dict[str, set[str]] = {}
    for name in {str(cell) for cell in cells}:
        by_letters.setdefault(name.casefold(), set()).add(name)
    twice = sorted(", ".join(sorted(names)) for names in by_letters.values() if len(names) > 1)
    return [
        f"Column {column!r}: {names} are taken for different groups, though only capitals differ." for names in twice
    ]


def _one_each(table: Table, column: str, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], str]:
    """One row of each person, drawn at random but always the same, and a note; nameless rows are people of their own."""
    people = table.text(table.wanted(column, "--person"))[rows]
    shuffled = np.random.default_rng(0).permutation(len(rows))
    _, first = np.unique(people[shuffled].astype(str), return_index=True)
    own = np.zeros(len(rows), np.bool_)
    own[shuffled[first]] = True
    own |= people == ""
    note = (
        f"One image of each person is kept, {int(own.sum()):,} of {len(rows):,}: those of one person say much the same."
    )
    return rows[own], note


def _named(table: Table, given: str, usual: Sequence[str], option: str, meaning: str, *, optional: bool = False) -> str:
    if given:
        return table.wanted(given, option)
    return table.maybe(usual) if optional else table.first(usual, option, meaning)


def emotions_in(table: Table, cells: Cells, rows: npt.NDArray[np.int64], meaning: str) -> Cells:
    """The vocabulary's names; empty cells stay empty.

    Args:
        table: where the cells are from, for messages.
        cells: object (N,) of str.
        rows: int64 (N,), their rows in the table, counted from 0.
        meaning: what the column is, for messages.

    Raises:
        DataError: a cell is no emotion.
    """
    unknown = Counter(str(cell) for cell in cells if cell and cell.lower() not in BY_NAME)
    if unknown:
        first = next(int(row) for row, cell in zip(rows, cells) if cell in unknown)
        most = ", ".join(f"{name!r} ({n:,} rows)" for name, n in unknown.most_common(5))
        number = all(name.lstrip("-").isdigit() for name in unknown)
        raise DataError(
            f"{table.name}: the column of {meaning} has names that are no emotions: {most}, first in row {first + 1}; "
            f"expected {', '.join(EMOTIONS)} or an alias of these",
            hint="Write the emotions' names in place of numbers."
            if number
            else "Rename them, or leave these rows out.",
        )
    made = np.empty(len(cells), object)
    made[:] = [BY_NAME[cell.lower()] if cell else "" for cell in cells]
    return made


def _found(table: Table, columns: Columns, said: Cells, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    column = _named(table, columns.found, ("found",), "--found", "", optional=True)
    named = np.asarray(said != "", np.bool_)
    if not column:
        return named
    found = _booleans(table, column, rows)
    odd = found & ~named
    if odd.any():
        raise DataError(
            f"{table.name}, row {int(rows[odd.argmax()]) + 1}: a face was found, but the prediction is empty",
            hint="Fill in what was predicted, or write false in the column of faces found.",
        )
    return found


def _booleans(table: Table, column: str, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Cells such as true and 0; an empty one is false."""
    cells = [str(cell).lower() for cell in table.text(column)[rows]]
    for row, cell in zip(rows, cells):
        if cell and cell not in _YES and cell not in _NO:
            raise DataError(
                f"{table.name}, row {int(row) + 1}, column {column!r}: got {cell!r}, expected true or false",
                hint="Write true or false.",
            )
    return np.array([cell in _YES for cell in cells], np.bool_)


def _confidence(
    table: Table, columns: Columns, said: Cells, found: npt.NDArray[np.bool_], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64] | None:
    column = _named(table, columns.confidence, ("confidence", "probability"), "--confidence", "", optional=True)
    if column:
        return _numbers(table, column, rows, found)
    by_emotion = {BY_NAME[name.lower()]: name for name in table.columns if name.lower() in BY_NAME}
    if not {*said[found]} <= {*by_emotion}:
        return None
    made = np.full(len(said), np.nan)
    for emotion, name in by_emotion.items():
        here = found & (said == emotion)
        made[here] = _numbers(table, name, rows, here)[here]
    return made


def _numbers(
    table: Table, column: str, rows: npt.NDArray[np.int64], needed: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Probabilities; NaN where none is needed."""
    made = np.full(len(rows), np.nan)
    for place, (row, cell) in enumerate(zip(rows, table.text(column)[rows])):
        if not needed[place]:
            continue
        try:
            made[place] = float(cell.replace(",", "."))  # where commas are no separators, they may be decimal
        except ValueError:
            made[place] = np.nan
        if not 0 <= made[place] <= 1:
            raise DataError(
                f"{table.name}, row {int(row) + 1}, column {column!r}: got {cell!r}, expected a probability, 0 to 1",
                hint="Divide percentages by 100, and leave no cell empty where a face was found.",
            )
    return made
