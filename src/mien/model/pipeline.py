"""Open a scikit-learn pipeline saved with skops, with the interface of an onnxruntime session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import extras
from ..errors import ModelError

#: The only output of a pipeline.
PIPELINE_HEAD = "labels"
#: No class counts as less likely: the logarithm of a share of trees that is zero is of no use.
_MIN_PROBABILITY = 1e-5
#: The types that ``mien lab baseline`` saves, beyond those that skops trusts anyway: nothing else is loaded.
_TRUSTED = (
    "mien.lab.features.Embedding",
    "mien.lab.features.HandcraftedFeatures",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",  # follows its indices unchecked, so that they are checked here
)


@dataclass(frozen=True)
class Output:
    """An output of a session."""

    name: str


class PipelineSession:
    """A pipeline from prepared images to probabilities.

    Args:
        pipeline: a fitted scikit-learn pipeline.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def get_outputs(self) -> list[Output]:
        """The one output."""
        return [Output(PIPELINE_HEAD)]

    def run(
        self,
        names: list[str] | None,  # noqa: ARG002  # there is but one output
        feeds: dict[str, npt.NDArray[np.float32]],
    ) -> list[npt.NDArray[np.float32]]:
        """``images``, float32 (N, C, S, S) -> log-probabilities, float32 (N, K)."""
        found = self._pipeline.predict_proba(feeds["images"])
        return [np.log(np.maximum(found, _MIN_PROBABILITY)).astype(np.float32)]


def is_pipeline(weights: bytes) -> bool:
    """Whether this is a skops file, which is a ZIP archive."""
    return weights.startswith(b"PK\x03\x04")


def open_pipeline(weights: bytes, name: str) -> PipelineSession:
    """Open a file of ``mien lab baseline``.

    Args:
        weights: its content.
        name: what to call it in an error.

    Raises:
        MissingExtraError: skops, scikit-learn or scikit-image is not installed.
        ModelError: it is no such file, or holds types that baselines do not use.
    """
    for package in ("sklearn", "skimage"):
        extras.require(package, "lab")
    skops = extras.require("skops.io", "lab")
    try:
        pipeline = skops.loads(weights, trusted=list(_TRUSTED))
        _check_trees(pipeline[-1])
        return PipelineSession(pipeline)
    except Exception as error:  # skops and numpy raise anything for a damaged file
        raise ModelError(
            f"{name} cannot be opened as a scikit-learn pipeline: {error}",
            hint="Fit it again with 'mien lab baseline', with the installed version of scikit-learn.",
        ) from error


def _check_trees(classifier: Any) -> None:
    """See that no tree points outside of its nodes or features, or back to itself: scikit-learn does not look.

    Raises:
        ValueError: one does.
    """
    features = classifier.n_features_in_
    for forest_tree in getattr(classifier, "estimators_", ()):
        tree = forest_tree.tree_
        _check_tree(tree.children_left, tree.children_right, tree.feature, tree.children_left < 0, features)
    for trees in getattr(classifier, "_predictors", ()):
        for nodes in (tree.nodes for tree in trees):
            leaf = nodes["is_leaf"].astype(bool)
            _check_tree(nodes["left"], nodes["right"], nodes["feature_idx"], leaf, features)


def _check_tree(
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    feature: npt.NDArray[Any],
    leaf: npt.NDArray[np.bool_],
    features: int,
) -> None:
    inner = np.flatnonzero(~leaf)
    for children in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        if (children <= inner).any() or (children >= len(leaf)).any():
            raise ValueError("a tree refers to nodes that it does not have")
    if (feature[inner] < 0).any() or (feature[inner] >= features).any():
        raise ValueError("a tree refers to features that do not exist")
