"""Image features as scikit-learn transformers: HOG and LBP of scikit-image, embeddings of a trained model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper
from skimage.feature import hog, local_binary_pattern
from sklearn.base import BaseEstimator, TransformerMixin

from ..errors import ModelError
from ..model.card import ModelCard
from ..model.session import open_session
from ..progress import Progress, no_progress

Floats = npt.NDArray[np.float32]
_PATTERNS = 59  # of 8 neighbors: 58 uniform ones, and one for all others
_BATCH = 256
_LINEAR = ("Gemm", "MatMul")


class _Fitted(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn carries no types
    """A transformer that learns nothing."""

    def fit(self, images: Floats, y: Any = None) -> _Fitted:  # noqa: ARG002  # scikit-learn's signature
        """Learn nothing."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True


class HandcraftedFeatures(_Fitted):
    """HOG, LBP, or both side by side, of gray images.

    HOG: histograms of oriented gradients (Dalal and Triggs 2005), 9 orientations, blocks of 2 x 2 cells of ``cell`` pixels,
    norm "L2-Hys". LBP: how often each uniform local binary pattern of 8 neighbors occurs in each square of ``region`` pixels
    (Ojala et al. 2002; Ahonen et al. 2006).
    """

    def __init__(self, kind: str = "hog", cell: int = 8, region: int = 12) -> None:
        self.kind, self.cell, self.region = kind, cell, region

    def transform(self, images: Floats) -> Floats:
        """Float32 (N, 1, S, S), 0 to 255 -> float32 (N, D)."""
        found = []
        for image in images[:, 0]:
            parts = [hog(image, 9, (self.cell, self.cell), (2, 2))] if "hog" in self.kind else []
            parts += [_lbp(np.rint(image).astype(np.uint8), self.region)] if "lbp" in self.kind else []
            found.append(np.concatenate(parts).astype(np.float32))
        return np.stack(found)


class Embedding(_Fitted):
    """Features that a trained network passes to its classifiers; ``network``: a uint8 array from ``trunk_of``."""

    def __init__(self, network: npt.NDArray[np.uint8]) -> None:
        self.network = network

    def transform(self, images: Floats) -> Floats:
        """Float32 (N, C, S, S), normalized with the values of the network's card -> float32 (N, D)."""
        if not hasattr(self, "_session"):
            self._session = open_session(self.network.tobytes(), 0, "the feature network")
        (found,) = self._session.run(None, {"images": np.ascontiguousarray(images, np.float32)})
        return np.asarray(found.reshape(len(images), -1), np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_session"}


def compute_features(
    transformer: HandcraftedFeatures | Embedding, images: Floats, progress: Progress = no_progress
) -> Floats:
    """The features of many images, batch by batch: float32 (N, C, S, S) -> float32 (N, D), N > 0."""
    parts = []
    for start in range(0, len(images), _BATCH):
        parts.append(transformer.transform(images[start : start + _BATCH]))
        progress(min(start + _BATCH, len(images)), len(images), "features")
    return np.concatenate(parts)


def trunk_of(weights: bytes, card: ModelCard) -> npt.NDArray[np.uint8]:
    """The network in an ONNX file without its classifiers: what the last linear layer before the first head reads.

    Returns:
        uint8, an ONNX file: ``images``, prepared as the card says -> features.

    Raises:
        ModelError: there is no such layer.
    """
    model = onnx.load_model_from_string(weights)
    makers = {output: node for node in model.graph.node for output in node.output}
    head = next(iter(card.heads))
    ahead, features = [head], ""
    while ahead and not features:
        node = makers.get(ahead.pop(0))  # None for an input or a constant
        if node is not None and node.op_type in _LINEAR:
            features = str(node.input[0])
        ahead.extend(node.input if node else ())
    if not features:
        hint = "Use another base, such as the default model, or the features 'hog' or 'lbp'."
        expected = "expected one whose input can serve as features"
        raise ModelError(f"{card.name}: got no linear layer before the output {head!r}, {expected}", hint=hint)
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, None))
    trunk = onnx.utils.Extractor(model).extract_model(["images"], [features])
    return np.frombuffer(trunk.SerializeToString(), np.uint8)


def _lbp(image: npt.NDArray[np.uint8], region: int) -> npt.NDArray[np.float64]:
    """The share of each pattern in each square, one square after the other."""
    codes = np.asarray(local_binary_pattern(image, 8, 1, "nri_uniform"), np.int64)  # type: ignore[no-untyped-call]
    side = len(image) // region
    squares = codes[: side * region, : side * region].reshape(side, region, side, region).transpose(0, 2, 1, 3)
    counts = [np.bincount(square.ravel(), minlength=_PATTERNS) for square in squares.reshape(side * side, -1)]
    return np.concatenate(counts) / region**2
