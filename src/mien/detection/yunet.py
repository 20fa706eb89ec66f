"""YuNet (Wu, Peng and Yu 2023) through OpenCV, with a weights file that the user brings."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import ModelError
from ..types import Face, Frame
from .base import THRESHOLDS, as_faces, suppress

#: YuNet's boxes are about as tight as CenterFace's.
MARGIN = 1.15
_MOST_OVERLAP = 0.3
#: YuNet was made for faces of 10 to 300 pixels: larger images are scaled to this long side.
_LONG_SIDE = 1280


class YuNet:
    """Finds faces with OpenCV's ``FaceDetectorYN``.

    Args:
        file: path of the ONNX weights.
        threshold: faces scored lower are dropped, 0 to 1.

    Raises:
        ModelError: OpenCV cannot read the file.
    """

    def __init__(self, file: str | Path, threshold: float = THRESHOLDS["yunet"]) -> None:
        if not Path(file).is_file():
            raise ModelError(f"no YuNet weights at {file}", hint="Give the path of YuNet's .onnx file.")
        try:
            self._net = cv2.FaceDetectorYN.create(str(file), "", (320, 320), threshold, _MOST_OVERLAP)
        except cv2.error as error:
            raise ModelError(f"{file} is not a network that OpenCV can read: {error}") from error

    def detect(self, frame: Frame) -> list[Face]:
        """The faces in ``frame``, most certain first.

        Raises:
            ModelError: the file is some other network than YuNet.
        """
        scale = min(1.0, _LONG_SIDE / max(frame.width, frame.height))
        size = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
        image = cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)
        if scale < 1:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        try:
            _, found = self._net.detect(image)
        except cv2.error as error:
            raise ModelError(f"the detector file is not YuNet: {error}") from error
        if found is None:  # OpenCV's stubs forget that there may be no face
            return []  # type: ignore[unreachable]
        table = np.asarray(found, np.float32)
        back = np.array([frame.width / size[0], frame.height / size[1]], np.float32)
        corners, sides = table[:, :2] * back, table[:, 2:4] * back
        boxes, scores = np.concatenate([corners, corners + sides], 1), table[:, 14]
        landmarks = table[:, 4:14].reshape(-1, 5, 2) * back  # "right eye" first: the left one as seen in the image
        best = suppress(boxes, scores, _MOST_OVERLAP)
        return as_faces(boxes[best], scores[best], landmarks[best], MARGIN)
