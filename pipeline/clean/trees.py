"""Boosted trees as plain arrays: flattened from scikit-learn's model, checked, and run by its compiled kernel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.clean.kernel import load_predictor

Array = np.ndarray

#: The columns of a node. `left` and `right` count from the first node of the tree; a leaf has left = 0.
NODE_COLUMNS = ("value", "feature", "threshold", "left", "right")


class Trees:
    """A gradient-boosted classifier of two classes.

    Parameters
    ----------
    nodes : mapping of str to array of shape (n_nodes,)
        `NODE_COLUMNS`, all trees one after the other, the root of each first.
    starts : array of shape (n_trees,)
        Where each tree begins.
    baseline : float
        The logit before the first tree.
    n_features : int
    shrinkage : float
        What scikit-learn multiplied the leaves by as it learnt (the learning rate); it leaves inner values as they are.

    Raises
    ------
    ValueError
        If a child or a feature points outside its tree or table, or a child does not come after its parent.
    """

    def __init__(
        self, nodes: Mapping[str, Array], starts: Array, baseline: float, n_features: int, shrinkage: float = 1.0
    ) -> None:
        self.nodes, self.starts, self.baseline, self.n_features = nodes, starts, float(baseline), n_features
        self.shrinkage = shrinkage
        self._check()
        self._predictors = self._build()

    def logits(self, table: Array) -> Array:
        """Logit of each row, shape (n_rows,); `table` has shape (n_rows, n_features)."""
        table = np.ascontiguousarray(table, dtype=np.float64)
        no_categories = np.zeros((0, 8), dtype=np.uint32)
        no_map = np.zeros(0, dtype=np.uint32)
        total = np.full(len(table), self.baseline)
        for predictor in self._predictors:
            total += predictor.predict(table, no_categories, no_map, 1)
        return total

    def node_values(self) -> Array:
        """What a tree says at each node if it ends there, in the scale of the leaves, shape (n_nodes,)."""
        inner = self.nodes["left"] != 0
        return np.where(inner, self.nodes["value"] * self.shrinkage, self.nodes["value"])

    def _check(self) -> None:
        size = len(self.nodes["value"])
        ends = np.append(self.starts[1:], size)
        if len(self.starts) == 0 or self.starts[0] != 0 or (ends <= self.starts).any():
            raise ValueError("the trees do not follow one another")
        tree_size = np.repeat(ends - self.starts, ends - self.starts)
        here = np.arange(size) - np.repeat(self.starts, ends - self.starts)
        inner = self.nodes["left"] != 0
        for side in ("left", "right"):
            child = self.nodes[side][inner]
            if (child <= here[inner]).any() or (child >= tree_size[inner]).any():
                raise ValueError(f"a {side} child points outside its tree")
        if ((self.nodes["feature"] < 0) | (self.nodes["feature"] >= self.n_features)).any():
            raise ValueError("a node asks for a feature that does not exist")

    def _build(self) -> list:
        # scikit-learn's kernel visits nodes in C; its module is private, so `tests/test_trees.py` holds it to
        # what a plain walk over the same arrays gives.
        kernel = load_predictor()
        no_bits = np.zeros((0, 8), dtype=np.uint32)
        built = []
        for start, end in zip(self.starts, np.append(self.starts[1:], len(self.nodes["value"])), strict=True):
            records = np.zeros(end - start, dtype=kernel.PREDICTOR_RECORD_DTYPE)
            records["value"] = self.nodes["value"][start:end]
            records["feature_idx"] = self.nodes["feature"][start:end]
            records["num_threshold"] = self.nodes["threshold"][start:end]
            records["left"] = self.nodes["left"][start:end]
            records["right"] = self.nodes["right"][start:end]
            records["is_leaf"] = self.nodes["left"][start:end] == 0
            built.append(kernel.TreePredictor(records, no_bits, no_bits))
        return built


def flatten(model) -> tuple[dict[str, Array], Array, float]:
    """Nodes, starts and baseline of a fitted binary `HistGradientBoostingClassifier` without categories."""
    parts = [tree.nodes for (tree,) in model._predictors]
    records = np.concatenate(parts)
    leaf = records["is_leaf"].astype(bool)
    nodes: dict[str, Array] = {
        "value": records["value"].astype(np.float64),
        "feature": np.where(leaf, 0, records["feature_idx"]).astype(np.int16),
        "threshold": np.where(leaf, 0.0, records["num_threshold"]).astype(np.float64),
        "left": np.where(leaf, 0, records["left"]).astype(np.int16),
        "right": np.where(leaf, 0, records["right"]).astype(np.int16),
    }
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])]).astype(np.int32)
    return nodes, starts, float(np.ravel(model._baseline_prediction)[0])
