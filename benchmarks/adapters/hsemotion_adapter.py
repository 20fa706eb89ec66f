"""The package ``hsemotion-onnx`` with the network that it takes by default; it classifies faces and does not detect them.

It fetches its weights when it is first used. Where they are not there yet, none are fetched: the same network
(EfficientNet-B0, 224 pixels, eight classes) gets random weights, which cost the same time.
"""

from __future__ import annotations

import importlib
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

_NAME = "enet_b0_8_best_vgaf"


class _HsEmotion:
    def __init__(self, threads: int) -> None:
        self._cv2 = importlib.import_module("cv2")
        package: Any = importlib.import_module("hsemotion_onnx.facial_emotions")

        graphs = runpy.run_path(str(Path(__file__).parents[1] / "random_networks.py"))
        weights = Path.home() / ".hsemotion" / f"{_NAME}.onnx"
        self.random_weights = not weights.is_file()
        source = graphs["efficientnet_b0"]() if self.random_weights else str(weights)
        package.get_model_path = lambda _name: source
        package.ort.InferenceSession = graphs["sessions_of"](threads)
        self._recognizer = package.HSEmotionRecognizer(_NAME)

    def faces(self, path: str, count: int) -> Callable[[], object]:
        face = self._cv2.cvtColor(self._cv2.imread(path), self._cv2.COLOR_BGR2RGB)
        if count == 1:
            return lambda: self._recognizer.predict_emotions(face, logits=False)
        return lambda: self._recognizer.predict_multi_emotions([face] * count, logits=False)


def open_reader(_options: dict[str, Any], threads: int) -> _HsEmotion:
    """See ``measure.py``."""
    return _HsEmotion(threads)
