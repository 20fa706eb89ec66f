"""mien's own face network in onnxruntime: raw outputs to boxes, scores and landmarks, in numpy.

Anchor-free, in the manner of YuNet (Wu, Peng and Yu 2023) and YOLOX (Ge et al. 2021, arXiv 2107.08430); ``lab/detector``
trains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from ..model.session import onnxruntime, open_onnx
from .base import suppress
from .pyramid import Detections, Floats, to_blob

#: Pixels between two anchor points of each feature map.
STRIDES = (8, 16, 32)
#: Unit of offsets and sizes, in strides.
UNIT = 4.0
#: Boxes that overlap more are the same face.
MAX_OVERLAP = 0.4
#: Side of the square crop as a multiple of the box, as for CenterFace, whose boxes the training data has.
MARGIN = 1.15


@dataclass(frozen=True)
class AnchorFreeNetwork:
    """Finds faces with mien's own network.

    Attributes:
        threshold: faces scored lower are dropped, 0 to 1.
        threads: processor threads; 0 takes all.
        weights: path of another ONNX file with the same outputs; None takes the one in the package.
        device: as in ``ReadOptions``.
    """

    threshold: float
    threads: int = 0
    weights: Path | None = None
    device: str = "cpu"

    def find(self, image: npt.NDArray[np.uint8]) -> Detections:
        """Find faces in RGB uint8 (H, W, 3), best first, in pixels of ``image``.

        Raises:
            ModelError: the weights are missing or damaged.
        """
        blob = to_blob(image, STRIDES[-1])
        height, width = blob.shape[2:]
        outputs = np.asarray(self._session.run(None, {"images": blob})[0])
        found = decode(outputs[0], height, width, self.threshold)
        best = suppress(found.boxes, found.scores, MAX_OVERLAP)
        return Detections(found.boxes[best], found.scores[best], found.landmarks[best])

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        file = self.weights or resources.files(__package__ or "").joinpath("weights", "detector.onnx")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read {file}: {error.strerror or error}", hint="Install mien again.") from error
        return open_onnx(content, self.threads, file.name, self.device)


@lru_cache(maxsize=8)
def anchor_points(height: int, width: int) -> tuple[Floats, Floats]:
    """The points of an input of ``height`` by ``width`` pixels, multiples of 32, at which the network predicts.

    Returns:
        Points, float32 (A, 2), x and y in pixels, and strides, float32 (A,), in the order of the outputs.
    """
    points, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        points.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(x.size, stride, np.float32))
    return np.concatenate(points), np.concatenate(strides)


def decode(outputs: Floats, height: int, width: int, threshold: float) -> Detections:
    """Turn raw outputs of one image into faces, best first; overlapping boxes remain.

    Args:
        outputs: float32 (A, 15) of an input of ``height`` by ``width`` pixels: a logit, x, y, log width, log height, and
            five landmarks (x, y), relative to the anchor point.
        height: of the input.
        width: of the input.
        threshold: lowest score, above 0 and below 1.
    """
    keep = np.flatnonzero(outputs[:, 0] > np.log(threshold / (1 - threshold)))
    keep = keep[np.argsort(-outputs[keep, 0], kind="stable")]
    points, strides = anchor_points(height, width)
    points, unit, raw = points[keep], strides[keep, None] * UNIT, outputs[keep]
    center = points + raw[:, 1:3] * unit
    half = np.exp(np.minimum(raw[:, 3:5], 8.0)) * unit / 2
    landmarks = points[:, None] + raw[:, 5:].reshape(-1, 5, 2) * unit[:, None]
    scores = (1 / (1 + np.exp(-raw[:, 0]))).astype(np.float32)
    return Detections(np.concatenate([center - half, center + half], 1), scores, landmarks)
