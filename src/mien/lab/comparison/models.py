"""The models of a comparison: any trained model, with its recipe, its size and the history of its training."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import VALIDATION
from ...errors import DataError, OptionError, RecipeError
from ...model.card import SHIPPED, load_model, shipped_models
from ..evaluate.predict import Classifier, open_classifier, weights_file
from ..recipe import Recipe, recipe_from_dict


class Engine(str, Enum):
    """What computes a model."""

    TORCH = "torch"
    ONNX = "onnxruntime"
    SKLEARN = "scikit-learn"


class Selection(str, Enum):
    """What a model chose by the validation part, which makes its results there optimistic."""

    EPOCH = "epoch"
    LEARNING_RATE = "learning rate"
    STACK = "stacking weights"


@dataclass(frozen=True)
class History:
    """The ``history.csv`` of a run.

    Attributes:
        rows: a mapping for each epoch, columns as in the file (``mien.lab.training.history``); an empty cell is absent.
        kept: which of ``rows`` became the model; None where that is unknown.
    """

    rows: tuple[dict[str, float], ...]
    kept: int | None = None

    @property
    def seconds(self) -> float:
        """Time spent on all epochs, validation included."""
        return sum(row.get("seconds", 0.0) for row in self.rows)

    def kept_value(self, column: str) -> float | None:
        """The value of ``column`` at the kept epoch; None where it is unknown."""
        return None if self.kept is None else self.rows[self.kept].get(column)

    def series(self, column: str) -> npt.NDArray[np.float64]:
        """Float (epochs,): a column from the first epoch to the last, NaN where a cell is empty."""
        return np.array([row.get(column, math.nan) for row in self.rows])


@dataclass(frozen=True)
class Model:
    """One model of a comparison.

    Attributes:
        name: unique in the comparison.
        path: as given; ``open_classifier`` takes it.
        engine: what computes it.
        classifier: the model, ready for images, on all processor threads.
        recipe: what it was trained with; None where that is unknown.
        trained: number of trained parameters.
        fixed: parameters that the gradient did not move: frozen weights and statistics of batch norms (which an export folds
            into the weights). None where that is unknown.
        size: of its file in bytes.
        history: of its training; None where there is none.
        selected: what was chosen by the validation part.
    """

    name: str
    path: Path
    engine: Engine
    classifier: Classifier
    recipe: Recipe | None
    trained: int
    fixed: int | None
    size: int
    history: History | None = None
    selected: tuple[Selection, ...] = ()


def open_models(paths: Sequence[Path]) -> list[Model]:
    """Open models for a comparison: runs, checkpoints, exported models, ensembles, baselines, models that come with mien.

    Models are named by the last part of their paths, and by more of it where two would share a name.

    Raises:
        OptionError: a model is given twice.
        ModelError: one of ``paths`` is no model, or a damaged one.
        DataError: a run's ``history.csv`` is damaged.
        MissingExtraError: a checkpoint is among them and torch is not installed.
    """
    return [_open(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def read_history(folder: Path, kept: str, watch: str = "score") -> History | None:
    """Read ``history.csv`` in a run's folder.

    Args:
        folder: the run's.
        kept: which checkpoint is meant: ``last``, ``best``, or another name, whose epoch is then unknown.
        watch: what ``best`` goes by: ``score`` (the highest ``val_score``) or ``loss`` (the lowest ``val_loss``).

    Returns:
        The history, or None where there is no such file or no epoch in it yet.

    Raises:
        DataError: a cell is not a number.
    """
    path = folder / "history.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = tuple({name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(file))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise DataError(
            f"{path}: got a cell that is not a number ({error}), expected the history that 'mien lab train' writes",
            hint="Move the file away: the comparison then leaves the columns about training empty.",
        ) from error
    return History(rows, _kept_row(rows, kept, watch)) if rows else None


def _kept_row(rows: tuple[dict[str, float], ...], kept: str, watch: str) -> int | None:
    if kept == "last":
        return len(rows) - 1
    column, sign = ("val_loss", -1) if watch == "loss" else ("val_score", 1)
    known = [number for number, row in enumerate(rows) if column in row]
    if kept != "best" or not known:
        return None
    return max(known, key=lambda number: sign * rows[number][column])  # of equal ones the first, as in training


def _names(paths: Sequence[Path]) -> list[str]:
    places = [path.resolve() for path in paths]
    twice = next((path for path, place in zip(paths, places) if places.count(place) > 1), None)
    if twice is not None:
        raise OptionError(f"{twice}: got it more than once, expected different models", hint="Name each model once.")
    short = [_parts(path) for path in places]
    # mine.onnx beside a folder mine: there the extension tells them apart
    parts = [own if short.count(own) == 1 else place.parts for own, place in zip(short, places)]
    names = []
    for own in parts:
        others = [other for other in parts if other is not own]
        depth = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        names.append("/".join(own[-depth:]))
    return names


def _parts(place: Path) -> tuple[str, ...]:
    """The path's parts; ``runs/mine/best.ckpt`` and ``models/mine.onnx`` lose their extensions."""
    if place.suffix.lower() == ".ckpt":  # "best" alone names no run
        return (*place.parent.parts[:-1], f"{place.parent.name}:{place.stem}")
    return (*place.parts[:-1], place.stem if place.is_file() else place.name)


