"""Boosted trees as arrays: the same answers as scikit-learn's model and as a plain walk; bad arrays are refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.clean.trees import Trees, flatten


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(600, 5)).astype(np.float32)
    labels = (table[:, 0] * table[:, 1] + 0.3 * table[:, 2] > 0).astype(int)
    return HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=9).fit(table, labels), table


def run_time(nodes, starts, baseline, n_features=5):
    nodes = {k: v.astype(np.float64 if k in ("value", "threshold") else np.int64) for k, v in nodes.items()}
    return Trees(nodes, starts.astype(np.int64), baseline, n_features)


def walk(nodes, starts, baseline, row):
    """The definition: go left where the feature is at most the threshold, and add up the leaves."""
    total = baseline
    for start in starts:
        at = start
        while nodes["left"][at]:
            left = row[nodes["feature"][at]] <= nodes["threshold"][at]
            at = start + (nodes["left"] if left else nodes["right"])[at]
        total += nodes["value"][at]
    return total


def test_logits_equal_those_of_scikit_learn(fitted):
    model, table = fitted
    logits = run_time(*flatten(model)).logits(table)
    assert np.abs(logits - model.decision_function(table)).max() < 1e-9


def test_logits_equal_a_plain_walk(fitted):
    model, table = fitted
    nodes, starts, baseline = flatten(model)
    logits = run_time(nodes, starts, baseline).logits(table[:50])
    assert logits == pytest.approx([walk(nodes, starts, baseline, row) for row in table[:50].astype(float)])


def test_a_row_does_not_depend_on_its_batch(fitted):
    model, table = fitted
    trees = run_time(*flatten(model))
    assert (np.concatenate([trees.logits(table[i : i + 7]) for i in range(0, 70, 7)]) == trees.logits(table[:70])).all()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("left", 9999, "left child points outside"),
        ("right", 0, "right child points outside"),
        ("left", -1, "left child points outside"),
        ("feature", 5, "feature that does not exist"),
        ("feature", -1, "feature that does not exist"),
    ],
)
def test_bad_nodes_are_refused(fitted, column, value, message):
    nodes, starts, baseline = flatten(fitted[0])
    nodes = {name: array.copy() for name, array in nodes.items()}
    nodes[column][0] = value
    with pytest.raises(ValueError, match=message):
        run_time(nodes, starts, baseline)


def test_trees_that_do_not_follow_one_another_are_refused(fitted):
    nodes, starts, baseline = flatten(fitted[0])
    with pytest.raises(ValueError, match="do not follow"):
        run_time(nodes, starts[::-1], baseline)


def test_the_kernel_comes_without_its_packages_and_leaves_them_whole():
    code = """
import sys
from pipeline.clean.kernel import load_predictor
kernel = load_predictor()
assert not {"sklearn", "scipy"} & set(sys.modules)
from sklearn.ensemble import HistGradientBoostingClassifier as Whole
model = Whole(max_iter=2).fit([[i] for i in range(40)], [i > 20 for i in range(40)])
assert type(model._predictors[0][0]) is kernel.TreePredictor
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
