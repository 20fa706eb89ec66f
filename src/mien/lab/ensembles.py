"""Combine trained models by soft voting or stacking, and write the result as one ONNX file with its card."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from ..data.dataset import Dataset
from ..data.loading import load
from ..emotions import LABEL_SETS, positions
from ..errors import DataError, ModelError, OptionError
from ..io.atomic import write_atomically
from ..model.card import HeadCard, ModelCard, load_model
from ..progress import Progress, no_progress
from ..report import Document, Note, interval, percent
from .ensemble_graph import HEAD, MIN_PROBABILITY, Member, Stack, common_input, merge, merge_heads
from .evaluation.classifier import classifier_of_onnx, predict, targets_of, weights_file
from .evaluation.metrics import Scores, score
from .evaluation.report import table
from .recipe import Head
from .sampling import hard_targets
from .temperature import chosen_by, fit_temperature, rows_to_fit, scored_card

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_FOLDS = 5
#: Inverse L2 penalties that cross-validation chooses among.
_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_SUMMARY = ("n", "accuracy", "interval", "macro_f1", "balanced_accuracy", "nll", "ece", "temperature")


@dataclass(frozen=True, eq=False)
class EnsembleResult:
    """An ensemble and its members' scores.

    Attributes:
        path, card: the ONNX file, and the card beside it.
        part: ``inner`` or ``validation``: what it was fitted and evaluated on, mirror images averaged.
        member_scores: each member's scores on the ensemble's emotions, in their order.
        scores: scores of the ensemble; cross-validated if stacked.
    """

    path: Path
    card: ModelCard
    part: str
    members: tuple[Member, ...]
    member_scores: tuple[Scores, ...]
    scores: Scores
    stacked: bool


def ensemble(
    models: Sequence[str | Path],
    data: str | Path | Dataset,
    out: str | Path,
    *,
    stacked: bool = False,
    weights: Sequence[float] = (),
    targets: Literal["labels", "votes"] = "labels",
    name: str = "",
    progress: Progress = no_progress,
) -> EnsembleResult:
    """Merge trained models into one ONNX file, which is used like any other model.

    The ensemble predicts the emotions that all members have in common. Temperatures and the weights of a stack are
    fitted on the ``inner`` part if there is one, otherwise on ``validation``, without copies of training images.

    Args:
        models: at least two: names of included models, ``.onnx`` files, checkpoints, run folders, other ensembles.
        data: as in ``mien.data.load``, or a loaded dataset.
        out: the ``.onnx`` file to write, with its card beside it.
        stacked: fit a logistic regression on the members' log-probabilities instead of voting (Wolpert 1992).
        weights: weights of the vote, one per model; equal if empty.
        targets: ``labels`` or ``votes``, to fit to and evaluate against. It also selects the head of a member.
        name: name of the ensemble. Default: the name of the file.
        progress: called before each model.

    Raises:
        ModelError: a model is missing, damaged or no ONNX model.
        OptionError: too few models, a wrong number of weights, or models without a common label set.
        DataError: the data has no part to fit on, lacks the votes, or has too few images for stacking.
        OutputError: ``out`` cannot be written to.

    Example:
        >>> from mien import lab
        >>> lab.ensemble(["runs/a", "default"], "fer2013.csv", "models/both.onnx")  # doctest: +SKIP
    """
    out = Path(out)
    shares = _shares(models, out, stacked, weights)
    opened = [open_onnx(model) for model in models]
    spec = common_input([card.input for card, _ in opened])
    data = data if isinstance(data, Dataset) else load(data, spec.size, color=spec.color)
    part = chosen_by(data)
    images = data.part(part).images
    heads = [_head(card, targets) for card, _ in opened]
    label_set = common_label_set([card.heads[head].emotions for (card, _), head in zip(opened, heads)])
    emotions, target = LABEL_SETS[label_set], Head(emotions=label_set, targets=targets)
    y_true = hard_targets(data.part(part), target)
    rows = rows_to_fit(data, part, y_true >= 0)
    members, views = [], []
    for i, ((card, content), head, share) in enumerate(zip(opened, heads, shares)):
        progress(i, len(models), f"predicting with {card.name}")
        classifier, columns = classifier_of_onnx(content, card), positions(emotions, card.heads[head].emotions)
        both = [
            predict(classifier, view, flip=False)[head][:, columns].astype(np.float64)
            for view in (images, np.ascontiguousarray(images[:, :, ::-1]))
        ]
        temperature = fit_temperature(both[0][rows], y_true[rows])
        members.append(Member(card, content, head, temperature, share))
        views.append([log_softmax(view / temperature, axis=1) for view in both])
    alone = tuple(score(np.mean(view, axis=0), y_true, emotions) for view in views)
    progress(len(models), len(models), "combining")
    stack, held_out = fit_stack(list(zip(*views)), y_true, rows) if stacked else (None, None)
    merged = merge(members, emotions, stack)
    cards = [card for card, _ in opened]
    details = {
        "members": [
            {
                "name": one.card.name, "sha256": one.card.sha256, "head": one.head, "temperature": one.temperature,
                "weight": one.weight, "recipe": one.card.recipe, "scores": _summary(own),
            }
            for one, own in zip(members, alone)
        ],
        "stack": "logistic regression" if stack else None,
        "fitted_on": {"data": data.name, "part": part, "images": len(rows)},
    }  # fmt: skip
    name = name or out.stem
    recipe = {"name": name, "heads": {HEAD: target.model_dump()}, "ensemble": details}
    card = _merged_card(out, merged, cards, {HEAD: HeadCard(emotions)}, recipe)
    logits = predict(classifier_of_onnx(merged, card), images, flip=True)[HEAD] if held_out is None else held_out
    temperature = fit_temperature(logits[rows], y_true[rows])
    scores = score(logits, y_true, emotions, temperature=temperature)
    card = replace(
        card,
        heads={HEAD: HeadCard(emotions, temperature)},
        scores={"part": part, "cross_validated": stacked, **_summary(scores)},
    )
    write_atomically(out, merged)
    write_atomically(out.with_suffix(".json"), card.to_json().encode())
    return EnsembleResult(out, card, part, tuple(members), alone, scores, stacked)


def average(models: Sequence[str | Path], data: str | Path | Dataset, out: str | Path, *, name: str = "") -> ModelCard:
    """Merge models with the same heads into one ONNX file with all of these heads.

    Each output is the logarithm of the mean of the members' probabilities, calibrated as on their cards. Temperatures and
    scores of the result come from the data, as those of ``export``.

    Args:
        models: at least two, as for ``ensemble``.
        data: as in ``mien.data.load``, or a loaded dataset: what the members were trained on.
        out: the ``.onnx`` file to write, with its card beside it.
        name: name of the model. Default: the name of the file.

    Returns:
        The card.

    Raises:
        ModelError: a model is missing, damaged or no ONNX model.
        OptionError: there are too few models, or their heads differ.
        DataError: the data has no part to fit on, or lacks the votes of a head.
        OutputError: ``out`` cannot be written to.

    Example:
        >>> from mien import lab
        >>> lab.average(["runs/a", "runs/b"], "fer2013.npz", "models/accurate.onnx")  # doctest: +SKIP
    """
    out = Path(out)
    shares = _shares(models, out, False, ())
    opened = [open_onnx(model) for model in models]
    cards = [card for card, _ in opened]
    emotions = {head: entry.emotions for head, entry in cards[0].heads.items()}
    for card in cards[1:]:
        if (own := {head: entry.emotions for head, entry in card.heads.items()}) != emotions:
            message = f"the heads of {card.name} are {', '.join(own)}, expected those of {cards[0].name}"
            raise OptionError(f"{message}: {', '.join(emotions)}", hint="Merge one head: leave out --all-heads.")
    spec = common_input([card.input for card in cards])
    faces = data if isinstance(data, Dataset) else load(data, spec.size, color=spec.color)
    heads = {
        head: [
            Member(card, content, head, card.heads[head].temperature, share)
            for (card, content), share in zip(opened, shares)
        ]
        for head in emotions
    }
    merged, name = merge_heads(heads, emotions), name or out.stem
    members = [{"name": card.name, "sha256": card.sha256, "recipe": card.recipe} for card in cards]
    recipe = {"name": name, "heads": cards[0].recipe.get("heads", {}), "ensemble": {"members": members}}
    card = _merged_card(out, merged, cards, {head: HeadCard(labels) for head, labels in emotions.items()}, recipe)
    card = replace(card, precision=cards[0].precision if len({one.precision for one in cards}) == 1 else "mixed")
    card, _ = scored_card(card, merged, faces)
    write_atomically(out, merged)
    write_atomically(out.with_suffix(".json"), card.to_json().encode())
    return card


def _merged_card(
    out: Path, merged: bytes, cards: Sequence[ModelCard], heads: dict[str, HeadCard], recipe: dict[str, Any]
) -> ModelCard:
    """The card of models merged into one file, without temperatures and scores."""
    return ModelCard(
        name=recipe["name"],
        weights=out.name,
        sha256=hashlib.sha256(merged).hexdigest(),
        license=" and ".join(dict.fromkeys(card.license for card in cards)),
        data="; ".join(dict.fromkeys(card.data for card in cards)),
        input=common_input([card.input for card in cards]),
        heads=heads,
        parameters=sum(card.parameters for card in cards),
        macs=sum(card.macs for card in cards),
        recipe=recipe,
    )


def ensemble_report(made: EnsembleResult) -> Document:
    """Turn an ensemble's scores into a report: its members, then the ensemble."""
    how = "stacking, cross-validated" if made.stacked else "soft voting"
    shown = [
        (one.card.name, one.head, "" if made.stacked else f"{one.weight:.2f}", one.temperature, scores)
        for one, scores in zip(made.members, made.member_scores)
    ]
    rows = [
        (
            name, head, weight, f"{temperature:.2f}", percent(scores.accuracy, 2), interval(scores.interval),
            f"{scores.macro_f1:.3f}", f"{scores.nll:.3f}", f"{scores.ece:.3f}",
        )
        for name, head, weight, temperature, scores in (
            *shown,
            (f"ensemble ({how})", HEAD, "", made.card.heads[HEAD].temperature, made.scores),
        )
    ]  # fmt: skip
    names = ("model", "head", "weight", "temperature", "accuracy", "95% CI", "macro-F1", "NLL", "ECE")
    caption = "Mirror images averaged. 95% Wilson intervals. NLL in nats."
    optimistic = f"The stack was fitted on {made.part}: later evaluations on that part are optimistic."
    return Document(
        f"Ensemble: {made.card.name}",
        (table(names, rows, words=2, caption=caption), *((Note(optimistic),) if made.stacked else ())),
        metadata={"evaluated on": f"{made.part}, n = {made.scores.n:,}"},
    )


