"""What a run wrote down while it was trained: its history, and the epoch that became the model."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import DataError


@dataclass(frozen=True)
class Record:
    """The ``history.csv`` of a run.

    Attributes:
        rows: one dict an epoch, columns as in the file (``mien.lab.train.history``); an empty cell is absent.
        kept: which of ``rows`` became the model; None where that cannot be told.
    """

    rows: tuple[dict[str, float], ...]
    kept: int | None = None

    @property
    def seconds(self) -> float:
        """Time spent on all epochs, validation included."""
        return sum(row.get("seconds", 0.0) for row in self.rows)

    def kept_value(self, column: str) -> float | None:
        """What ``column`` says of the kept epoch; None where the file does not say."""
        return None if self.kept is None else self.rows[self.kept].get(column)

    def series(self, column: str) -> npt.NDArray[np.float64]:
        """Float (epochs,): a column from the first epoch to the last, NaN where a cell is empty."""
        return np.array([row.get(column, math.nan) for row in self.rows])

    def minutes(self) -> npt.NDArray[np.float64]:
        """Float (epochs,): minutes of training at the end of each epoch."""
        return np.cumsum([row.get("seconds", 0.0) for row in self.rows]) / 60


def read_record(folder: Path, kept: str, watch: str = "score") -> Record | None:
    """Read ``history.csv`` in a run's folder.

    Args:
        folder: the run's.
        kept: which checkpoint is meant: ``last``, ``best``, or another name, whose epoch is then unknown.
        watch: what ``best`` goes by: ``score`` (the highest ``val_score``) or ``loss`` (the lowest ``val_loss``).

    Returns:
        The record, or None where there is no such file or no epoch in it yet.

    Raises:
        DataError: the file holds something other than numbers.
    """
    path = folder / "history.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = tuple({name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(file))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise DataError(
            f"{path}: got a cell that is no number ({error}), expected the history that 'mien lab train' writes",
            hint="Move the file away: the comparison then leaves the columns about training empty.",
        ) from error
    return Record(rows, _kept(rows, kept, watch)) if rows else None


def _kept(rows: tuple[dict[str, float], ...], kept: str, watch: str) -> int | None:
    if kept == "last":
        return len(rows) - 1
    column, sign = ("val_loss", -1) if watch == "loss" else ("val_score", 1)
    known = [number for number, row in enumerate(rows) if column in row]
    if kept != "best" or not known:
        return None
    return max(known, key=lambda number: sign * rows[number][column])  # of equal ones the first, as while training
