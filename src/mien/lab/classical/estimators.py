"""The scikit-learn models on offer, set up and fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...emotions import label_set
from ...errors import DataError
from .settings import Classical


def fitted(settings: Classical, features: npt.NDArray[np.float32], answers: npt.NDArray[np.int64]) -> Any:
    """The model that ``settings`` ask for, fitted.

    Args:
        settings: which, and how.
        features: float32 (N, D).
        answers: int64 (N,), the right class of each.

    Returns:
        A scikit-learn estimator whose classes are 0 to K - 1.

    Raises:
        DataError: a class has no image.
    """
    classes = label_set(settings.emotions)
    missing = [name for number, name in enumerate(classes) if not (answers == number).any()]
    if missing:
        raise DataError(
            f"got no training images of {', '.join(missing)}, expected some of each of {', '.join(classes)}",
            hint="Choose a smaller label set with --emotions, or bring more images.",
        )
    return _estimator(settings).fit(features, answers)


def _estimator(settings: Classical) -> Any:
    weight = "balanced" if settings.class_weights == "balanced" else None
    if settings.model == "forest":
        forest = settings.forest
        return RandomForestClassifier(
            forest.trees,
            min_samples_leaf=forest.least,
            class_weight=weight,
            n_jobs=-1,
            random_state=settings.seed,
        )
    if settings.model == "boosting":
        boosting = settings.boosting
        return HistGradientBoostingClassifier(
            max_iter=boosting.rounds,
            learning_rate=boosting.rate,
            max_leaf_nodes=boosting.leaves,
            min_samples_leaf=boosting.least,
            l2_regularization=boosting.l2,
            max_features=boosting.columns,
            class_weight=weight,
            early_stopping=False,  # it would set images aside by chance, copies of them left behind
            random_state=settings.seed,
        )
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=settings.logistic.c, class_weight=weight, max_iter=1000)
    )