def open_onnx(model: str | Path) -> tuple[ModelCard, bytes]:
    """Card and ONNX weights of a model; a checkpoint is exported in memory.

    Raises:
        ModelError: it is missing, damaged, or no ONNX model.
        MissingExtraError: a checkpoint is given and torch is not installed.
    """
    file = weights_file(model)
    if file.suffix.lower() == ".skops":
        hint = "Ensembles are one ONNX graph: leave scikit-learn baselines out."
        raise ModelError(f"{model} is a scikit-learn pipeline, expected a network", hint=hint)
    if file.suffix.lower() != ".ckpt":
        return load_model(file)
    from .networks.vgg import folded  # noqa: PLC0415
    from .torch_export import describe_weights, to_onnx  # noqa: PLC0415  # needs torch
    from .training.checkpoint import restore_network  # noqa: PLC0415

    recipe, trained = restore_network(file)
    network = folded(trained)
    weights = to_onnx(network, recipe.input.size, recipe.input.channels)
    return describe_weights(recipe, network, weights, recipe.name), weights


def common_label_set(labels: Sequence[tuple[str, ...]]) -> str:
    """The name of the label set that all of the models' emotions have in common.

    Raises:
        OptionError: there is none.
    """
    common = set(labels[0]).intersection(*labels[1:])
    if names := [name for name, emotions in LABEL_SETS.items() if set(emotions) == common]:
        return names[0]
    found = ", ".join(sorted(common)) or "no emotion"
    message = f"the models have {found} in common, expected one of the label sets {', '.join(LABEL_SETS)}"
    raise OptionError(message, hint="Combine models that were trained on mien's label sets.")


