"""Checks of explanations: whether a map is faithful to the prediction, and whether it depends on the trained weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..extras import require
from ..types import checked
from .perturbation import Floats, Perturbation, correlation

if TYPE_CHECKING:
    import onnx

#: Shares of the image that are changed.
SHARES = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0], np.float32)
#: Random orders to compare with.
N_RANDOM = 4
#: Number of perturbed faces that the curves take.
N_EVALUATIONS = 2 * (1 + N_RANDOM) * len(SHARES)
#: Largest mean rank correlation between a map and those of shuffled weights that passes the randomization test.
MAX_CORRELATION = 0.35


@dataclass(frozen=True, eq=False)
class Curves:
    """The probability of the emotion while the image is blurred, or restored (Petsiuk et al. 2018, arXiv 1806.07421).

    Attributes:
        shares: float32 (M,), rising: the share of the image that is changed, 0 to 1.
        deletion, insertion: float32 (M,), while the places that support the emotion most are blurred or restored first.
        random_deletion, random_insertion: float32 (M,), the same for random places of the same shapes; means.
    """

    shares: Floats
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats

    def __post_init__(self) -> None:
        for field in fields(self):
            checked(field.name, getattr(self, field.name), np.float32, (len(self.shares),))

    @property
    def gain(self) -> float:
        """The area between insertion and deletion, -1 to 1: 1 for a perfect map, 0 for an uninformative one."""
        return self._area(self.insertion - self.deletion)

    @property
    def random_gain(self) -> float:
        """The same for random places; near 0."""
        return self._area(self.random_insertion - self.random_deletion)

    def _area(self, heights: Floats) -> float:
        return float(((heights[1:] + heights[:-1]) / 2 * np.diff(self.shares)).sum())


def curves(perturbed: Perturbation, heat: Floats, seed: int = 0) -> Curves:
    """Compute deletion and insertion of a map (Petsiuk et al. 2018), and of random orders.

    A random order of single pixels would leave a fine grain, unlike any map. So the random orders are the map itself,
    float32 (S, S), mirrored and shifted at random: as smooth, but in the wrong places.
    """
    rng = np.random.default_rng(seed)
    maps = [heat, *(_moved(heat, rng) for _ in range(N_RANDOM))]
    # The place of each pixel in the order from strongest to weakest, 0 to below 1
    ranks = [np.argsort(np.argsort(-one, None, "stable")).reshape(one.shape) / one.size for one in maps]
    strongest = np.stack(ranks).astype(np.float32)[:, None] < SHARES[None, :, None, None]  # (maps, shares, S, S)
    keeps = np.stack([~strongest, strongest]).astype(np.float32)
    probabilities = perturbed.keep(keeps.reshape(-1, *heat.shape)).probabilities[:, perturbed.place]
    deletion, insertion = probabilities.reshape(keeps.shape[:3])
    return Curves(SHARES, deletion[0], insertion[0], deletion[1:].mean(0), insertion[1:].mean(0))


def _moved(heat: Floats, rng: np.random.Generator) -> Floats:
    side = heat.shape[0]
    down, across = rng.integers(side // 4, side - side // 4 + 1, 2)
    flipped = heat[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.roll(flipped, (int(down), int(across)), (0, 1))


@dataclass(frozen=True, eq=False)
class Sanity:
    """The randomization test of one face (Adebayo et al. 2018, arXiv 1810.03292).

    Attributes:
        name, number: of the image, and of the face in it, from 1.
        face: uint8 (L, L, 3), RGB.
        own, shuffled: float32 (S, S), the map of the model, and those of copies with shuffled weights.
    """

    name: str
    number: int
    emotion: str
    face: npt.NDArray[np.uint8]
    own: Floats
    shuffled: tuple[Floats, ...]

    @property
    def correlations(self) -> tuple[float, ...]:
        """Spearman's rank correlation of each shuffled map with the model's own, -1 to 1."""
        return tuple(rank_correlation(self.own, other) for other in self.shuffled)

    @property
    def mean(self) -> float:
        """The mean of ``correlations``; near 0 if the map depends on the trained weights."""
        return float(np.mean(self.correlations))

    @property
    def passed(self) -> bool:
        """Whether the maps of shuffled weights differ from the model's own; an inverted map differs."""
        return self.mean <= MAX_CORRELATION

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "face": self.number,
            "emotion": self.emotion,
            "rank_correlations": plain(self.correlations),
            "mean": round(self.mean, 4),
            "passed": self.passed,
        }


def plain(value: Any) -> Any:
    """Convert arrays and tuples to lists, and round numbers to 4 decimals."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return round(value, 4) if isinstance(value, float) else value


def layers(weights: bytes) -> tuple[str, ...]:
    """Return the names of the tensors of an ONNX file that ``shuffled_weights`` shuffles, in the order of the network."""
    onnx = require("onnx", "lab")

    model = onnx.load_from_string(weights)
    known = {tensor.name for tensor in _weight_tensors(model)}
    used = [name for node in model.graph.node for name in node.input if name in known]
    return tuple(dict.fromkeys(used))


def shuffled_weights(weights: bytes, seed: int, only: Collection[str] | None = None) -> bytes:
    """Shuffle the weights of an ONNX model, each tensor within itself.

    Tensors of two and more dimensions are shuffled, float or int8; biases, scales and zero points stay. Shuffling
    ``only`` some ``layers``, from the last one backwards, one more at a time, is the cascading randomization of Adebayo et
    al. (2018); one at a time, the independent one.

    Raises:
        ModelError: there is nothing to shuffle.
    """
    onnx, numpy_helper = require("onnx", "lab"), require("onnx.numpy_helper", "lab")

    model = onnx.load_from_string(weights)
    rng = np.random.default_rng(seed)
    chosen = [tensor for tensor in _weight_tensors(model) if only is None or tensor.name in only]
    for tensor in chosen:
        values = numpy_helper.to_array(tensor)
        mixed = rng.permutation(values.ravel()).reshape(values.shape)
        tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
    if not chosen:
        raise ModelError(
            "the model has no weights to shuffle: got no float or int8 initializer of two or more dimensions",
            hint="Use a model whose weights are stored as initializers, as 'mien lab export' writes them.",
        )
    return bytes(model.SerializeToString())


def _weight_tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    onnx = require("onnx", "lab")
    kinds = onnx.TensorProto
    floats = {kinds.FLOAT, kinds.FLOAT16, kinds.DOUBLE, kinds.INT8, kinds.UINT8}
    return [tensor for tensor in model.graph.initializer if tensor.data_type in floats and len(tensor.dims) >= 2]


def rank_correlation(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """Spearman's rank correlation of two maps, -1 to 1; 0 if one is flat. SciPy is not part of the base install."""
    return correlation(_ranked(first), _ranked(second))


def _ranked(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Ranks; equal values share their mean rank."""
    _, place, count = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place.ravel()], np.float64)
