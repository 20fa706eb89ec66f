"""The lab: train, tune, evaluate, compare and export models. Needs the extra ``lab``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .baselines import baseline, baseline_settings
    from .calibration import measure_calibration
    from .cards.dataset_card import dataset_card
    from .cards.model_card import model_card
    from .comparison import compare
    from .detector.evaluate import evaluate_detectors
    from .detector.export import export_detector
    from .detector.train import train_detector
    from .distillation import distill
    from .ensembles import average, ensemble
    from .evaluation.evaluate import evaluate
    from .exporting import export
    from .finetuning import finetune
    from .inspection.inspection import inspect
    from .robustness_test.run import robustness
    from .training.run import train
    from .tuning.study import tune

#: The module of each function, imported on first use (PEP 562): most need torch or scikit-learn.
_MODULES = {
    "average": "ensembles",
    "baseline": "baselines",
    "baseline_settings": "baselines",
    "compare": "comparison",
    "dataset_card": "cards.dataset_card",
    "distill": "distillation",
    "ensemble": "ensembles",
    "evaluate": "evaluation.evaluate",
    "evaluate_detectors": "detector.evaluate",
    "export": "exporting",
    "export_detector": "detector.export",
    "finetune": "finetuning",
    "inspect": "inspection.inspection",
    "measure_calibration": "calibration",
    "model_card": "cards.model_card",
    "robustness": "robustness_test.run",
    "train": "training.run",
    "train_detector": "detector.train",
    "tune": "tuning.study",
}

__all__ = [
    "average",
    "baseline",
    "baseline_settings",
    "compare",
    "dataset_card",
    "distill",
    "ensemble",
    "evaluate",
    "evaluate_detectors",
    "export",
    "export_detector",
    "finetune",
    "inspect",
    "measure_calibration",
    "model_card",
    "robustness",
    "train",
    "train_detector",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