def fit_stack(views: Sequence[Sequence[_Floats]], y_true: _Ints, rows: _Ints) -> tuple[Stack, _Floats]:
    """Fit a multinomial logistic regression on the members' log-probabilities (Wolpert 1992).

    Args:
        views: for each view of the images, such as the mirror images, each member's log-probabilities, float64 (N, K).
        y_true: int64 (N,), true class.
        rows: which of the N to fit on; each has a true class.

    Returns:
        The stack, and log-probabilities averaged over the views, float64 (N, K); those of ``rows`` are cross-validated.

    Raises:
        DataError: a class has fewer than 5 images among ``rows``.
    """
    truth = y_true[rows]
    rarest = int(np.bincount(truth, minlength=views[0][0].shape[1]).min())
    if rarest < _FOLDS:
        hint = "Vote instead, without --stacked, or use more images."
        raise DataError(f"stacking: got {rarest} images of the rarest emotion, expected at least {_FOLDS}", hint=hint)
    inputs = [np.concatenate(view, axis=1).clip(min=math.log(MIN_PROBABILITY)) for view in views]
    folds = list(StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(rows, truth))
    grid = {"C": _PENALTIES}
    search = GridSearchCV(LogisticRegression(max_iter=2000), grid, scoring="neg_log_loss", cv=folds)
    fitted = search.fit(inputs[0][rows], truth).best_estimator_
    logits = np.mean([fitted.predict_log_proba(view) for view in inputs], axis=0)
    for learned, held_out in folds:
        fold = LogisticRegression(max_iter=2000, C=fitted.C).fit(inputs[0][rows[learned]], truth[learned])
        logits[rows[held_out]] = np.mean([fold.predict_log_proba(view[rows[held_out]]) for view in inputs], axis=0)
    weights, bias = fitted.coef_, fitted.intercept_
    if len(weights) == 1:  # of two classes only the second has weights
        weights, bias = np.vstack([0 * weights, weights]), np.append(0, bias)
    return (weights, bias), logits


