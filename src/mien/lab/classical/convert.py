"""From a fitted scikit-learn model to a piece of an ONNX graph that gives log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from .graph import Piece
from .trees import Tree, trees_node

#: No class is thought less likely than this: the logarithm of a share of trees that is zero has no use.
LEAST_PROBABILITY = 1e-5


def piece_of(estimator: Any, features: str, output: str) -> tuple[Piece, int]:
    """The estimator as nodes.

    Args:
        estimator: from ``mien.lab.classical.estimators``, fitted.
        features: name of what it reads, float32 (N, D).
        output: name of its log-probabilities, float32 (N, K).

    Returns:
        The nodes, and the number of trees' nodes or of weights in them.
    """
    if isinstance(estimator, RandomForestClassifier):
        return _forest(estimator, features, output)
    if isinstance(estimator, HistGradientBoostingClassifier):
        return _boosting(estimator, features, output)
    return _logistic(estimator, features, output)


def _forest(forest: RandomForestClassifier, features: str, output: str) -> tuple[Piece, int]:
    def trees() -> Iterator[Tree]:
        for member in forest.estimators_:
            tree = member.tree_
            values = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True) / len(forest.estimators_)
            classes = np.arange(values.shape[1])
            yield Tree(tree.children_left, tree.children_right, tree.feature, tree.threshold, values, classes)

    node, size = trees_node(trees(), features, "classical_shares", len(forest.classes_))
    nodes = (
        node,
        helper.make_node("Max", ["classical_shares", "classical_least"], ["classical_likely"]),
        helper.make_node("Log", ["classical_likely"], ["classical_logs"]),
        helper.make_node("LogSoftmax", ["classical_logs"], [output], axis=-1),
    )
    return Piece(nodes, {"classical_least": np.array(LEAST_PROBABILITY, np.float32)}, output), size


def _boosting(boosting: HistGradientBoostingClassifier, features: str, output: str) -> tuple[Piece, int]:
    classes = len(boosting.classes_)
    # Of two classes only the second has trees; the first one's logit is 0.
    targets = np.array([1]) if classes == 2 else np.arange(classes)

    def trees() -> Iterator[Tree]:
        for predictors in boosting._predictors:
            for target, predictor in zip(targets, predictors):
                nodes = predictor.nodes
                leaf = nodes["is_leaf"].astype(bool)
                yield Tree(
                    np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    nodes["feature_idx"].astype(np.int64),
                    nodes["num_threshold"].astype(np.float64),
                    nodes["value"].astype(np.float64)[:, None],
                    np.array([target]),
                )

    base = np.zeros((1, classes), np.float32)
    base[0, targets] = np.ravel(boosting._baseline_prediction)
    node, size = trees_node(trees(), features, "classical_gains", classes)
    nodes = (
        node,
        helper.make_node("Add", ["classical_gains", "classical_base"], ["classical_scores"]),
        helper.make_node("LogSoftmax", ["classical_scores"], [output], axis=-1),
    )
    return Piece(nodes, {"classical_base": base}, output), size


def _logistic(pipeline: Any, features: str, output: str) -> tuple[Piece, int]:
    scaler, regression = pipeline[0], pipeline[-1]
    weights, bias = regression.coef_, regression.intercept_
    if len(weights) == 1:  # of two classes only the second has weights
        weights, bias = np.vstack([0 * weights, weights]), np.append(0, bias)
    kernel: npt.NDArray[np.float64] = weights / scaler.scale_
    tensors = {
        "classical_mean": scaler.mean_.astype(np.float32)[None],
        "classical_weights": kernel.T.astype(np.float32),
        "classical_bias": bias.astype(np.float32),
    }
    nodes = (
        helper.make_node("Sub", [features, "classical_mean"], ["classical_centerd"]),
        helper.make_node("Gemm", ["classical_centerd", "classical_weights", "classical_bias"], ["classical_scores"]),
        helper.make_node("LogSoftmax", ["classical_scores"], [output], axis=-1),
    )
    return Piece(nodes, tensors, output), kernel.size + bias.size
