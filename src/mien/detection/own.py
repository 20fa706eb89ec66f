"""mien's own face detector in onnxruntime: raw outputs to boxes, scores and landmarks, in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import ModelError
from ..model.session import onnxruntime, open_onnx
from ..types import Face, Frame
from .base import as_faces, suppress

Floats = npt.NDArray[np.float32]

#: Pixels between two places of each feature map.
STRIDES = (8, 16, 32)
#: Images are padded to multiples of this.
MULTIPLE = STRIDES[-1]
#: Offsets and sizes are in units of so many strides.
UNIT = 4.0
#: Boxes that overlap more are the same face.
MAX_OVERLAP = 0.4
#: Faces scored lower are dropped.
THRESHOLD = 0.5
#: Side of the square crop as a multiple of the box, as for CenterFace, whose boxes the training data has.
MARGIN = 1.15


@dataclass(frozen=True, eq=False)
class Detections:
    """Faces as arrays, best first: ``boxes`` float32 (N, 4), ``scores`` (N,), ``landmarks`` (N, 5, 2), in pixels."""

    boxes: Floats
    scores: Floats
    landmarks: Floats


def places(height: int, width: int) -> tuple[Floats, Floats]:
    """Where the network looks.

    Args:
        height: of its input, a multiple of 32.
        width: of its input, a multiple of 32.

    Returns:
        Centers, float32 (A, 2), x and y in pixels, and strides, float32 (A,), in the order of its outputs.
    """
    centers, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride].astype(np.float32)
        centers.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(x.size, stride, np.float32))
    return np.concatenate(centers), np.concatenate(strides)


def decode(outputs: Floats, height: int, width: int, threshold: float) -> Detections:
    """Raw outputs of one image to faces; overlapping boxes are not yet removed.

    Args:
        outputs: float32 (A, 15) of an input of ``height`` by ``width`` pixels.
        height: of the input.
        width: of the input.
        threshold: lowest score, above 0 and below 1.
    """
    keep = np.flatnonzero(outputs[:, 0] > np.log(threshold / (1 - threshold)))
    keep = keep[np.argsort(-outputs[keep, 0], kind="stable")]
    centers, strides = places(height, width)
    centers, unit, raw = centers[keep], strides[keep, None] * UNIT, outputs[keep]
    middle = centers + raw[:, 1:3] * unit
    half = np.exp(np.minimum(raw[:, 3:5], 8.0)) * unit / 2
    landmarks = centers[:, None] + raw[:, 5:].reshape(-1, 5, 2) * unit[:, None]
    scores = (1 / (1 + np.exp(-raw[:, 0]))).astype(np.float32)
    return Detections(np.concatenate([middle - half, middle + half], 1), scores, landmarks)


def non_maximum(found: Detections, max_overlap: float = MAX_OVERLAP) -> Detections:
    """Keep the best box of each face."""
    best = suppress(found.boxes, found.scores, max_overlap)
    return Detections(found.boxes[best], found.scores[best], found.landmarks[best])


def to_input(image: npt.NDArray[np.uint8]) -> Floats:
    """RGB uint8 (H, W, 3) to float32 (1, 3, H', W'), 0 to 255, padded with black to multiples of 32."""
    height, width = image.shape[:2]
    padded = np.zeros((1, 3, -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE), np.float32)
    padded[0, :, :height, :width] = image.transpose(2, 0, 1)
    return padded


class OwnDetector:
    """Finds faces with mien's own network in one pass.

    Args:
        weights: the ONNX file.
        long_side: images are scaled to it, in pixels; None leaves them as they are.
        threshold: faces scored lower are dropped, 0 to 1.
        threads: processor threads; 0 takes all.
    """

    def __init__(
        self, weights: Path, long_side: int | None = 640, threshold: float = THRESHOLD, threads: int = 0
    ) -> None:
        self._weights, self._long_side, self._threshold, self._threads = weights, long_side, threshold, threads

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in ``frame``, best first.

        Raises:
            ModelError: the weights are missing or damaged.
        """
        found = self.find(frame.image)
        return as_faces(found.boxes, found.scores, found.landmarks, MARGIN)

    def find(self, image: npt.NDArray[np.uint8]) -> Detections:
        """The faces in RGB uint8 (H, W, 3), in pixels of ``image``."""
        height, width = image.shape[:2]
        scale = 1.0 if self._long_side is None else self._long_side / max(height, width)
        if scale != 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        blob = to_input(image)
        (outputs,) = self._session.run(None, {"images": blob})
        found = non_maximum(decode(np.asarray(outputs)[0], blob.shape[2], blob.shape[3], self._threshold))
        back = np.array([width / image.shape[1], height / image.shape[0]], np.float32)
        return Detections(found.boxes * np.tile(back, 2), found.scores, found.landmarks * back)

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        try:
            content = self._weights.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read {self._weights}: {error.strerror or error}") from error
        return open_onnx(content, self._threads, self._weights.name)
