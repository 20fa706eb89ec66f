"""Explain a checkpoint with ``mien explain``: by occlusion, or by HiResCAM (Draelos and Carin 2020). Needs torch.

HiResCAM is Grad-CAM (Selvaraju et al. 2017) without averaging gradients over the image, which highlights places that a
network with dense layers never used. With a global mean before one linear layer, both are the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ModelError, OptionError
from ..explanations.explainer import Explainer, open_explainer
from ..extras import require
from ..model.card import ModelCard
from ..model.classifier import EmotionClassifier
from ..options import ReadOptions
from ..reader import Reader
from .evaluation.classifier import Classifier, classifier_of_network, weights_file

if TYPE_CHECKING:
    import torch
    from torch import nn


class HiResCam:
    """Makes HiResCAM maps of a network's head; a ``mien.explanations.explainer.Mapper``.

    It explains the log-odds of the emotion, not its logit: evidence against the other emotions counts as well. Unlike in
    the paper, evidence against the emotion is kept.

    Args:
        network: returns a dict of logits, (N, K) for each head; in evaluation mode.
        columns: the emotions of the label set, and the column of each in the head's logits.
        flip: average with the map of the mirror image, as the reader averages predictions.
    """

    def __init__(self, network: nn.Module, head: str, columns: dict[str, int], *, flip: bool) -> None:
        self._columns, self._flip, self._network, self._head = columns, flip, network, head

    def __call__(self, images: npt.NDArray[np.float32], emotion: str) -> npt.NDArray[np.float32]:
        """The map of one image: float32 (1, C, S, S) -> float32 (S, S), without unit; below 0 is evidence against."""
        import torch  # noqa: PLC0415

        views = np.concatenate([images, images[..., ::-1]]) if self._flip else images
        device = next(self._network.parameters()).device
        given = torch.from_numpy(np.ascontiguousarray(views)).to(device).requires_grad_()  # weights may be frozen
        found, logits = _feature_maps(self._network, given)
        column = self._columns[emotion]
        others = [other for other in self._columns.values() if other != column]
        log_odds = logits[self._head][:, column] - logits[self._head][:, others].logsumexp(1)
        (gradient,) = torch.autograd.grad(log_odds.sum(), found[-1])
        maps = (found[-1] * gradient).detach().sum(1, keepdim=True)
        maps = torch.nn.functional.interpolate(maps, images.shape[2:], mode="bicubic", align_corners=False)[:, 0]
        return (maps[0] + maps[1].flip(1)).div(2).cpu().numpy() if self._flip else maps[0].cpu().numpy()


def _feature_maps(network: nn.Module, images: torch.Tensor) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Outputs (N, C, H, W) of all modules that are used once, in order, and the logits."""
    import torch  # noqa: PLC0415

    called: list[tuple[nn.Module, torch.Tensor]] = []

    def note(module: nn.Module, _given: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            called.append((module, output))

    hooks = [module.register_forward_hook(note) for module in network.modules() if not list(module.children())]
    logits = network(images)
    for hook in hooks:
        hook.remove()
    modules = [module for module, _ in called]
    once = [output for module, output in called if modules.count(module) == 1]  # the map of one used twice is ambiguous
    if not once:
        message = f"HiResCAM needs a network with feature maps: got a {type(network).__name__} without any"
        hint = "Export it with 'mien lab export' and explain the .onnx file, which works for any network."
        raise ModelError(message, hint=hint)
    return once, logits


class _Session:
    """Runs a checkpoint as onnxruntime's session runs an ONNX file, so that ``EmotionClassifier`` serves both."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def run(self, names: list[str], feeds: dict[str, npt.NDArray[np.float32]]) -> list[npt.NDArray[np.float32]]:
        logits = self._classifier.run(np.ascontiguousarray(feeds["images"]))
        return [logits[name] for name in names]


def open_torch_explainer(options: ReadOptions, *, hirescam: bool = False) -> Explainer:
    """An explainer of a checkpoint or run (``options.model``), whose probabilities are not calibrated.

    A folder that holds only an exported model is opened as that; ``hirescam`` maps are then an ``OptionError``.
    """
    require("torch", "lab")
    from .training.checkpoint import restore_network  # noqa: PLC0415  # needs torch

    path = weights_file(Path(options.model))
    if path.suffix.lower() == ".onnx":
        if hirescam:
            message = f"HiResCAM needs a checkpoint: got {options.model}, which holds only the exported {path.name}"
            raise OptionError(message, hint="Give the folder of the run, or leave --method out.")
        return open_explainer(replace(options, model=path))
    recipe, network = restore_network(path)
    opened = classifier_of_network(recipe, network)
    card = ModelCard(opened.name, str(path), "", "", "", opened.input, opened.heads, opened.parameters, macs=0)
    classifier = EmotionClassifier(card, _Session(opened), options.head, options.emotions, options.flip, options.prior)
    reader = Reader(options, classifier=classifier)
    if not hirescam:
        return Explainer(reader)
    emotions = opened.heads[classifier.head].emotions
    columns = {emotion: emotions.index(emotion) for emotion in classifier.emotions}
    return Explainer(reader, HiResCam(network, classifier.head, columns, flip=options.flip))
