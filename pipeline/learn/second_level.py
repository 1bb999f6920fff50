"""Level 2 of the tagger: small nets over a passage's surroundings, then calibration and thresholds."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from pipeline.tag.model import Nets
from pipeline.tag.score import standardize


class NetOptions(NamedTuple):
    """Options of level 2, as found on five folds by publisher."""

    units: int = 24
    alpha: float = 1.0
    learning_rate: float = 2e-3
    epochs: int = 12
    nets: int = 3  # their mean, one seed each
    seed: int = 0


#: Ranks over which the F1 curve is smoothed before its highest point is taken for the threshold.
SMOOTHED_RANKS = 25


def fit_nets(features: np.ndarray, tags: np.ndarray, options: NetOptions) -> tuple[Nets, list[MLPClassifier]]:
    """Fit the nets on out-of-fold features of level 1.

    Parameters
    ----------
    features, tags
        Arrays of shape (n_passages, n_features) and, bool, (n_passages, n_labels).

    Returns
    -------
    The frozen nets, and the scikit-learn models they were taken from.
    """
    scaler = StandardScaler().fit(features)
    standard = standardize(features, scaler.mean_, scaler.scale_)
    models = []
    for number in range(options.nets):
        model = MLPClassifier(
            (options.units,),
            alpha=options.alpha,
            learning_rate_init=options.learning_rate,
            max_iter=options.epochs,
            random_state=options.seed + number,
        )
        with warnings.catch_warnings():  # stopping early is the regularisation
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(standard, tags))
    arrays = (
        scaler.mean_,
        scaler.scale_,
        np.stack([model.coefs_[0] for model in models]),
        np.stack([model.intercepts_[0] for model in models]),
        np.stack([model.coefs_[1] for model in models]),
        np.stack([model.intercepts_[1] for model in models]),
    )
    return Nets(*(array.astype(np.float32) for array in arrays)), models


def fit_calibration(logits: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Platt scaling: (slope, offset) for each label, shape (n_labels, 2), from out-of-fold logits."""
    rows = []
    for logit, carried in zip(logits.T, tags.T, strict=True):
        model = LogisticRegression(C=1.0).fit(logit[:, None], carried)
        rows.append([model.coef_[0, 0], model.intercept_[0]])
    return np.array(rows, dtype=np.float32)


def fit_thresholds(probabilities: np.ndarray, tags: np.ndarray) -> tuple[float, ...]:
    """The cut of best F1 for each label, on the curve smoothed over `SMOOTHED_RANKS` ranks."""
    return tuple(_best_threshold(p, carried) for p, carried in zip(probabilities.T, tags.T, strict=True))


def _best_threshold(probabilities: np.ndarray, carried: np.ndarray) -> float:
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(carried[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + carried.sum())
    width = min(SMOOTHED_RANKS, len(order))
    smooth = np.convolve(f1, np.ones(width), "same") / np.convolve(np.ones(len(f1)), np.ones(width), "same")
    best = int(np.argmax(smooth))
    cut = probabilities[order][best : best + 2].mean()  # half-way to the first score below
    return round(float(np.clip(cut, 0.0001, 0.9999)), 4)
