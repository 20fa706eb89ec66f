"""The network of FER+'s authors (VGG13, Barsoum et al. 2016), which model zoos offer as ``emotion-ferplus``.

Random weights: they cost the same time as the real ones, which would have to be fetched. It needs nothing but what mien
needs, so it can be measured everywhere. It classifies faces and does not detect them.
"""

from __future__ import annotations

import importlib
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any


class _FerPlus:
    random_weights = True

    def __init__(self, threads: int) -> None:
        graphs = runpy.run_path(str(Path(__file__).parents[1] / "random_networks.py"))
        self._session = graphs["sessions_of"](threads)(graphs["vgg13"](), providers=["CPUExecutionProvider"])

    def faces(self, path: str, count: int) -> Callable[[], object]:
        cv2, np = importlib.import_module("cv2"), importlib.import_module("numpy")

        photo = cv2.imread(path)

        def judged() -> object:
            grays = [cv2.resize(cv2.cvtColor(photo, cv2.COLOR_BGR2GRAY), (64, 64)) for _ in range(count)]
            (scores,) = self._session.run(None, {"input": np.stack(grays)[:, None].astype(np.float32)})
            powers = np.exp(scores - scores.max(1, keepdims=True))
            return powers / powers.sum(1, keepdims=True)

        return judged


def open_reader(_options: dict[str, Any], threads: int) -> _FerPlus:
    """See ``measure.py``."""
    return _FerPlus(threads)
