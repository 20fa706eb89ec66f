"""Continue the training of an exported model with new images, such as the corrections of the photo page."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..data.dataset import TRAIN, VALIDATION, Dataset, Votes
from ..data.loading import load
from ..emotions import EMOTIONS
from ..errors import DataError, OptionError, OutputError
from ..io.atomic import write_atomically
from ..model.card import ModelCard
from ..model.preprocess import resize
from ..progress import Progress, no_progress
from ..report import count
from . import torch_export
from .evaluation.classifier import classifier_of_onnx, predict
from .exporting import card_path, describe
from .recipe import Recipe, changed, recipe_from_dict
from .temperature import scored_card
from .training.checkpoint import cost_of, open_base, restore_network
from .training.run import Row, train

#: Fewer images of a split cannot train a model, or cannot compare two.
MIN_IMAGES = 10
#: Images of ``replay`` for each new one, and at least so many.
_REPLAYED, _LEAST_REPLAYED = 8, 1000
#: A new image is drawn at most so many times per epoch.
_MOST_DRAWN = 4.0
#: Largest accepted loss of accuracy on the validation images of ``replay``.
MAX_LOSS = 0.01
_SHARES = (0.7, 0.3, 0.0)


@dataclass(frozen=True)
class HeldOut:
    """Correct predictions of the base model and of the fine-tuned one on ``n`` images that neither learned from."""

    name: str
    n: int
    base: int
    tuned: int


@dataclass(frozen=True)
class FineTuned:
    """The result of ``finetune``.

    Attributes:
        path: the ONNX file, with its card beside it.
        new, replay: the comparison with the base model on held-out new images, and on those of the original data.
    """

    path: Path
    new: HeldOut
    replay: HeldOut | None

    @property
    def improved(self) -> bool:
        """Whether the fine-tuned model should replace the base model."""
        kept = self.replay is None or self.replay.base - self.replay.tuned <= MAX_LOSS * self.replay.n
        return self.new.tuned > self.new.base and kept


def finetune(
    model: str | Path,
    data: str | Path | Dataset,
    out: str | Path,
    *,
    replay: str | Path | Dataset | None = None,
    epochs: int = 8,
    lr: float = 0.0001,
    name: str = "finetuned",
    on_epoch: Callable[[list[Row]], None] = lambda _rows: None,
    notes: Callable[[str], None] = lambda _text: None,
    progress: Progress = no_progress,
) -> FineTuned:
    """Continue the training of an exported model with new images, and compare it with the base model.

    A third of the new images is held out, unless the data has splits of its own. With ``replay``, each epoch also shows
    images of the original data, so that the model does not forget them.

    Args:
        model: an included model, or a float32 ONNX file of ``mien lab train`` with its card.
        data: new labeled images, as in ``mien.data.load``.
        out: folder for the run, ``NAME.onnx`` and its card.
        replay: the data that the model was trained on.
        epochs: passes over the images.
        lr: the highest learning rate.
        name: name of the new model.
        on_epoch: called after each epoch with the rows of the history.
        notes: called with remarks on the data, one sentence each.
        progress: called with the batches done in each epoch.

    Raises:
        ModelError: the model is missing, quantized, or its network cannot be trained.
        DataError: there are too few new images, or data cannot be read.
        OutputError: ``out`` already holds a run.

    Example:
        >>> from mien import lab
        >>> lab.finetune("default", "mien-flags", "runs/corrected", replay="fer2013.npz")  # doctest: +SKIP
    """
    out = Path(out)
    if (out / "last.ckpt").exists():
        raise OutputError(f"{out} already holds a run", hint="Choose another --out.")
    if Path(name).name != name or not name:
        raise OptionError(f"name: got {name!r}, expected a file name without folders", hint="Use --out for the folder.")
    card, weights = open_base(model)
    recipe = _recipe(card, epochs, lr)
    new = _new_images(data, recipe)
    seen = _replayed(replay, recipe, len(new)) if replay is not None else None
    both = _joined(new, seen, recipe)
    if seen is None:
        notes("No --replay data: the model may forget what it learned. Give the data that it was trained on.")
    notes(f"{len(new.part(TRAIN)):,} new training images, {len(new.part(VALIDATION)):,} held out")
    changes: dict[str, Any] = {"network.weights": str(model)}
    if seen is not None:
        rows = [(image, "new") for image in new.names] + [(image, "replay") for image in seen.names]
        changes |= {"balance.groups": str(out / "sources.csv"), "balance.column": "source", "balance.most": _MOST_DRAWN}
        write_atomically(out / "sources.csv", _csv(rows))
    done = train(recipe, both, out, changes=changes, on_epoch=on_epoch, notes=notes, progress=progress)
    tuned, content = _exported(done.checkpoint, card, both if seen is not None else None, name)
    held_out = new.part(VALIDATION)
    result = FineTuned(
        out / f"{name}.onnx",
        _compared(new.name, (card, weights), (tuned, content), held_out),
        _compared(seen.name, (card, weights), (tuned, content), seen.part(VALIDATION)) if seen is not None else None,
    )
    write_atomically(result.path, content)
    write_atomically(
        card_path(result.path), replace(tuned, data=f"{card.data}; then {describe(new)}").to_json().encode()
    )
    return result


def _recipe(card: ModelCard, epochs: int, lr: float) -> Recipe:
    """The recipe of a short training with small steps, from that of the model."""
    table = card.recipe | {"name": "finetune", "distillation": {}, "semi": {}, "data": {}, "balance": {}}
    table["network"] = table["network"] | {"weights": "none", "batch_norm": False, "reparameterize": False}
    changes = {
        "augment.erase": 0.0, "augment.mixup": 0.0, "augment.strong_until": 0, "optimizer.name": "adamw",
        "optimizer.weight_decay": 0.0, "optimizer.warmup_epochs": 0.0, "optimizer.lr": lr, "schedule.epochs": epochs,
        "schedule.sizes": [], "schedule.ema": 0.0, "schedule.batch": 32, "schedule.accumulate": 1,
        "schedule.keep": "last", "schedule.patience": 0, "schedule.precision": "32-true",
    }  # fmt: skip
    return changed(recipe_from_dict(table), changes)


def _new_images(data: str | Path | Dataset, recipe: Recipe) -> Dataset:
    size, color = recipe.input.size, recipe.input.color
    new = data if isinstance(data, Dataset) else load(data, size, color=color, shares=_SHARES)
    new = replace(new, split=np.where(new.split == TRAIN, TRAIN, VALIDATION).astype(np.str_))
    for split in (TRAIN, VALIDATION):
        n = int((new.split == split).sum())
        if n < MIN_IMAGES:
            message = f"{new.name}: got {count(n, 'image')} for {split}, expected at least {MIN_IMAGES}"
            raise DataError(message, hint="Correct more faces first; a third of them is held out.")
    return new


def _replayed(replay: str | Path | Dataset, recipe: Recipe, n_new: int) -> Dataset:
    """Images of the original data: some of train, drawn at random, and all of validation."""
    size, color = recipe.input.size, recipe.input.color
    faces = replay if isinstance(replay, Dataset) else load(replay, size, color=color)
    rng = np.random.default_rng(recipe.seed)
    learned = rng.permutation(np.flatnonzero(faces.split == TRAIN))[: max(_LEAST_REPLAYED, _REPLAYED * n_new)]
    return faces.take(np.sort(np.concatenate([learned, np.flatnonzero(faces.split == VALIDATION)])))


def _joined(new: Dataset, seen: Dataset | None, recipe: Recipe) -> Dataset:
    """One dataset with votes: a label counts as ten equal votes."""
    parts = [new] if seen is None else [new, seen]
    side = recipe.input.size
    votes = [_with_votes(part) for part in parts]
    emotions, unknown, no_face = (
        np.concatenate([getattr(one, kind) for one in votes]) for kind in ("emotions", "unknown", "no_face")
    )
    return Dataset(
        " and ".join(part.name for part in parts),
        np.concatenate([resize(part.images, side) for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.split for part in parts]),
        Votes(emotions, unknown, no_face),
        np.concatenate([part.names for part in parts]),
    )


def _with_votes(faces: Dataset) -> Votes:
    if faces.votes is not None:
        return faces.votes
    none = np.zeros(len(faces), np.uint8)
    return Votes((10 * np.eye(len(EMOTIONS), dtype=np.uint8))[faces.labels], none, none)


def _csv(rows: list[tuple[str, str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("name", "source"), *rows])
    return text.getvalue().encode()


def _exported(checkpoint: Path, base: ModelCard, faces: Dataset | None, name: str) -> tuple[ModelCard, bytes]:
    """The card and ONNX weights; temperatures are fitted on ``faces``, or kept where there is too little data for it."""
    recipe, network = restore_network(checkpoint)
    content = torch_export.to_onnx(network, recipe.input.size, recipe.input.channels)
    card = torch_export.describe_weights(recipe, network, content, name)
    card = replace(card, license=base.license, training=cost_of(checkpoint))
    if faces is not None:
        return scored_card(card, content, faces)[0], content
    return replace(card, heads=base.heads), content


def _compared(name: str, base: tuple[ModelCard, bytes], tuned: tuple[ModelCard, bytes], faces: Dataset) -> HeldOut:
    """Correct predictions of the first head, mirror images averaged, among its emotions."""
    head, spec = next(iter(base[0].heads.items()))
    rank = np.array([spec.emotions.index(one) if one in spec.emotions else -1 for one in EMOTIONS])
    labels = faces.votes.majority() if faces.votes is not None else faces.labels
    truth = np.where(labels >= 0, rank[labels], -1)
    known = truth >= 0
    right = [
        int(
            (
                predict(classifier_of_onnx(weights, card), faces.images[known], flip=True)[head].argmax(1)
                == truth[known]
            ).sum()
        )
        for card, weights in (base, tuned)
    ]
    return HeldOut(name, int(known.sum()), *right)
