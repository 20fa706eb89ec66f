"""HiResCAM (Draelos and Carin 2020) of a checkpoint: where its last convolution found what speaks for the emotion.

It is Grad-CAM (Selvaraju et al. 2017) without the averaging of gradients over the picture, which points at places that a
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
    """Makes HiResCAM maps; can be used as a ``mien.explain.explainer.Mapper``.

    What is explained is the log-odds of the emotion, not its logit: a place can also speak for an emotion by speaking
    against the others. Unlike in the paper, what speaks against it is kept.

    Args:
        network: gives a dict of logits, (N, K) for each head; in evaluation mode.
        head: which of them.
        columns: the emotions that may be asked about, and the place of each in the head's logits.
        flip: average with the map of the mirror image, as the reader averages what is said of both.

    Raises:
        ModelError: the network has no convolution.
    """

    def __init__(self, network: nn.Module, head: str, columns: dict[str, int], *, flip: bool) -> None:
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
        if not layers:
            raise ModelError(
                f"HiResCAM needs a convolution: got a {type(network).__name__} without one",
                hint="Export the network with 'mien lab export' and explain the .onnx file: that works for any.",
            )
        self._columns, self._flip, self._network, self._head = columns, flip, network, head
        self._known = list(columns.values())
        self._last = layers[-1]

    def __call__(self, pictures: npt.NDArray[np.float32], emotion: str) -> npt.NDArray[np.float32]:
        """The map of one picture: float32 (1, C, S, S) -> float32 (S, S), in no unit; below 0 speaks against the emotion."""
        place = self._columns[emotion]
        others = [column for column in self._known if column != place]

        def log_odds(views: torch.Tensor) -> torch.Tensor:
            logits = self._network(views)[self._head]
            return torch.as_tensor(logits[:, place] - logits[:, others].logsumexp(1))

        views = np.concatenate([pictures, pictures[..., ::-1]]) if self._flip else pictures
        device = next(self._network.parameters()).device
        given = torch.from_numpy(np.ascontiguousarray(views)).to(device).requires_grad_()
        said = LayerGradientXActivation(log_odds, self._last).attribute(given)
        maps = said.detach().sum(1).cpu().numpy().astype(np.float32)
        side = pictures.shape[-1]
        fine = [cv2.resize(one, (side, side), interpolation=cv2.INTER_CUBIC) for one in maps]
        return np.asarray((fine[0] + fine[1][:, ::-1]) / 2 if self._flip else fine[0], np.float32)
