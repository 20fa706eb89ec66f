"""Many decision trees as one ONNX node."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """A decision tree: at each node the left child goes on if the feature is at most the threshold.

    Attributes:
        left, right: int64 (M,), the children's numbers; -1 for a leaf. The root is number 0.
        feature: int64 (M,), which feature a node looks at; any number for a leaf.
        threshold: float64 (M,).
        values: float64 (M, T), what a leaf adds to ``targets``.
        targets: int64 (T,), which outputs ``values`` are for.
    """

    left: _Ints
    right: _Ints
    feature: _Ints
    threshold: _Floats
    values: _Floats
    targets: _Ints

    @property
    def leaf(self) -> npt.NDArray[np.bool_]:
        """Bool (M,): which nodes are leaves."""
        return self.left < 0


def trees_node(trees: Iterable[Tree], source: str, output: str, n_targets: int) -> tuple[onnx.NodeProto, int]:
    """The sum of all trees' answers as a ``TreeEnsembleRegressor``.

    Written here and not by skl2onnx, whose gradient boosting fails with current releases of onnx, and which spends a
    hundred bytes on every leaf that has seven classes.

    Args:
        trees: the trees.
        source: name of the features, float32 (N, D).
        output: name of the answers, float32 (N, n_targets).
        n_targets: how many answers.

    Returns:
        The node, and how many nodes the trees have together.
    """
    nodes: dict[str, list[npt.NDArray[np.generic]]] = {}
    for number, tree in enumerate(trees):
        leaf, count = tree.leaf, len(tree.left)
        rows, columns = np.nonzero(leaf[:, None] & (tree.values != 0))
        # A leaf without any value would not be known as one: it keeps a zero.
        silent = np.setdiff1d(np.flatnonzero(leaf), rows)
        rows, columns = np.append(rows, silent), np.append(columns, np.zeros_like(silent))
        columns_of = {
            "nodes_treeids": np.full(count, number),
            "nodes_nodeids": np.arange(count),
            "nodes_featureids": np.where(leaf, 0, tree.feature),
            "nodes_truenodeids": np.where(leaf, 0, tree.left),
            "nodes_falsenodeids": np.where(leaf, 0, tree.right),
            "nodes_values": np.where(leaf, 0, floor_float32(tree.threshold)).astype(np.float32),
            "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ"),
            "target_treeids": np.full(len(rows), number),
            "target_nodeids": rows,
            "target_ids": tree.targets[columns],
            "target_weights": tree.values[rows, columns].astype(np.float32),
        }
        for name, column in columns_of.items():
            nodes.setdefault(name, []).append(column)
    attributes = {name: np.concatenate(columns).tolist() for name, columns in nodes.items()}
    node = helper.make_node(
        "TreeEnsembleRegressor", [source], [output], domain="ai.onnx.ml", n_targets=n_targets, **attributes
    )
    return node, len(attributes["nodes_nodeids"])


def floor_float32(values: _Floats) -> npt.NDArray[np.float32]:
    """The largest float32 that is not above each value.

    A float32 feature is at most the value just when it is at most this number, so rounding a threshold this way changes no
    decision; rounding to the nearest would.
    """
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
