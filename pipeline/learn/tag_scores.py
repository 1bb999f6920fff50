"""Measures of the tagger: per passage, per section, and of its probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

#: Bins of equal width for the expected calibration error.
CALIBRATION_BINS = 10
#: Publishers with fewer passages have no score of their own: chance would speak.
MIN_PUBLISHED = 400


def macro_f1(carried: np.ndarray, given: np.ndarray) -> float:
    """Mean over labels of F1; both bool of shape (n, n_labels). A label that is nowhere counts 0.

    >>> round(macro_f1(np.array([[1, 1, 1], [0, 0, 1]], bool), np.array([[1, 1, 1], [0, 1, 0]], bool)), 4)
    0.7778
    """
    return float(np.mean([_precision_recall_f1(c, g)[2] for c, g in zip(carried.T, given.T, strict=True)]))


def score_table(
    carried: np.ndarray,
    given: np.ndarray,
    probabilities: np.ndarray,
    news: np.ndarray,
    folds: np.ndarray,
    labels: Sequence[str],
) -> dict[str, Any]:
    """Everything measured over passages.

    Parameters
    ----------
    carried, given
        Bool arrays of shape (n_passages, n_labels): the labels, and the tags given.
    probabilities
        Array of shape (n_passages, n_labels).
    news, folds
        Arrays of shape (n_passages,): bool, and the fold that held the passage out.
    labels
        Those of the columns.

    Returns
    -------
    dict
        `macro_f1` by group (all, news, explainer) and by fold, and per label precision, recall, F1, average
        precision, Brier score and expected calibration error; by fold what the thresholds of the other folds lose
        to the best ones of the fold itself. Four decimals.
    """
    groups = {"all": np.ones_like(news), "news": news, "explainer": ~news}
    by_group = {name: round(macro_f1(carried[rows], given[rows]), 4) for name, rows in groups.items() if rows.any()}
    by_fold = {str(fold): round(macro_f1(carried[folds == fold], given[folds == fold]), 4) for fold in np.unique(folds)}
    return {
        "passages": {name: int(rows.sum()) for name, rows in groups.items()},
        "macro_f1": by_group,
        "macro_f1_by_fold": by_fold,
        "macro_f1_spread": round(float(np.std(list(by_fold.values()))), 4),
        "threshold_loss_by_fold": {
            str(fold): round(
                _best_macro_f1(carried[folds == fold], probabilities[folds == fold]) - by_fold[str(fold)], 4
            )
            for fold in np.unique(folds)
        },
        "labels": {
            label: label_scores(carried[:, column], given[:, column], probabilities[:, column])
            for column, label in enumerate(labels)
        },
    }


def reliability(carried: np.ndarray, probability: np.ndarray) -> list[list[float]]:
    """What probabilities come true as: rows of (mean probability, share that carries the label, passages).

    Both arrays have shape (n_passages,); one row for each of the `CALIBRATION_BINS` that has a passage in it.
    """
    bins = _bins(probability)
    rows = []
    for number in np.unique(bins):
        here = bins == number
        rows.append([round(float(probability[here].mean()), 4), round(float(carried[here].mean()), 4), int(here.sum())])
    return rows


def publisher_scores(publishers: Sequence[str], carried: np.ndarray, given: np.ndarray) -> dict[str, dict[str, float]]:
    """Macro-F1 and number of `passages` of every publisher with `MIN_PUBLISHED` of them, most first.

    `publishers` names that of each passage; `carried` and `given` are bool of shape (n_passages, n_labels).
    """
    names = np.array(publishers)
    each, counts = np.unique(names, return_counts=True)
    large = [each[place] for place in np.argsort(-counts, kind="stable") if counts[place] >= MIN_PUBLISHED]
    return {
        str(name): {
            "passages": int((names == name).sum()),
            "macro_f1": round(macro_f1(carried[names == name], given[names == name]), 4),
        }
        for name in large
    }


def tags_to_array(rows: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """Rows of tags as a bool array of shape (n_rows, n_labels); tags that are none of `labels` do not count."""
    return np.array([[label in row for label in labels] for row in rows], dtype=bool).reshape(-1, len(labels))


def label_scores(carried: np.ndarray, given: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """What `score_table` says of one label; all three have shape (n_passages,)."""
    precision, recall, f1 = _precision_recall_f1(carried, given)
    scores = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "average_precision": float(average_precision_score(carried, probability)),
        "brier": float(np.mean((probability - carried) ** 2)),
        "calibration_error": _calibration_error(carried, probability),
    }
    return {name: round(value, 4) for name, value in scores.items()}


def counted_scores(carried: np.ndarray, given: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """`label_scores`, with how many `passages` they rest on and how many of these are `carried`."""
    counts = {"passages": len(carried), "carried": int(carried.sum())}
    return {**counts, **label_scores(carried, given, probability)}


def _best_macro_f1(carried: np.ndarray, probabilities: np.ndarray) -> float:
    """Macro-F1 at the best threshold of each label, chosen on these very passages."""
    best = []
    for on, probability in zip(carried.T, probabilities.T, strict=True):
        order = np.argsort(-probability, kind="stable")
        best.append(float(np.max(2 * np.cumsum(on[order]) / (np.arange(1, len(order) + 1) + max(on.sum(), 1)))))
    return float(np.mean(best))


def _precision_recall_f1(carried: np.ndarray, given: np.ndarray) -> tuple[float, float, float]:
    hits = float((carried & given).sum())
    precision, recall = hits / max(given.sum(), 1), hits / max(carried.sum(), 1)
    return float(precision), float(recall), 2 * hits / max(float(carried.sum() + given.sum()), 1)


def _calibration_error(carried: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error: |share carried - mean probability| over equal bins, weighted by size."""
    bins = _bins(probability)
    gaps = [abs(float(carried[bins == b].sum() - probability[bins == b].sum())) for b in range(CALIBRATION_BINS)]
    return sum(gaps) / len(carried)


def _bins(probability: np.ndarray) -> np.ndarray:
    return np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
