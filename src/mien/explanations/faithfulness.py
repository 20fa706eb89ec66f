"""Checks of explanations: whether a map is faithful to the prediction, and whether it depends on the trained weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from ..errors import ModelError
from .explanation import Curves
from .perturbation import Perturbation, correlation

#: Shares of the image that are changed.
SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0], np.float32)
#: Random orders to compare with.
ORDERS = 4
#: Number of perturbed faces that the curves take.
N_EVALUATIONS = 2 * (1 + ORDERS) * len(SHARES)


def curves(perturbed: Perturbation, heat: npt.NDArray[np.float32], seed: int = 0) -> Curves:
    """Deletion and insertion of a map (Petsiuk et al. 2018), and of random orders.

    A random order of single pixels would be unlike any map: it leaves a fine grain. So the random orders are the map itself,
    mirrored and moved around by chance: as smooth, but in the wrong places.

    Args:
        perturbed: about the emotion that the map speaks of.
        heat: float32 (S, S).
        seed: of the random orders.
    """
    rng = np.random.default_rng(seed)
    maps = [heat, *(_moved(heat, rng) for _ in range(ORDERS))]
    ranks = np.stack([_ranks(one) for one in maps])
    strongest = ranks[:, None] < SHARES[None, :, None, None]  # (maps, shares, S, S)
    keeps = np.stack([~strongest, strongest]).astype(np.float32)
    shape = keeps.shape[:3]
    said = perturbed.keep(keeps.reshape(-1, *heat.shape)).probabilities[:, perturbed.place]
    deletion, insertion = said.reshape(shape)
    return Curves(SHARES, deletion[0], insertion[0], deletion[1:].mean(0), insertion[1:].mean(0))


def _ranks(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The place of each pixel in the order from strongest to weakest, 0 to below 1."""
    order = np.empty(heat.size, np.float32)
    order[np.argsort(-heat, axis=None, kind="stable")] = np.arange(heat.size, dtype=np.float32) / heat.size
    return order.reshape(heat.shape)


def _moved(heat: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    side = heat.shape[0]
    down, across = rng.integers(side // 4, side - side // 4 + 1, 2)
    flipped = heat[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.roll(flipped, (int(down), int(across)), (0, 1))


#: A map may look this much like that of shuffled weights, as the mean rank correlation, and no more.
MOST_LIKE = 0.35
_WEIGHTS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8,
}


@dataclass(frozen=True, eq=False)
class Sanity:
    """What came of shuffling the weights, for one face.

    Attributes:
        name: of the image.
        number: of the face in its image, from 1.
        emotion: the maps are about.
        face: uint8 (L, L, 3), RGB.
        own: float32 (S, S), the model's map.
        shuffled: float32 (S, S) each, the maps of shuffled copies.
    """

    name: str
    number: int
    emotion: str
    face: npt.NDArray[np.uint8]
    own: npt.NDArray[np.float32]
    shuffled: tuple[npt.NDArray[np.float32], ...]

    @property
    def correlations(self) -> tuple[float, ...]:
        """Of each shuffled map with the model's own: Spearman's rank correlation, -1 to 1."""
        return tuple(rank_correlation(self.own, other) for other in self.shuffled)

    @property
    def mean(self) -> float:
        """The mean of ``correlations``; near 0 where the map depends on what the model learned."""
        return float(np.mean(self.correlations))

    @property
    def passed(self) -> bool:
        """Whether the maps of shuffled weights differ from the model's own; one that says the opposite differs."""
        return self.mean <= MOST_LIKE

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "face": self.number,
            "emotion": self.emotion,
            "rank_correlations": [round(value, 4) for value in self.correlations],
            "mean": round(self.mean, 4),
            "passed": self.passed,
        }


def layers(weights: bytes) -> tuple[str, ...]:
    """The names of the tensors that ``shuffled_weights`` shuffles, from the image to the answer.

    Args:
        weights: content of an ONNX file, float or int8 (QDQ, where a weight stands before its ``DequantizeLinear``).
    """
    model = onnx.load_from_string(weights)
    known = {tensor.name for tensor in _shuffled_tensors(model)}
    used = [name for node in model.graph.node for name in node.input if name in known]
    return tuple(dict.fromkeys(used))


def shuffled_weights(
    weights: bytes,
    seed: int,
    only: Collection[str] | None = None,
) -> bytes:
    """An ONNX model whose weights were put in a random order, each tensor within itself.

    Every number is still there, at another place: sums and spreads stay, what was learned is gone. Tensors of two dimensions
    and more are shuffled, float or int8; biases, and the scales and zero points of int8 models, stay.

    Args:
        weights: content of the ONNX file.
        seed: of the order.
        only: names of ``layers`` to shuffle; None shuffles all. Shuffled from the last one backwards, one more at a time,
            they are the cascading randomization of Adebayo et al. (2018); one at a time, the independent one.

    Raises:
        ModelError: there is nothing to shuffle.
    """
    model = onnx.load_from_string(weights)
    rng = np.random.default_rng(seed)
    count = 0
    for tensor in _shuffled_tensors(model):
        if only is None or tensor.name in only:
            values = numpy_helper.to_array(tensor)
            mixed = rng.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
            count += 1
    if not count:
        raise ModelError(
            "the model holds no weights that could be shuffled: got no float or int8 tensor of two dimensions or more",
            hint="Give a model whose weights are stored as initializers, as 'mien lab export' writes them.",
        )
    return bytes(model.SerializeToString())


def _shuffled_tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    return [tensor for tensor in model.graph.initializer if tensor.data_type in _WEIGHTS and len(tensor.dims) >= 2]


def rank_correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Spearman's rank correlation of two maps, -1 to 1; 0 where one is flat."""
    return correlation(_ranked(first), _ranked(second))


def _ranked(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    _, place, count = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)