def _shares(models: Sequence[str | Path], out: Path, stacked: bool, weights: Sequence[float]) -> tuple[float, ...]:
    """The weights of the vote, which sum to 1; checks the arguments of ``ensemble``."""
    if len(models) < 2:
        raise OptionError(f"models: got {len(models)}, expected at least 2")
    if out.suffix.lower() != ".onnx":
        raise OptionError(f"out: got {out}, expected a file that ends in .onnx", hint="For example --out ensemble.onnx")
    if stacked and weights:
        raise OptionError(
            "weights cannot be given for a stacked ensemble, which fits its own", hint="Remove --weight or --stacked."
        )
    weights = weights or (1.0,) * len(models)
    if len(weights) != len(models) or not all(0 < weight < math.inf for weight in weights):
        hint = "Give one weight for each model, in the same order, or none."
        got = ", ".join(map(str, weights))
        raise OptionError(f"weights: got {got}, expected {len(models)} positive numbers", hint=hint)
    return tuple(weight / sum(weights) for weight in weights)


def _head(card: ModelCard, targets: str) -> str:
    """The first head that learned from ``targets``, otherwise the first."""
    suited = [name for name, learned in targets_of(card).items() if learned == targets]
    return next(iter(suited or card.heads))


def _summary(scores: Scores) -> dict[str, Any]:
    return {name: getattr(scores, name) for name in _SUMMARY}