def _open(path: Path, name: str) -> Model:
    classifier = open_classifier(path)
    shipped = str(path) in shipped_models() and not path.is_dir()
    file = SHIPPED / f"{path}.onnx" if shipped else weights_file(path)
    if file.suffix.lower() == ".ckpt":
        return _open_run(path, file, name, classifier)
    card = load_model(str(path) if shipped else str(file))[0]
    engine = Engine.SKLEARN if file.suffix.lower() == ".skops" else Engine.ONNX
    size, recipe = file.stat().st_size, _recipe(card.recipe)
    return Model(name, path, engine, classifier, recipe, card.parameters, None, size, selected=_selected(card.recipe))


def _open_run(path: Path, file: Path, name: str, classifier: Classifier) -> Model:
    from ..training.checkpoint import restore_network  # noqa: PLC0415  # needs torch

    recipe, network = restore_network(file)
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    state = network.state_dict()
    total = sum(value.numel() for value in state.values() if value.is_floating_point())  # counters are no parameters
    return Model(
        name, path, Engine.TORCH, classifier, recipe, trained, total - trained, file.stat().st_size,
        history=read_history(file.parent, file.stem, recipe.schedule.watch),
        selected=_selected_in_training(recipe, file.stem),
    )  # fmt: skip


def _recipe(values: Mapping[str, Any]) -> Recipe | None:
    """The recipe on a card; None where it has none, or one of a version whose fields are unknown here."""
    try:
        return recipe_from_dict(dict(values))
    except RecipeError:
        return None


def _selected(values: Mapping[str, Any]) -> tuple[Selection, ...]:
    """What the recipe on a card chose by the validation part; an ensemble, what its members and its stack chose."""
    ensemble = values.get("ensemble")
    if ensemble is None:
        recipe = _recipe(values)
        return _selected_in_training(recipe, recipe.schedule.keep) if recipe else ()
    found = [choice for member in ensemble["members"] for choice in _selected(member["recipe"])]
    if ensemble["stack"] is not None and ensemble["fitted_on"]["part"] == VALIDATION:
        found.append(Selection.STACK)
    return tuple(dict.fromkeys(found))


def _selected_in_training(recipe: Recipe, kept: str) -> tuple[Selection, ...]:
    if recipe.data.inner:
        return ()
    epoch = kept == "best" or recipe.schedule.patience > 0
    return (Selection.EPOCH,) * epoch + (Selection.LEARNING_RATE,) * (recipe.optimizer.decay == "plateau")
