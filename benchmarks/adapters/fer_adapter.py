"""The package ``fer``, as its users call it; options: ``mtcnn`` for that detector in place of Haar cascades."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")


class _Fer:
    def __init__(self, mtcnn: bool, threads: int) -> None:
        cv2 = importlib.import_module("cv2")
        fer = importlib.import_module("fer.fer")  # "from fer import FER", as its README has it, fails

        cv2.setNumThreads(threads or -1)
        self._load = cv2.imread
        self._fer = fer.FER(mtcnn=mtcnn)

    def read_photos(self, paths: list[str]) -> list[int]:
        return [len(self._fer.detect_emotions(self._load(path))) for path in paths]

    def faces(self, path: str, count: int) -> Callable[[], object]:
        image = self._load(path)
        height, width = image.shape[:2]
        boxes = list(self._fer.find_faces(image)) or [(0, 0, width, height)]
        chosen = [tuple(int(value) for value in boxes[0])] * count
        return lambda: self._fer.detect_emotions(image, chosen)


def open_reader(options: dict[str, Any], threads: int) -> _Fer:
    """See ``measure.py``."""
    return _Fer(bool(options.get("mtcnn")), threads)
