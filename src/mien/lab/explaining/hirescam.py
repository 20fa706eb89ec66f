"""HiResCAM (Draelos and Carin 2020) of a checkpoint: where its last convolution found what speaks for the emotion.

It is Grad-CAM (Selvaraju et al. 2017) without the averaging of gradients over the image, which points at places that a
network with dense layers never looked at. Where the mean over all places goes into one linear layer, both are the same.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import torch
from captum.attr import LayerGradientXActivation
from torch import nn

from ...errors import ModelError


class HiResCam:
    """Makes HiResCAM maps; can be used as a ``mien.explanations.explainer.Mapper``.

    What is explained is the log-odds of the emotion, not its logit: a place can also speak for an emotion by speaking
    against the others. Unlike in the paper, what speaks against it is kept.

    Args:
        network: gives a dict of logits, (N, K) for each head; in evaluation mode.
        head: which of them.
        columns: the emotions that may be asked about, and the place of each in the head's logits.
        flip: average with the map of the mirror image, as the reader averages what is said of both.

    Raises:
        ModelError: the network makes no feature map.
    """

    def __init__(self, network: nn.Module, head: str, columns: dict[str, int], *, flip: bool) -> None:
        self._columns, self._flip, self._network, self._head = columns, flip, network, head
        self._known = list(columns.values())

    def __call__(self, images: npt.NDArray[np.float32], emotion: str) -> npt.NDArray[np.float32]:
        """The map of one image: float32 (1, C, S, S) -> float32 (S, S), in no unit; below 0 speaks against the emotion."""
        place = self._columns[emotion]
        others = [column for column in self._known if column != place]

        def log_odds(views: torch.Tensor) -> torch.Tensor:
            logits = self._network(views)[self._head]
            return torch.as_tensor(logits[:, place] - logits[:, others].logsumexp(1))

        views = np.concatenate([images, images[..., ::-1]]) if self._flip else images
        device = next(self._network.parameters()).device
        given = torch.from_numpy(np.ascontiguousarray(views)).to(device).requires_grad_()
        said = LayerGradientXActivation(log_odds, _last_map(self._network, given)).attribute(given)
        maps = said.detach().sum(1).cpu().numpy().astype(np.float32)
        side = images.shape[-1]
        fine = [cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in maps]
        return np.asarray((fine[0] + fine[1][:, ::-1]) / 2 if self._flip else fine[0], np.float32)


def _last_map(network: nn.Module, images: torch.Tensor) -> nn.Module:
    """The last module whose output still has places: after normalization and activation, before the mean over all.

    Raises:
        ModelError: there is none.
    """
    called: list[nn.Module] = []

    def note(module: nn.Module, _given: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            called.append(module)

    hooks = [module.register_forward_hook(note) for module in network.modules() if not list(module.children())]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    once = [module for module in called if called.count(module) == 1]  # of one used twice the map would be ambiguous
    if not once:
        raise ModelError(
            f"HiResCAM needs a network that makes feature maps: got a {type(network).__name__} without any",
            hint="Export it with 'mien lab export' and explain the .onnx file: that works for any network.",
        )
    return once[-1]
