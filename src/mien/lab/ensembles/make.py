"""Make an ensemble of trained models: calibrate the members, fit, measure, write one ONNX file and its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...emotions import LABEL_SETS
from ...errors import ModelError, OptionError
from ...io.atomic import write_atomically
from ...model.card import HeadCard, InputSpec, ModelCard, load_model, shipped_models
from ..evaluation.classifier import classifier_of_onnx, predict, weights_file
from ..evaluation.metrics import Scores, score
from ..recipe import Head
from ..targets import hard_targets
from ..temperature import chosen_by, fit_temperature, rows_to_fit
from .graph import HEAD, Member, common_input, merge
from .stacking import Array, Stack, fit_stack, log_probabilities, restricted, shares, voted


@dataclass(frozen=True)
class EnsembleResult:
    """An ensemble and how it compares with its members.

    Attributes:
        path: the ONNX file; its card is beside it.
        card: as written.
        part: ``inner`` or ``validation``: what it was fitted and measured on, mirror images averaged.
        members: the models.
        member_scores: each member's scores on the ensemble's emotions, in their order.
        scores: the ensemble's; of a stack cross-validated.
        stack: None for a vote.
    """

    path: Path
    card: ModelCard
    part: str
    members: tuple[Member, ...]
    member_scores: tuple[Scores, ...]
    scores: Scores
    stack: Stack | None


def ensemble(
    models: Sequence[str | Path],
    data: Dataset,
    out: Path,
    *,
    stacked: bool = False,
    weights: Sequence[float] = (),
    targets: str = "labels",
    name: str = "",
    progress: Callable[[str], None] = lambda _step: None,
) -> EnsembleResult:
    """Merge trained models into one ONNX file, which is used like any other model.

    The ensemble tells apart the emotions that all members know. Temperatures, and the weights of a stack, are fitted on
    ``inner`` where the data has such a part, else on ``validation``, without copies of training images. A stack's scores on
    that part are cross-validated here; a later evaluation on it is optimistic.

    Args:
        models: at least two: models that come with mien, ``.onnx`` files, checkpoints, run folders, other ensembles.
        data: the data set.
        out: the file to write, ``.onnx``; its card goes beside it.
        stacked: stacking in place of voting.
        weights: of the vote, one for each model; none means equal ones.
        targets: ``labels`` or ``votes``: what to fit to and evaluate against. Of a model with several heads, the first that
            learned these is used, else its first.
        name: of the ensemble; empty takes the file's.
        progress: called with the next step.

    Raises:
        ModelError: a model is missing, damaged or no ONNX model.
        OptionError: too few models, weights that do not fit, or models whose emotions have no label set in common.
        DataError: the data has no part to fit on, or lacks the votes.
        OutputError: ``out`` cannot be written to.
    """
    _check(models, out, stacked, weights)
    part = chosen_by(data)
    images = data.part(part).images
    opened = [open_onnx(model) for model in models]
    heads = [_head(card, targets) for card, _ in opened]
    label_set = common_label_set([card.heads[head].emotions for (card, _), head in zip(opened, heads)])
    emotions = LABEL_SETS[label_set]
    question = Head.model_validate({"emotions": label_set, "targets": targets})
    answers = hard_targets(data.part(part), question)
    rows = rows_to_fit(data, part, answers >= 0)
    members, seen = [], []
    for (card, content), head, share in zip(opened, heads, shares(weights, len(models))):
        progress(f"predicting with {card.name}")
        classifier = classifier_of_onnx(content, card)
        views = [
            restricted(predict(classifier, view, flip=False)[head], card.heads[head].emotions, emotions)
            for view in (images, np.ascontiguousarray(images[:, :, ::-1]))
        ]
        temperature = fit_temperature(views[0][rows], answers[rows])
        members.append(Member(card, content, head, temperature, share))
        seen.append([log_probabilities(view, temperature) for view in views])
    progress("fitting")
    stack, logits = _together(seen, members, answers, rows, stacked)
    temperature = fit_temperature(logits[rows], answers[rows])
    together = score(logits, answers, emotions, temperature=temperature)
    alone = tuple(score(np.mean(views, axis=0), answers, emotions) for views in seen)
    merged = merge(members, emotions, stack)
    details = {
        "members": [_provenance(member, scores) for member, scores in zip(members, alone)],
        "stack": None if stack is None else asdict(stack),
        "fitted_on": {"data": data.name, "part": part, "images": len(rows)},
    }
    licenses = dict.fromkeys(member.card.license for member in members)
    card = ModelCard(
        name=name or out.stem,
        weights=out.name,
        sha256=hashlib.sha256(merged).hexdigest(),
        license=" and ".join(licenses),
        data="; ".join(dict.fromkeys(member.card.data for member in members)),
        input=common_input([member.card.input for member in members]),
        heads={HEAD: HeadCard(emotions, temperature)},
        parameters=sum(member.card.parameters for member in members),
        macs=sum(member.card.macs for member in members),
        recipe={"name": name or out.stem, "heads": {HEAD: question.model_dump()}, "ensemble": details},
        scores={"part": part, "cross_validated": stacked, **_summary(together)},
    )
    write_atomically(out, merged)
    write_atomically(out.with_suffix(".json"), card.to_json().encode())
    return EnsembleResult(out, card, part, tuple(members), alone, together, stack)


def open_onnx(model: str | Path) -> tuple[ModelCard, bytes]:
    """Card and ONNX weights of a model; a checkpoint is exported in memory.

    Raises:
        ModelError: it is missing, damaged, or no ONNX model.
        MissingExtraError: a checkpoint is asked for and torch is not installed.
    """
    if str(model) in shipped_models() and not Path(model).is_dir():
        return load_model(str(model))
    file = weights_file(Path(model))
    if file.suffix.lower() == ".ckpt":
        return _export(file)
    if file.suffix.lower() != ".onnx":
        raise ModelError(
            f"{model}: got {'another kind of file' if file.exists() else 'nothing there'}, expected a model that comes with "
            "mien, an .onnx file, a checkpoint, or the folder of a run",
            hint="Ensembles are one ONNX graph: export checkpoints, and leave scikit-learn baselines out.",
        )
    return load_model(str(file))


def _export(checkpoint: Path) -> tuple[ModelCard, bytes]:
    from ..networks.reparameterized import folded  # noqa: PLC0415
    from ..torch_export import to_onnx  # noqa: PLC0415  # needs torch
    from ..training.checkpoint import restore_network  # noqa: PLC0415

    recipe, network = restore_network(checkpoint)
    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.color)
    weights = to_onnx(folded(network), spec.size, spec.channels)
    card = ModelCard(
        name=recipe.name,
        weights=checkpoint.name,
        sha256=hashlib.sha256(weights).hexdigest(),
        license="not stated",
        data="not stated",
        input=spec,
        heads={name: HeadCard(LABEL_SETS[head.emotions]) for name, head in recipe.heads.items()},
        parameters=sum(weight.numel() for weight in network.parameters()),
        macs=0,
        recipe=recipe.model_dump(),
    )
    return card, weights


def common_label_set(labels: Sequence[tuple[str, ...]]) -> str:
    """The name of the label set that all of the models' emotions have in common.

    Raises:
        OptionError: there is none.
    """
    common = set(labels[0]).intersection(*labels[1:])
    for name, emotions in LABEL_SETS.items():
        if set(emotions) == common:
            return name
    raise OptionError(
        f"the models have {', '.join(sorted(common)) or 'no emotion'} in common: expected one of the label sets "
        f"{', '.join(LABEL_SETS)}",
        hint="Combine models that were trained on mien's label sets.",
    )


def _check(models: Sequence[str | Path], out: Path, stacked: bool, weights: Sequence[float]) -> None:
    if len(models) < 2:
        raise OptionError(
            f"models: got {len(models)}, expected at least 2", hint="Name the models one after the other."
        )
    if out.suffix.lower() != ".onnx":
        raise OptionError(f"out: got {out}, expected a file that ends in .onnx", hint="For example --out ensemble.onnx")
    if stacked and weights:
        raise OptionError("weights: a stack fits its own", hint="Drop --weight or --stacked.")
    shares(weights, len(models))


def _head(card: ModelCard, targets: str) -> str:
    """The first head that learned from ``targets``, else the first."""
    learned: dict[str, Any] = card.recipe.get("heads", {})
    suited = [name for name in card.heads if learned.get(name, {}).get("targets") == targets]
    return (suited or list(card.heads))[0]


def _together(
    seen: list[list[Array]],
    members: list[Member],
    answers: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    stacked: bool,
) -> tuple[Stack | None, Array]:
    """The stack, if one is asked for, and the ensemble's logits, mirror images averaged: float64 (N, K)."""
    views = list(zip(*seen))
    if stacked:
        found = fit_stack(views, answers, rows)
        return found.stack, found.unseen
    weights = [member.weight for member in members]
    return None, np.asarray(np.mean([voted(logs, weights) for logs in views], axis=0), np.float64)


def _provenance(member: Member, scores: Scores) -> dict[str, Any]:
    card = member.card
    own = {"head": member.head, "temperature": member.temperature, "weight": member.weight}
    return {"name": card.name, "sha256": card.sha256, **own, "recipe": card.recipe, "scores": _summary(scores)}


def _summary(scores: Scores) -> dict[str, Any]:
    names = ("n", "accuracy", "interval", "macro_f1", "balanced_accuracy", "nll", "ece", "temperature")
    return {name: getattr(scores, name) for name in names}
