"""A table of predictions: which column holds what, and whether its cells are valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emotions import BY_NAME, EMOTIONS
from ..errors import DataError
from .table import Cells, Table, as_table

Rows = npt.NDArray[np.int64]
LABELS = ("label", "truth", "true", "actual", "answer", "y_true", "expression")
PREDICTED = ("predicted", "prediction", "pred", "said", "y_pred", "emotion")
MODEL_COLUMNS = ("model", "model_sha256", "model_head")
NO_LABELS_HINT = "Without labels, --no-labels compares how often each emotion is predicted."
_TRUE, _FALSE = ("true", "1", "yes", "y", "1.0"), ("false", "0", "no", "n", "0.0")


@dataclass(frozen=True)
class Columns:
    """Names of columns; empty names are searched for under the usual ones.

    Attributes:
        groups: the columns of groups.
        label, predicted, confidence, found, abstained: one column each.
        person: identifies the person; one image of each is kept. Empty keeps all images.
        no_labels: ignore labels, or there are none.
    """

    groups: tuple[str, ...]
    label: str = ""
    predicted: str = ""
    confidence: str = ""
    found: str = ""
    abstained: str = ""
    person: str = ""
    no_labels: bool = False


@dataclass(frozen=True)
class ModelInfo:
    """The model that made the predictions: name, SHA-256 of its weights, and head."""

    name: str
    sha256: str
    head: str


@dataclass(frozen=True, eq=False)
class Predictions:
    """Labels, predictions and groups of N images.

    Attributes:
        emotions: the K emotions that occur, in vocabulary order.
        y_true: int64 (N,), index of the label in ``emotions``; -1 everywhere if there are no labels.
        y_pred: int64 (N,), index of the prediction; -1 where no face was found.
        abstained: bool (N,); None if unknown.
        confidence: float64 (N,), probability of the prediction, 0 to 1, NaN without a face; None if unknown.
        detection_known: the table distinguishes images without a face.
        groups: column -> object (N,) of str; empty where an image has no group.
        notes: remarks on how the table was read, one sentence each.
        model: None if the table does not say.
    """

    emotions: tuple[str, ...]
    y_true: npt.NDArray[np.int64]
    y_pred: npt.NDArray[np.int64]
    abstained: npt.NDArray[np.bool_] | None
    confidence: npt.NDArray[np.float64] | None
    detection_known: bool
    groups: dict[str, npt.NDArray[np.object_]]
    notes: tuple[str, ...] = ()
    model: ModelInfo | None = None

    def __len__(self) -> int:
        return len(self.y_true)

    @property
    def has_labels(self) -> bool:
        """Every image has a label."""
        return bool((self.y_true >= 0).all())


def as_predictions(source: Path | str | Table | Predictions, columns: Columns) -> Predictions:
    """Predictions from a file, a table in memory, or as they are."""
    if isinstance(source, Predictions):
        return source
    return predictions_of(as_table(source), columns)


def predictions_of(table: Table, columns: Columns) -> Predictions:
    """Read predictions from a table.

    Emotions may have any alias. A row without a prediction is an image without a face. Rows without a label are dropped with
    a note. Confidence is its own column, or the column named like the predicted emotion.

    Raises:
        DataError: a column is missing, no row has a label, a name is no emotion, or a cell is invalid.
    """
    label_cells, kept, notes = _labels(table, columns)
    if columns.person:
        kept, note = _one_per_person(table, columns.person, kept)
        notes.append(note)
    groups = {name: table.text(table.require(name, "--groups"))[kept] for name in dict.fromkeys(columns.groups)}
    labels = emotions_in(table, label_cells[kept], kept, "labels")
    column = (
        table.require(columns.predicted, "--predicted")
        if columns.predicted
        else table.first(PREDICTED, "--predicted", "predictions")
    )
    _check_distinct(table, columns, column)
    predicted = emotions_in(table, table.text(column)[kept], kept, "predictions")
    found_column = _optional(table, columns.found, ("found",), "--found")
    found = _found(table, found_column, predicted, kept)
    occurring = {*labels[labels != ""], *predicted[found]}
    emotions = tuple(name for name in EMOTIONS if name in occurring)
    index = {name: number for number, name in enumerate(emotions)}
    abstained = _optional(table, columns.abstained, ("abstained",), "--abstained")
    for name, cells in groups.items():
        missing = int((cells == "").sum())
        if 0 < missing < len(cells):
            notes.append(f"Column {name!r}: {missing:,} rows have no group and are excluded there.")
    notes += [note for name, cells in groups.items() for note in _differ_in_case(name, cells)]
    return Predictions(
        emotions=emotions,
        y_true=np.array([index.get(name, -1) for name in labels], np.int64),
        y_pred=np.array([index[name] if seen else -1 for name, seen in zip(predicted, found)], np.int64),
        abstained=_booleans(table, abstained, kept) & found if abstained else None,
        confidence=_confidence(table, columns, predicted, found, kept),
        detection_known=bool(found_column) or not found.all(),
        groups=groups,
        notes=tuple(notes),
        model=_model(table),
    )


def emotions_in(table: Table, cells: Cells, rows: Rows, meaning: str) -> Cells:
    """Canonical emotion names; empty cells stay empty.

    Args:
        table: origin of the cells, for messages.
        cells: object (N,) of str.
        rows: int64 (N,), row numbers in the table from 0.
        meaning: what the column holds, for messages.

    Raises:
        DataError: a cell is no emotion.
    """
    unknown = Counter(str(cell) for cell in cells if cell and cell.lower() not in BY_NAME)
    if unknown:
        first = next(int(row) for row, cell in zip(rows, cells) if cell in unknown)
        most = ", ".join(f"{name!r} ({n:,} rows)" for name, n in unknown.most_common(5))
        numbers = all(name.lstrip("-").isdigit() for name in unknown)
        raise DataError(
            f"{table.name}: the column of {meaning} holds names that are no emotions: {most}, first in row {first + 1}; "
            f"expected {', '.join(EMOTIONS)} or an alias of these",
            hint="Write emotion names in place of numbers." if numbers else "Rename them, or remove these rows.",
        )
    made = np.empty(len(cells), object)
    made[:] = [BY_NAME[cell.lower()] if cell else "" for cell in cells]
    return made


def _check_distinct(table: Table, columns: Columns, predicted: str) -> None:
    """Labels, predictions and groups must be different columns: otherwise every comparison is trivial."""
    if columns.no_labels:
        return
    label = columns.label or table.first(LABELS, "--label", "labels", NO_LABELS_HINT)
    if label == predicted:
        raise DataError(
            f"{table.name}: the column {label!r} is used for labels and predictions, expected one column each",
            hint="Name the other one with --label or --predicted.",
        )
    for name, what in ((label, "labels"), (predicted, "predictions")):
        if name in columns.groups:
            raise DataError(
                f"{table.name}: the column {name!r} holds the {what}, expected a column of groups (--groups)",
                hint="Recall per emotion is part of the report of any other column.",
            )


def _labels(table: Table, columns: Columns) -> tuple[Cells, Rows, list[str]]:
    """Labels of all rows, the rows that have one, and notes."""
    if columns.no_labels:
        return np.full(len(table), "", object), np.arange(len(table)), []
    name = columns.label and table.require(columns.label, "--label")
    cells = table.text(name or table.first(LABELS, "--label", "labels", NO_LABELS_HINT))
    kept = np.flatnonzero(cells != "")
    if not len(kept):
        raise DataError(
            f"{table.name}: the column of labels is empty in all {len(table):,} rows, expected an emotion in each",
            hint=f"Add labels, or name another column with --label. {NO_LABELS_HINT}",
        )
    missing = len(table) - len(kept)
    return cells, kept, [f"{missing:,} rows have no label and are excluded."] if missing else []


def _differ_in_case(column: str, cells: Cells) -> list[str]:
    by_letters: dict[str, set[str]] = {}
    for name in {str(cell) for cell in cells}:
        by_letters.setdefault(name.casefold(), set()).add(name)
    twice = sorted(", ".join(sorted(names)) for names in by_letters.values() if len(names) > 1)
    return [
        f"Column {column!r}: {names} are treated as different groups, though only their case differs."
        for names in twice
    ]


def _one_per_person(table: Table, column: str, rows: Rows) -> tuple[Rows, str]:
    """One random but reproducible row per person, and a note; rows without a name are persons of their own."""
    people = table.text(table.require(column, "--person"))[rows]
    shuffled = np.random.default_rng(0).permutation(len(rows))
    _, first = np.unique(people[shuffled].astype(str), return_index=True)
    kept = people == ""
    kept[shuffled[first]] = True
    note = (
        f"One image per person is kept, {int(kept.sum()):,} of {len(rows):,}: images of one person are not independent."
    )
    return rows[np.asarray(kept, np.bool_)], note


def _model(table: Table) -> ModelInfo | None:
    """The model named in columns that ``mien audit predict`` writes, if it is the same in all rows."""
    if not {*MODEL_COLUMNS} <= {*table.columns}:
        return None
    rows = set(zip(*(table.text(name).tolist() for name in MODEL_COLUMNS)))
    return ModelInfo(*rows.pop()) if len(rows) == 1 else None


def _optional(table: Table, given: str, usual: Sequence[str], option: str) -> str:
    return table.require(given, option) if given else table.maybe(usual)


def _found(table: Table, column: str, predicted: Cells, rows: Rows) -> npt.NDArray[np.bool_]:
    named = np.asarray(predicted != "", np.bool_)
    if not column:
        return named
    found = _booleans(table, column, rows)
    invalid = found & ~named
    if invalid.any():
        raise DataError(
            f"{table.name}, row {int(rows[invalid.argmax()]) + 1}: a face was found, but the prediction is empty",
            hint="Fill in the prediction, or write false in the column of faces found.",
        )
    return found


def _booleans(table: Table, column: str, rows: Rows) -> npt.NDArray[np.bool_]:
    """Cells such as true and 0; an empty one is false."""
    cells = [str(cell).lower() for cell in table.text(column)[rows]]
    for row, cell in zip(rows, cells):
        if cell and cell not in _TRUE and cell not in _FALSE:
            raise DataError(
                f"{table.name}, row {int(row) + 1}, column {column!r}: got {cell!r}, expected true or false",
                hint="Write true or false.",
            )
    return np.array([cell in _TRUE for cell in cells], np.bool_)


def _confidence(
    table: Table, columns: Columns, predicted: Cells, found: npt.NDArray[np.bool_], rows: Rows
) -> npt.NDArray[np.float64] | None:
    column = _optional(table, columns.confidence, ("confidence", "probability"), "--confidence")
    if column:
        return _probabilities(table, column, rows, found)
    by_emotion = {BY_NAME[name.lower()]: name for name in table.columns if name.lower() in BY_NAME}
    if not {*predicted[found]} <= {*by_emotion}:
        return None
    made = np.full(len(predicted), np.nan)
    for emotion, name in by_emotion.items():
        here = found & (predicted == emotion)
        made[here] = _probabilities(table, name, rows, here)[here]
    return made


def _probabilities(table: Table, column: str, rows: Rows, needed: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """float64 (N,); NaN where not needed."""
    made = np.full(len(rows), np.nan)
    for place, (row, cell) in enumerate(zip(rows, table.text(column)[rows])):
        if not needed[place]:
            continue
        try:
            made[place] = float(cell.replace(",", "."))  # a decimal comma where semicolons separate cells
        except ValueError:
            made[place] = np.nan
        if not 0 <= made[place] <= 1:
            raise DataError(
                f"{table.name}, row {int(row) + 1}, column {column!r}: got {cell!r}, expected a probability, 0 to 1",
                hint="Divide percentages by 100, and leave no cell empty where a face was found.",
            )
    return made
