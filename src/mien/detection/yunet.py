"""YuNet (Wu, Peng and Yu 2023, https://doi.org/10.1007/s11633-023-1423-y), with a weights file that the user brings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import ModelError
from ..model.session import open_onnx
from ..types import Face, Frame
from .base import THRESHOLDS, as_faces, suppress

Floats = npt.NDArray[np.float32]

#: YuNet's boxes are about as tight as CenterFace's.
MARGIN = 1.15
_MAX_OVERLAP = 0.3
_STRIDES = (8, 16, 32)
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("cls", "obj", "bbox", "kps")]
#: YuNet was made for faces of 10 to 300 pixels: larger images are scaled to this long side.
_LONG_SIDE = 1280


class YuNet:
    """Finds faces with YuNet in onnxruntime. One object may serve several threads.

    Args:
        file: path of the ONNX weights, such as ``face_detection_yunet_2023mar.onnx`` of OpenCV's model zoo.
        threshold: faces scored lower are dropped, 0 to 1.
        threads: processor threads; 0 takes all.
        device: as in ``ReadOptions``.

    Raises:
        ModelError: the file is missing, damaged, or some other network than YuNet.
    """

    def __init__(
        self, file: str | Path, threshold: float = THRESHOLDS["yunet"], threads: int = 0, device: str = "cpu"
    ) -> None:
        file = Path(file)
        if not file.is_file():
            raise ModelError(f"no YuNet weights at {file}", hint="Give the path of YuNet's .onnx file.")
        self._session = open_onnx(file.read_bytes(), threads, file.name, device)
        self._threshold = threshold
        outputs = {value.name for value in self._session.get_outputs()}
        if not outputs.issuperset(_OUTPUTS):
            raise ModelError(
                f"{file.name} is not YuNet: it lacks the outputs {', '.join(sorted(set(_OUTPUTS) - outputs))}",
                hint="Use face_detection_yunet_2023mar.onnx of OpenCV's model zoo.",
            )
        self._input = self._session.get_inputs()[0]

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in ``frame``, most certain first."""
        height, width = (side if isinstance(side, int) else None for side in self._input.shape[2:])
        scale = min(1.0, _LONG_SIDE / max(frame.width, frame.height))
        if height and width:  # most files take images of one size only
            scale = min(width / frame.width, height / frame.height)
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        image = frame.image
        if size != (frame.width, frame.height):
            image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        blob = np.zeros((1, 3, height or -(-size[1] // 32) * 32, width or -(-size[0] // 32) * 32), np.float32)
        blob[0, :, : size[1], : size[0]] = image[..., ::-1].transpose(2, 0, 1)
        outputs = dict(zip(_OUTPUTS, self._session.run(_OUTPUTS, {self._input.name: blob}), strict=True))
        found = [_decode(outputs, stride, blob.shape[3] // stride, self._threshold) for stride in _STRIDES]
        boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*found, strict=True))
        back = np.array([frame.width / size[0], frame.height / size[1]], np.float32)
        best = suppress(boxes, scores, _MAX_OVERLAP)
        return as_faces(boxes[best] * np.tile(back, 2), scores[best], landmarks[best] * back, MARGIN)


def _decode(outputs: dict[str, Floats], stride: int, columns: int, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (N, 4), scores (N,) and landmarks (N, 5, 2) of one feature map, in pixels of the network's input."""
    classes, objects, offsets, points = (outputs[f"{kind}_{stride}"][0] for kind in ("cls", "obj", "bbox", "kps"))
    scores = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objects[:, 0], 0, 1))
    keep = np.flatnonzero(scores >= threshold)
    cells = np.stack([keep % columns, keep // columns], 1).astype(np.float32)
    centers = (cells + offsets[keep, :2]) * stride
    half = np.exp(offsets[keep, 2:]) * stride / 2
    landmarks = (points[keep].reshape(-1, 5, 2) + cells[:, None]) * stride  # "right eye" first: the left one as seen
    return np.concatenate([centers - half, centers + half], 1), scores[keep], landmarks
