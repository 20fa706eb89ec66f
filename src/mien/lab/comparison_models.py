"""The models of a comparison: any trained model, with its recipe, size and training history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.dataset import VALIDATION
from ..errors import DataError, OptionError, RecipeError
from ..model.card import load_model
from .evaluation.classifier import Classifier, open_classifier, weights_file
from .recipe import Recipe, recipe_from_dict


class Engine(str, Enum):
    """The software that runs a model."""

    TORCH = "torch"
    ONNX = "onnxruntime"
    SKLEARN = "scikit-learn"


class Selection(str, Enum):
    """A choice made on the validation part, which makes a model's results there optimistic."""

    EPOCH = "epoch"
    LEARNING_RATE = "learning rate"
    STACK = "stacking weights"


@dataclass(frozen=True, eq=False)
class History:
    """The training history of a run, a row per epoch; ``kept``: the row of the model's epoch, None if unknown."""

    epochs: pd.DataFrame
    kept: int | None = None

    @property
    def seconds(self) -> float:
        """Time spent on all epochs, validation included."""
        return float(self.epochs["seconds"].sum())

    def kept_value(self, column: str) -> float | None:
        """The value of ``column`` at the kept epoch; None if unknown."""
        if self.kept is None or column not in self.epochs:
            return None
        value = float(self.epochs[column].iloc[self.kept])
        return None if pd.isna(value) else value


@dataclass(frozen=True, eq=False)
class Model:
    """One model of a comparison.

    Attributes:
        name: unique in the comparison.
        classifier: on all processor threads.
        recipe: what it was trained with; None if unknown.
        trained: number of trained parameters.
        fixed: number of others: frozen weights, batch norm statistics (which an export folds). None if unknown.
        size: of its file in bytes.
        selected: what was chosen on the validation part.
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
    """Open models for a comparison: runs, checkpoints, exported models, ensembles, baselines, models shipped with mien.

    Models are named by the last part of their paths, and by more of it if two would share a name.

    Raises:
        OptionError: a model is given twice.
        ModelError: one of ``paths`` is not a model, or is damaged.
        DataError: a run's ``history.csv`` is damaged.
        MissingExtraError: a checkpoint is among them and torch is not installed.
    """
    return [_open(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def read_history(folder: Path, kept: str, monitor: str = "score") -> History | None:
    """Read ``history.csv`` in the folder of a run; None if there is no such file or no epoch in it.

    ``kept`` names the checkpoint: ``last``, ``best`` (by ``val_score`` or, if ``monitor`` is ``loss``, by ``val_loss``), or
    another one, whose epoch is unknown.

    Raises:
        DataError: a cell is not a number.
    """
    path = folder / "history.csv"
    try:
        epochs = pd.read_csv(path).astype(float)
        if epochs.empty:
            return None
        goodness = -epochs["val_loss"] if monitor == "loss" else epochs["val_score"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError) as error:
        hint = "Move the file away to compare without the columns about training."
        raise DataError(f"{path} is not a training history: {error}", hint=hint) from error
    best = int(np.nanargmax(goodness)) if goodness.notna().any() else None
    return History(epochs, {"last": len(epochs) - 1, "best": best}.get(kept))


def _names(paths: Sequence[Path]) -> list[str]:
    places = [path.resolve() for path in paths]
    if repeated := [path for path, place in zip(paths, places) if places.count(place) > 1]:
        raise OptionError(f"{repeated[0]} is given more than once", hint="Name each model once.")
    names = [_name(place) for place in places]
    for longer in (lambda place: f"{place.parent.name}/{_name(place)}", str):
        names = [longer(place) if names.count(name) > 1 else name for name, place in zip(names, places)]
    return names


def _name(place: Path) -> str:
    """Such as ``mine`` for ``runs/mine`` and ``models/mine.onnx``, and ``mine:best`` for ``runs/mine/best.ckpt``."""
    if place.suffix.lower() == ".ckpt":
        return f"{place.parent.name}:{place.stem}"
    return place.stem if place.is_file() else place.name


def _open(path: Path, name: str) -> Model:
    classifier, file = open_classifier(path), weights_file(path)
    size = file.stat().st_size
    if file.suffix.lower() != ".ckpt":
        card = load_model(file)[0]
        engine = Engine.SKLEARN if file.suffix.lower() == ".skops" else Engine.ONNX
        recipe, selected = _recipe(card.recipe), _selected(card.recipe)
        return Model(name, path, engine, classifier, recipe, card.parameters, None, size, selected=selected)
    from .training.checkpoint import restore_network  # noqa: PLC0415  # needs torch

    recipe, network = restore_network(file)
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    total = sum(value.numel() for value in network.state_dict().values() if value.is_floating_point())
    history = read_history(file.parent, file.stem, recipe.schedule.monitor)
    selected = _selected_in_training(recipe, file.stem)
    return Model(
        name, path, Engine.TORCH, classifier, recipe, trained, total - trained, size, history=history, selected=selected
    )


def _recipe(values: Mapping[str, Any]) -> Recipe | None:
    """The recipe on a card; None if there is none, or one that this version does not know."""
    try:
        return recipe_from_dict(dict(values))
    except RecipeError:
        return None


def _selected(values: Mapping[str, Any]) -> tuple[Selection, ...]:
    """Choices made on the validation part by the recipe on a card, or by those of an ensemble's members."""
    ensemble = values.get("ensemble")
    if ensemble is None:
        recipe = _recipe(values)
        return _selected_in_training(recipe, recipe.schedule.keep) if recipe else ()
    found = [choice for member in ensemble["members"] for choice in _selected(member["recipe"])]
    if ensemble.get("stack") is not None and ensemble["fitted_on"]["part"] == VALIDATION:
        found.append(Selection.STACK)
    return tuple(dict.fromkeys(found))


def _selected_in_training(recipe: Recipe, kept: str) -> tuple[Selection, ...]:
    if recipe.data.inner:
        return ()
    epoch = kept == "best" or recipe.schedule.patience > 0
    return (Selection.EPOCH,) * epoch + (Selection.LEARNING_RATE,) * (recipe.optimizer.decay == "plateau")
