"""Open a checkpoint for ``mien explain``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ...explanations.explainer import Explainer, open_explainer
from ...extras import check_opencv, require
from ...model.card import ModelCard
from ...model.classifier import EmotionClassifier
from ...options import ReadOptions
from ...reader import Reader
from ..evaluate.predict import Classifier, classifier_of_network, weights_file


class _Session:
    """Answers as onnxruntime's session does, so that the one place which orders emotions serves checkpoints too."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def run(self, names: list[str], feeds: dict[str, npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        logits = self._classifier.run(np.ascontiguousarray(feeds["images"]))
        return [logits[name] for name in names]


def open_torch_explainer(options: ReadOptions, *, hirescam: bool = False) -> Explainer:
    """An explainer of a checkpoint; probabilities are not calibrated, as no temperature was fitted yet.

    A folder that holds nothing but an exported model is opened as that.

    Args:
        options: how to read; ``model`` is a ``.ckpt`` file, or the folder of a run.
        hirescam: take the map from inside of the network, in place of the occlusion map.

    Raises:
        MissingExtraError: torch is not installed, or captum, which only HiResCAM needs.
        ModelError: there is no checkpoint, it is damaged, or it has no convolution.
        OptionError: it has no such head, does not know all emotions of the label set, or is exported and ``hirescam`` asked.
    """
    check_opencv()
    require("torch", "lab")
    if hirescam:
        require("captum", "lab")
    from ..training.checkpoint import restore_network  # noqa: PLC0415  # needs torch

    path = weights_file(Path(options.model))
    if path.suffix.lower() == ".onnx":
        if hirescam:
            raise OptionError(
                f"HiResCAM looks into a checkpoint: got {options.model}, which holds the exported {path.name} alone",
                hint="Give the folder of the run, or leave --method out.",
            )
        return open_explainer(replace(options, model=path))
    recipe, network = restore_network(path)
    network.eval()
    classifier = classifier_of_network(recipe, network)
    card = ModelCard(
        classifier.name, str(path), "", "", "", classifier.input, classifier.heads, classifier.parameters, macs=0
    )
    judge = EmotionClassifier(card, _Session(classifier), options.head, options.emotions, options.flip)
    spoken = classifier.heads[judge.head].emotions
    reader = Reader(options, classifier=judge)
    if not hirescam:
        return Explainer(reader)
    from .hirescam import HiResCam  # noqa: PLC0415  # needs torch and captum

    columns = {emotion: spoken.index(emotion) for emotion in judge.emotions}
    mapper = HiResCam(network, judge.head, columns, flip=options.flip)
    return Explainer(reader, mapper)
