"""Who takes part in a comparison: any trained model, with what is on the disk about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...data.dataset import VALIDATION
from ...errors import OptionError, RecipeError
from ...model.registry import SHIPPED, load_model, shipped_models
from ..ensemble.spec import read_ensemble
from ..evaluate.predict import Classifier, open_classifier, weights_file
from ..recipe import Recipe, recipe_from_dict
from .record import Record, read_record

TORCH, ONNX, OTHER = "torch", "onnxruntime", "ensemble"


@dataclass(frozen=True)
class Member:
    """One model of a comparison.

    Attributes:
        name: what to call it; no two members share one.
        path: as the user gave it; ``open_classifier`` takes it.
        engine: what computes it: ``torch`` (checkpoints), ``onnxruntime`` (exported and shipped models), or ``ensemble``
            (each member in turn).
        classifier: the model, ready for images, on all processor threads.
        recipe: what it was trained after; None where nobody wrote that down.
        trained: numbers that training moved.
        fixed: numbers that it did not move with the gradient: frozen weights, and the statistics of batch norms (which an
            export folds into the weights). None where that is unknown.
        size: of its file in bytes; of an ensemble, with its members.
        record: the history of its training; None where there is none.
        peeked: what it did by the validation part while training, in words; empty where it never looked.
    """

    name: str
    path: Path
    engine: str
    classifier: Classifier
    recipe: Recipe | None
    trained: int
    fixed: int | None
    size: int
    record: Record | None = None
    peeked: tuple[str, ...] = ()


def open_members(paths: Sequence[Path]) -> list[Member]:
    """Open models for a comparison: runs, checkpoints, exported and shipped models, ensembles.

    Members are called by the last part of their paths, and by more of it where two would share a name.

    Raises:
        OptionError: a model is given twice.
        ModelError: one of ``paths`` is no model, or a damaged one.
        DataError: a run's ``history.csv`` is damaged.
        MissingExtraError: a checkpoint is among them and torch is not installed.
    """
    return [_open(path, name) for path, name in zip(paths, _names(paths), strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    places = [path.resolve() for path in paths]
    twice = next((path for path, place in zip(paths, places) if places.count(place) > 1), None)
    if twice is not None:
        raise OptionError(f"{twice}: got it more than once, expected different models", hint="Name each model once.")
    short = [_parts(path) for path in places]
    # mine.onnx beside a folder mine: there the ending tells them apart
    parts = [own if short.count(own) == 1 else place.parts for own, place in zip(short, places)]
    names = []
    for own in parts:
        others = [other for other in parts if other is not own]
        depth = next((n for n in range(1, len(own)) if all(own[-n:] != other[-n:] for other in others)), len(own))
        names.append("/".join(own[-depth:]))
    return names


def _parts(place: Path) -> tuple[str, ...]:
    """The path's parts; ``runs/mine/best.ckpt`` and ``models/mine.onnx`` lose their endings."""
    if place.suffix.lower() == ".ckpt":  # "best" alone says nothing
        return (*place.parent.parts[:-1], f"{place.parent.name}:{place.stem}")
    return (*place.parts[:-1], place.stem if place.is_file() else place.name)


def _open(path: Path, name: str) -> Member:
    classifier = open_classifier(path)
    if path.suffix.lower() == ".json":
        return _of_ensemble(path, name, classifier)
    shipped = str(path) in shipped_models() and not path.is_dir()
    file = SHIPPED / f"{path}.onnx" if shipped else weights_file(path)
    if file.suffix.lower() == ".ckpt":
        return _of_run(path, file, name, classifier)
    card = load_model(str(path) if shipped else str(file))[0]
    recipe = _recipe(card.recipe)
    peeked = _peeked(recipe, recipe.schedule.keep) if recipe else ()
    return Member(name, path, ONNX, classifier, recipe, card.parameters, None, file.stat().st_size, peeked=peeked)


def _of_ensemble(path: Path, name: str, classifier: Classifier) -> Member:
    """The sum of its members, and as much of a peeker as they are."""
    ensemble = read_ensemble(path)
    places = [path.parent / member.model for member in ensemble.members]
    members = [
        _open(place if place.exists() else Path(member.model), name) for place, member in zip(places, ensemble.members)
    ]
    fixed = [member.fixed for member in members]
    peeked = dict.fromkeys(reason for member in members for reason in member.peeked)
    if ensemble.stack is not None and f", {VALIDATION}:" in ensemble.fitted_on:
        peeked["learned how to weigh its members"] = None
    return Member(
        name, path, OTHER, classifier, None,
        trained=sum(member.trained for member in members),
        fixed=None if None in fixed else sum(number or 0 for number in fixed),
        size=path.stat().st_size + sum(member.size for member in members),
        peeked=tuple(peeked),
    )  # fmt: skip


def _of_run(path: Path, file: Path, name: str, classifier: Classifier) -> Member:
    from ..train.checkpoint import restore_network  # noqa: PLC0415  # needs torch

    recipe, network = restore_network(file)
    trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    state = network.state_dict()
    total = sum(value.numel() for value in state.values() if value.is_floating_point())  # counters are no parameters
    return Member(
        name, path, TORCH, classifier, recipe, trained, total - trained, file.stat().st_size,
        record=read_record(file.parent, file.stem, recipe.schedule.watch),
        peeked=_peeked(recipe, file.stem),
    )  # fmt: skip


def _recipe(values: dict[str, object]) -> Recipe | None:
    """The recipe on a card; None where it has none, or one of a version whose fields are unknown here."""
    try:
        return recipe_from_dict(dict(values))
    except RecipeError:
        return None


def _peeked(recipe: Recipe, kept: str) -> tuple[str, ...]:
    if recipe.data.inner:
        return ()
    chose = kept == "best" or recipe.schedule.patience > 0
    slowed = recipe.optimizer.decay == "plateau"
    return ("chose its epoch",) * chose + ("lowered its learning rate",) * slowed
