"""Make an ensemble of trained models: calibrate the members, fit, measure, and write the file that names them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data.dataset import Dataset
from ...emotions import LABEL_SETS
from ...errors import OptionError
from ...model.registry import shipped_models
from ..evaluate.calibration import fit_temperature
from ..evaluate.predict import Classifier, open_classifier, predict
from ..evaluate.scores import Scores, score
from ..evaluate.temperature import chosen_by, rows_to_fit
from ..recipe import Head
from ..targets import hard_targets
from .combining import Array, log_probabilities, restricted, voted
from .fitting import fit_stack, shares
from .opening import digest_of
from .spec import Ensemble, Member, Stack, write_ensemble


@dataclass(frozen=True)
class Made:
    """An ensemble and how it compares.

    Attributes:
        ensemble: as it was written.
        part: ``inner`` or ``validation``: what it was fitted and measured on, mirror images averaged.
        members: each member's scores on the ensemble's emotions, in their order.
        together: the ensemble's; of a stack cross-validated.
    """

    ensemble: Ensemble
    part: str
    members: tuple[Scores, ...]
    together: Scores


def make_ensemble(
    models: Sequence[Path],
    faces: Dataset,
    out: Path,
    *,
    stack: bool = False,
    weights: Sequence[float] = (),
    targets: str = "labels",
    name: str = "",
    progress: Callable[[str], None] = lambda _what: None,
) -> Made:
    """Put trained models together and write the JSON file, which lists them by path and hash.

    Temperatures, and the weights of a stack, are fitted on ``inner`` where the data has such a part, else on ``validation``,
    without copies of training images. A stack's scores on that part are therefore cross-validated here, and no honest test
    afterwards.

    Args:
        models: at least two of what ``open_classifier`` opens.
        faces: the data.
        out: the file to write, ``.json``.
        stack: stacking in place of voting.
        weights: of the vote, one a model; none means equal ones.
        targets: ``labels`` or ``votes``: what to fit to and be marked against. Of a model with several heads, the first that
            learned these is asked, else its first.
        name: of the ensemble; empty takes the file's.
        progress: called with what is done next.

    Raises:
        ModelError: a model is missing or damaged.
        OptionError: too few models, weights that do not fit, or models whose emotions have no label set in common.
        DataError: the data has no part to fit on, or lacks the votes.
        OutputError: ``out`` cannot be written to.
    """
    _check(models, out, stack, weights)
    part = chosen_by(faces)
    images = faces.part(part).images
    classifiers = [open_classifier(model) for model in models]
    heads = [_head(classifier, targets) for classifier in classifiers]
    label_set = common_label_set([classifier.heads[head].emotions for classifier, head in zip(classifiers, heads)])
    emotions = LABEL_SETS[label_set]
    answers = hard_targets(faces.part(part), Head(label_set, targets))
    rows = rows_to_fit(faces, part, answers >= 0)
    members, seen = [], []
    for model, classifier, head, share in zip(models, classifiers, heads, shares(weights, len(models))):
        progress(f"asking {model}")
        spoken = classifier.heads[head].emotions
        views = [
            restricted(predict(classifier, view, flip=False)[head], spoken, emotions)
            for view in (images, np.ascontiguousarray(images[:, :, ::-1]))
        ]
        temperature = fit_temperature(views[0][rows], answers[rows])
        members.append(Member(_reference(model, out), digest_of(model), head, temperature, share))
        seen.append([log_probabilities(view, temperature) for view in views])
    progress("fitting")
    fitted, logits = _together(seen, members, answers, rows, stack)
    temperature = fit_temperature(logits[rows], answers[rows])
    together = score(logits, answers, emotions, temperature=temperature)
    alone = tuple(score(np.mean(views, axis=0), answers, emotions) for views in seen)
    ensemble = Ensemble(
        name=name or out.stem,
        emotions=label_set,
        targets=targets,
        members=tuple(members),
        fitted_on=f"{faces.name}, {part}: {len(rows):,} images",
        temperature=temperature,
        stack=fitted,
        scores={"part": part, "cross_validated": stack, **_short(together), "members": [_short(one) for one in alone]},
    )
    write_ensemble(ensemble, out)
    return Made(ensemble, part, alone, together)


def common_label_set(spoken: Sequence[tuple[str, ...]]) -> str:
    """The name of the label set that all of the models' emotions have in common.

    Raises:
        OptionError: there is none.
    """
    common = set(spoken[0]).intersection(*spoken[1:])
    for name, emotions in LABEL_SETS.items():
        if set(emotions) == common:
            return name
    raise OptionError(
        f"the models' emotions have {', '.join(sorted(common)) or 'nothing'} in common: expected one of the label sets "
        f"{', '.join(LABEL_SETS)}",
        hint="Combine models that were trained on label sets of mien's.",
    )


def _check(models: Sequence[Path], out: Path, stack: bool, weights: Sequence[float]) -> None:
    if len(models) < 2:
        raise OptionError(
            f"models: got {len(models)}, expected at least 2", hint="Name the models one after the other."
        )
    if out.suffix.lower() != ".json":
        raise OptionError(f"out: got {out}, expected a file that ends in .json", hint="Such as --out ensemble.json")
    if stack and weights:
        raise OptionError("weights: got some for a stack, which finds its own", hint="Drop --weight or --stacked.")
    shares(weights, len(models))


def _head(classifier: Classifier, targets: str) -> str:
    """The first head that learned from ``targets``, else the first."""
    fitting = [name for name, mark in classifier.marks.items() if mark.targets == targets]
    return (fitting or list(classifier.heads))[0]


def _reference(model: Path, out: Path) -> str:
    """How the file names a member: by its path from the file's own folder, or by its name if it comes with mien."""
    if not model.exists() and str(model) in shipped_models():
        return str(model)
    return Path(os.path.relpath(model.resolve(), out.parent.resolve())).as_posix()


def _together(
    seen: list[list[Array]],
    members: list[Member],
    answers: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    stack: bool,
) -> tuple[Stack | None, Array]:
    """The stack, if one is asked for, and the ensemble's logits, mirror images averaged: float64 (N, K)."""
    views = list(zip(*seen))
    if stack:
        found = fit_stack(views, answers, rows)
        return found.stack, found.unseen
    weights = [member.weight for member in members]
    return None, np.asarray(np.mean([voted(logs, weights) for logs in views], axis=0), np.float64)


def _short(scores: Scores) -> dict[str, Any]:
    return {
        name: getattr(scores, name)
        for name in ("n", "accuracy", "interval", "macro_f1", "balanced_accuracy", "nll", "ece", "temperature")
    }
