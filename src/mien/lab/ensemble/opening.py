"""Open an ensemble as one classifier, after checking that its members are still what they were."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...emotions import LABEL_SETS
from ...errors import ModelError
from ...model.card import HeadCard, InputSpec
from ...model.registry import SHIPPED, shipped_models
from ..evaluate.predict import Classifier, Logits, open_classifier, weights_file
from ..recipe import Head
from .combining import log_probabilities, restricted, stacked, voted
from .spec import Ensemble, Member, read_ensemble

#: The one output of an ensemble.
HEAD = "ensemble"


def open_ensemble(path: Path, threads: int = 0) -> Classifier:
    """The ensemble as a classifier: its members see each image in their own size and color.

    Args:
        path: the JSON file that ``mien lab ensemble`` wrote.
        threads: processor threads for ONNX members; 0 takes all.

    Raises:
        ModelError: the file is no ensemble, or a member is missing or was changed.
        MissingExtraError: a member is a checkpoint and torch is not installed.
    """
    ensemble = read_ensemble(path)
    members = [open_classifier(_checked(member, path), threads) for member in ensemble.members]
    for member, classifier in zip(ensemble.members, members):
        known = classifier.heads[member.head].emotions if member.head in classifier.heads else ()
        if not set(LABEL_SETS[ensemble.emotions]) <= set(known):
            raise ModelError(
                f"{path}: member {member.model}, head {member.head!r}: got the emotions {', '.join(known) or 'of no head'}, "
                f"expected {', '.join(LABEL_SETS[ensemble.emotions])} among them",
                hint="Make the ensemble again.",
            )
    return classifier_of_ensemble(ensemble, members)


def classifier_of_ensemble(ensemble: Ensemble, members: list[Classifier]) -> Classifier:
    """A classifier of members that are open already, in the order of ``ensemble.members``."""
    emotions = LABEL_SETS[ensemble.emotions]

    def logits_of(images: npt.NDArray[np.uint8]) -> Logits:
        logs = [
            member_logs(classifier, member, images, emotions) for classifier, member in zip(members, ensemble.members)
        ]
        if ensemble.stack is not None:
            together = stacked(logs, ensemble.stack)
        else:
            together = voted(logs, [member.weight for member in ensemble.members])
        return {HEAD: together.astype(np.float32)}

    def run(pictures: npt.NDArray[np.float32]) -> Logits:
        pixels = np.rint(pictures).clip(0, 255).astype(np.uint8)
        return logits_of(pixels[:, 0] if pixels.shape[1] == 1 else np.ascontiguousarray(pixels.transpose(0, 2, 3, 1)))

    color = "rgb" if any(member.input.color == "rgb" for member in members) else "gray"
    return Classifier(
        name=ensemble.name,
        # Mean 0 and this std leave pixels as they are, for the members to prepare.
        input=InputSpec(max(member.input.size for member in members), 0.0, 1 / 255, color),
        heads={HEAD: HeadCard(emotions, ensemble.temperature)},
        marks={HEAD: Head(ensemble.emotions, ensemble.targets)},
        parameters=sum(member.parameters for member in members),
        run=run,
        logits_of=logits_of,
    )


def member_logs(
    classifier: Classifier, member: Member, images: npt.NDArray[np.uint8], emotions: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """One member's calibrated log-probabilities for ``emotions``: float64 (N, K)."""
    logits = restricted(classifier.logits(images)[member.head], classifier.heads[member.head].emotions, emotions)
    return log_probabilities(logits, member.temperature)


def digest_of(model: Path) -> str:
    """The sha256 of a model's weights, in hex.

    Args:
        model: anything that ``open_classifier`` opens.

    Raises:
        ModelError: there is nothing to read.
    """
    if not model.exists() and str(model) in shipped_models():
        model = SHIPPED / f"{model}.onnx"
    file = weights_file(model)
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(
            f"cannot read the model {file}: {error.strerror or error}",
            hint="Check the path; train a model with 'mien lab train', or export one with 'mien lab export'.",
        ) from error


def _checked(member: Member, ensemble: Path) -> Path:
    """Where the member is.

    Raises:
        ModelError: nowhere, or it is not what it was.
    """
    place = ensemble.parent / member.model
    if not place.exists():
        if member.model not in shipped_models():
            raise ModelError(
                f"{ensemble}: its member {member.model} is missing: got nothing at {place}",
                hint="An ensemble does not contain its members: move them along with it, or make it again.",
            )
        place = Path(member.model)
    digest = digest_of(place)
    if digest != member.sha256:
        raise ModelError(
            f"{ensemble}: its member {member.model} was changed: got sha256 {digest[:12]}..., expected "
            f"{member.sha256[:12]}...",
            hint="Bring back the file that the ensemble was made of, or make the ensemble again.",
        )
    return place
