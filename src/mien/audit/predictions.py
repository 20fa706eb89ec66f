"""A table of predictions: which column holds what, and whether its cells are valid."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emotions import BY_NAME, EMOTIONS
from ..errors import DataError
from ..extras import require
from .table import Cells, Table, open_table

Rows = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
LABELS = ("label", "truth", "true", "actual", "answer", "y_true", "expression")
PREDICTED = ("predicted", "prediction", "pred", "said", "y_pred", "emotion")
IMAGES = ("image", "name", "path", "file", "filename", "photo")
MODEL_COLUMNS = ("model", "model_sha256", "model_head")
NO_LABELS_HINT = "Without labels, --no-labels compares how often each emotion is predicted."
_BEFORE, _AFTER = "predicted before", "predicted after"
_TRUE, _FALSE = ("true", "1", "yes", "y", "1.0"), ("false", "0", "no", "n", "0.0", "")


@dataclass(frozen=True)
class Columns:
    """Names of columns; empty names, but for ``person``, are searched for under the usual ones.

    One image of each ``person`` is kept. ``no_labels``: ignore labels, or there are none.
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
        emotions: those that occur, in vocabulary order.
        y_true: int64 (N,), index of the label in ``emotions``; -1 everywhere if there are no labels.
        y_pred: int64 (N,), index of the prediction; -1 if no face was found.
        abstained: bool (N,); None if unknown.
        confidence: float64 (N,), probability of the prediction, NaN without a face; None if unknown.
        detection_known: the table distinguishes images without a face.
        groups: column -> object (N,) of str; empty if an image has no group.
        notes: remarks on how the table was read, one sentence each.
    """

    emotions: tuple[str, ...]
    y_true: npt.NDArray[np.int64]
    y_pred: npt.NDArray[np.int64]
    abstained: Bools | None
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


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """N images in which both models found a face, and whether each is right, bool (N,); others as in ``Predictions``."""

    before: Bools
    after: Bools
    groups: dict[str, npt.NDArray[np.object_]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.before)


def predictions_of(source: Path | str | Table | Predictions, columns: Columns) -> Predictions:
    """Read predictions from a table or its file; predictions in memory are returned as they are.

    Emotions may have any alias. A row without a prediction is an image without a face. Rows without a label are dropped with
    a note. Confidence is a column, or the column with the name of the predicted emotion.

    Raises:
        DataError: a column is missing, no row has a label, a name is not an emotion, or a cell is invalid.
    """
    if isinstance(source, Predictions):
        return source
    table = open_table(source)
    groups = [table.find(name, "--groups") for name in dict.fromkeys(columns.groups)]
    predicted_column = table.find(columns.predicted, "--predicted", PREDICTED)
    label_column = "" if columns.no_labels else table.find(columns.label, "--label", LABELS, without=NO_LABELS_HINT)
    distinct = [predicted_column, *filter(None, [label_column])]
    if not columns.no_labels and len({*distinct, *groups}) < len(distinct) + len(groups):
        raise DataError(
            f"{table.name}: labels ({label_column}), predictions ({predicted_column}) and groups ({', '.join(groups)}) "
            "must be different columns",
            hint="Name them with --label, --predicted and --groups.",
        )
    rows, notes = np.arange(len(table)), []
    labels = np.full(len(table), "", object)
    if label_column:
        labels = emotions_in(table, label_column)
        rows = np.flatnonzero(labels != "")
        if not len(rows):
            raise DataError(
                f"{table.name}: the column of labels is empty in all {len(table):,} rows, expected an emotion in each",
                hint=f"Add labels, or name another column with --label. {NO_LABELS_HINT}",
            )
        if len(rows) < len(table):
            notes.append(f"{len(table) - len(rows):,} rows have no label and are excluded.")
    if columns.person:
        rows, note = _one_per_person(table.text(table.find(columns.person, "--person")), rows)
        notes.append(note)
    predicted = emotions_in(table, predicted_column)
    named = np.asarray(predicted != "", np.bool_)
    found_column = table.find(columns.found, "--found", ("found",), optional=True)
    found = _booleans(table, found_column) if found_column else named
    _check(table, found_column, found & ~named, "true without a prediction")
    abstained = table.find(columns.abstained, "--abstained", ("abstained",), optional=True)
    confidence = _confidence(table, columns, predicted, found)
    occurring = {*labels[rows][labels[rows] != ""], *predicted[rows][found[rows]]}
    emotions = tuple(name for name in EMOTIONS if name in occurring)
    index = {name: number for number, name in enumerate(emotions)}
    cells = {name: table.text(name)[rows] for name in groups}
    notes += [note for name, own in cells.items() for note in _group_notes(name, own)]
    return Predictions(
        emotions=emotions,
        y_true=np.array([index.get(name, -1) for name in labels[rows]], np.int64),
        y_pred=np.array([index[name] if seen else -1 for name, seen in zip(predicted[rows], found[rows])], np.int64),
        abstained=(_booleans(table, abstained) & found)[rows] if abstained else None,
        confidence=None if confidence is None else confidence[rows],
        detection_known=bool(found_column) or not found[rows].all(),
        groups=cells,
        notes=tuple(notes),
        model=_model(table),
    )


def emotions_in(table: Table, column: str) -> Cells:
    """Canonical emotion names, object (N,); empty cells stay empty. DataError if a cell is not an emotion."""
    cells = table.text(column)
    unknown = Counter(str(cell) for cell in cells if cell and cell.lower() not in BY_NAME)
    if unknown:
        most = ", ".join(f"{name!r} ({n:,} rows)" for name, n in unknown.most_common(5))
        numbers = all(name.lstrip("-").isdigit() for name in unknown)
        raise DataError(
            f"{table.name}: the column {column!r} holds names that are not emotions: {most}; expected {', '.join(EMOTIONS)} "
            "or an alias of these",
            hint="Write emotion names in place of numbers." if numbers else "Rename them, or remove these rows.",
        )
    return np.array([BY_NAME[cell.lower()] if cell else "" for cell in cells], object)


def join_predictions(before: Table, after: Table, columns: Columns, image: str = "") -> PairedPredictions:
    """The images that both tables hold; arguments and errors as in ``mien.audit_compare``."""
    names = [_names(table, image) for table in (before, after)]
    place = {name: row for row, name in enumerate(names[1])}
    shared = {name: row for row, name in enumerate(names[0]) if name in place}
    if not shared:
        raise DataError(
            f"{before.name} and {after.name} share no image: got names such as {names[0][0]!r} and {names[1][0]!r}",
            hint="Use predictions of the same images, or name the column of their names with --image.",
        )
    first = before.take(np.array([*shared.values()], np.int64))
    second = after.take(np.array([place[name] for name in shared], np.int64))
    label = first.find(columns.label, "--label", LABELS)
    _check_labels(first, label, second, columns.label, [*shared])
    options = {label: "--label"} | dict.fromkeys(columns.groups, "--groups")
    options |= {columns.person: "--person"} if columns.person else {}
    cells = {name: first.text(first.find(name, option)) for name, option in options.items()}
    # What does not depend on the model comes from the first table, so that both are filtered alike
    joined = Table(before.name, {**cells, _BEFORE: _predicted(first, columns), _AFTER: _predicted(second, columns)})
    one, other = (predictions_of(joined, replace(columns, label=label, predicted=name)) for name in (_BEFORE, _AFTER))
    found = (one.y_pred >= 0) & (other.y_pred >= 0)
    if not found.any():
        raise DataError(
            f"{before.name} and {after.name}: no image has a prediction in both", hint="Check the column --predicted."
        )
    notes = [
        f"{len(own) - len(shared):,} of {len(own):,} images are only in {table.name} and are excluded."
        for table, own in zip((before, after), names)
        if len(own) > len(shared)
    ]
    notes += one.notes
    if not found.all():
        notes.append(f"{(~found).sum():,} images are excluded: one model found no face.")
    right, right_after = ((given.y_pred == given.y_true)[found] for given in (one, other))
    groups = {name: own[found] for name, own in one.groups.items()}
    return PairedPredictions(right, right_after, groups, tuple(notes))


def _names(table: Table, image: str) -> list[str]:
    column = table.find(image, "--image", IMAGES)
    names: list[str] = table.text(column).tolist()
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(
            f"{table.name}: {len(twice):,} images have several rows, such as {twice[0]!r} in column {column!r}; expected "
            "one row per image",
            hint="Keep one row per image, or name another column with --image.",
        )
    return names


def _predicted(table: Table, columns: Columns) -> Cells:
    """Object (N,): the predicted emotion, empty without a face."""
    made = predictions_of(table, Columns((), predicted=columns.predicted, no_labels=True))
    return np.array([*made.emotions, ""], object)[made.y_pred]


def _check_labels(first: Table, label: str, second: Table, given: str, names: list[str]) -> None:
    column = given if given in second.columns else second.find("", "--label", (label.lower(), *LABELS), optional=True)
    if not column:
        return
    one, other = emotions_in(first, label), emotions_in(second, column)
    differ = np.flatnonzero((one != other) & (one != "") & (other != ""))
    if len(differ):
        at = int(differ[0])
        raise DataError(
            f"{len(differ):,} images have different labels in the two tables, such as {names[at]!r}: {one[at]} in "
            f"{first.name}, {other[at]} in {second.name}",
            hint="Compare predictions of the same images with the same labels.",
        )


def _one_per_person(people: Cells, rows: Rows) -> tuple[Rows, str]:
    """One random but reproducible row per person, and a note; each row without a name counts as a separate person."""
    people = people[rows]
    shuffled = np.random.default_rng(0).permutation(len(rows))
    _, first = np.unique(people[shuffled].astype(str), return_index=True)
    kept = np.asarray(people == "", np.bool_)
    kept[shuffled[first]] = True
    counts = f"{int(kept.sum()):,} of {len(rows):,}"
    return rows[kept], f"One image per person is kept, {counts}: images of one person are not independent."


def _group_notes(column: str, cells: Cells) -> list[str]:
    missing, notes = int((cells == "").sum()), []
    if 0 < missing < len(cells):
        notes.append(f"Column {column!r}: {missing:,} rows have no group and are excluded there.")
    by_letters: dict[str, list[str]] = {}
    for name in sorted({str(cell) for cell in cells}):
        by_letters.setdefault(name.casefold(), []).append(name)
    return notes + [
        f"Column {column!r}: {', '.join(names)} are treated as different groups, though only their case differs."
        for names in by_letters.values()
        if len(names) > 1
    ]


def _model(table: Table) -> ModelInfo | None:
    """The model named in columns that ``mien audit predict`` writes, if it is the same in all rows."""
    if not {*MODEL_COLUMNS} <= {*table.columns}:
        return None
    models = set(zip(*(table.text(name).tolist() for name in MODEL_COLUMNS)))
    return ModelInfo(*models.pop()) if len(models) == 1 else None


def _booleans(table: Table, column: str) -> Bools:
    """Cells such as true and 0; an empty one is false."""
    cells = np.char.lower(table.text(column).astype(str))
    _check(table, column, ~np.isin(cells, (*_TRUE, *_FALSE)), "true or false")
    return np.asarray(np.isin(cells, _TRUE), np.bool_)


def _confidence(table: Table, columns: Columns, predicted: Cells, found: Bools) -> npt.NDArray[np.float64] | None:
    """float64 (N,), NaN without a face; from one column, or from that of the predicted emotion."""
    column = table.find(columns.confidence, "--confidence", ("confidence", "probability"), optional=True)
    if column:
        used = {column: found}
    else:
        by_emotion = {BY_NAME[name.lower()]: name for name in table.columns if name.lower() in BY_NAME}
        if not {*predicted[found]} <= {*by_emotion}:
            return None
        used = {name: found & (predicted == emotion) for emotion, name in by_emotion.items()}
    made, to_numeric = np.full(len(table), np.nan), require("pandas", "audit").to_numeric
    for name, here in used.items():
        # A decimal comma where semicolons separate cells
        made[here] = to_numeric([cell.replace(",", ".") for cell in table.text(name)[here]], errors="coerce")
        _check(table, name, here & ~((made >= 0) & (made <= 1)), "a probability, 0 to 1, where a face was found")
    return made


def _check(table: Table, column: str, invalid: Bools, expected: str) -> None:
    if invalid.any():
        row = int(invalid.argmax())
        raise DataError(
            f"{table.name}, row {row + 1}, column {column!r}: got {table.text(column)[row]!r}, expected {expected}",
            hint="Correct this cell, or remove the row.",
        )
