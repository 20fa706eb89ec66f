"""The package ``deepface``, as its users call it; options: ``engine``, what runs its network: ``onnx`` or ``tensorflow``.

It fetches its weights when it is first used. Where they are not there yet, none are fetched: its own network gets random
weights, which cost the same time.
"""

from __future__ import annotations

import importlib
import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FILES = {"onnx": "facial_expression_model_weights.onnx", "tensorflow": "facial_expression_model_weights.h5"}


class _DeepFace:
    def __init__(self, engine: str, threads: int) -> None:
        os.environ["DEEPFACE_BACKEND_ENGINE"] = engine
        home = Path(os.environ.get("DEEPFACE_HOME") or Path.home())
        self.random_weights = not (home / ".deepface" / "weights" / _FILES[engine]).is_file()
        self._cv2 = cv2 = importlib.import_module("cv2")
        self._package = importlib.import_module("deepface.DeepFace")
        cv2.setNumThreads(threads or -1)
        (_onnx if engine == "onnx" else _tensorflow)(self.random_weights, threads)
        self._client = importlib.import_module("deepface.modules.modeling").build_model(
            task="facial_attribute", model_name="Emotion"
        )

    def read_photos(self, paths: list[str]) -> list[int]:
        found = (
            self._package.analyze(
                path, actions=["emotion"], detector_backend="opencv", enforce_detection=False, silent=True
            )
            for path in paths
        )
        # Where it finds no face, it takes the whole image for one and gives it no confidence.
        return [sum(face["face_confidence"] > 0 for face in faces) for faces in found]

    def faces(self, path: str, count: int) -> Callable[[], object]:
        cv2 = self._cv2
        face = cv2.imread(path)

        def judged() -> object:
            faces = [cv2.resize(face, (224, 224)) for _ in range(count)]
            return self._client.predict(faces[0] if count == 1 else faces)

        return judged


def _onnx(random_weights: bool, threads: int) -> None:
    onnxruntime: Any = importlib.import_module("onnxruntime")

    graphs = runpy.run_path(str(Path(__file__).parents[1] / "random_networks.py"))
    sessions = onnxruntime.InferenceSession = graphs["sessions_of"](threads)
    if random_weights:
        graph = graphs["deepface_emotion"]()
        emotion: Any = importlib.import_module("deepface.models.demography.onnx.Emotion")
        emotion.build_session = lambda **_: sessions(graph, providers=["CPUExecutionProvider"])


def _tensorflow(random_weights: bool, _threads: int) -> None:
    if random_weights:
        weight_utils: Any = importlib.import_module("deepface.commons.weight_utils")
        weight_utils.download_weights_if_necessary = lambda **_: ""
        weight_utils.load_model_weights = lambda model, **_: model


def open_reader(options: dict[str, Any], threads: int) -> _DeepFace:
    """See ``measure.py``."""
    return _DeepFace(options["engine"], threads)
