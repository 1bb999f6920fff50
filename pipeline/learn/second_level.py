"""Level 2 of the tagger: small nets over a passage's surroundings, then calibration and thresholds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from pipeline.tag.context import SHAPE
from pipeline.tag.model import Nets
from pipeline.tag.score import calibrate, second_level, standardize


class NetOptions(NamedTuple):
    """Options of level 2, as found on five folds by publisher."""

    units: int = 24
    alpha: float = 1.0
    learning_rate: float = 2e-3
    epochs: int = 12
    nets: int = 8  # their mean, one seed each: with 3 macro-F1 varied by 0.004 from seed to seed
    seed: int = 0


#: Passages that the nets learn from at once, and steps that labels take at least that fewer passages know than others.
BATCH = 200
MIN_STEPS = 600
#: Labels that fewer passages know than others, and fewer than so many, read one feature each. Taught by 300 passages,
#: 1,000 and 3,000, warning signs had an average precision of 0.70, 0.84 and 0.85 so, and with all features of 0.60,
#: 0.79 and 0.85.
FEW = 3000
#: Ranks over which the F1 curve is smoothed before its highest point is taken for the threshold.
SMOOTHED_RANKS = 25
#: Passages with a tag from which on a kind of article trusts its own threshold more than that of all; 0, 300 and 1,000
#: were tried on five folds by publisher.
KIND_PRIOR = 300
#: Recalls that a threshold is noted for.
RECALLS = tuple(percent / 100 for percent in range(30, 100))


def fit_nets(
    features: np.ndarray, tags: np.ndarray, known: np.ndarray, options: NetOptions, weights: np.ndarray | None = None
) -> tuple[Nets, list[MLPClassifier]]:
    """Fit the nets on out-of-fold features of level 1.

    Labels that the same passages know are learnt together. Others have units of their own, which see the passages that
    know them: what was never asked is no answer. They read what is said of labels that all these passages know, so that
    a further label does not move the others; and of few passages no more than level 1's score of their own.

    Parameters
    ----------
    features, tags
        Arrays of shape (n_passages, n_features) and, bool, (n_passages, n_labels).
    known
        Bool array of shape (n_passages, n_labels): somebody has said whether the passage carries the label.
    weights
        How much each passage counts, shape (n_passages,); None: all the same.

    Returns
    -------
    The frozen nets, and the scikit-learn models they were taken from, those of one group of labels after the other.
    """
    widest = known.sum(axis=0).max()
    scaler = StandardScaler().fit(features[known[:, known.sum(axis=0).argmax()]])
    standard = standardize(features, scaler.mean_, scaler.scale_)
    groups = _known_together(known)
    n_units, n_labels = options.units, tags.shape[1]
    hidden_weights = np.zeros((options.nets, features.shape[1], n_units * len(groups)))
    hidden_bias = np.zeros((options.nets, n_units * len(groups)))
    output_weights = np.zeros((options.nets, n_units * len(groups), n_labels))
    output_bias = np.zeros((options.nets, n_labels))
    models = []
    for place, labels in enumerate(groups):
        rows, units = known[:, labels[0]], slice(place * n_units, (place + 1) * n_units)
        n_rows = int(rows.sum())
        if n_rows == widest:
            least, seen = 0, _columns_of(known[rows].all(axis=0), features.shape[1])
        else:
            least = -(-MIN_STEPS // max(-(-n_rows // BATCH), 1))
            seen = np.array(labels) if n_rows < FEW else _columns_of(known[rows].all(axis=0), features.shape[1])
        for number in range(options.nets):
            model = MLPClassifier(
                (n_units,),
                alpha=options.alpha,
                learning_rate_init=options.learning_rate,
                max_iter=max(options.epochs, least),
                random_state=options.seed + number,
            )
            wanted = tags[rows][:, labels] if len(labels) > 1 else tags[rows, labels[0]]
            with warnings.catch_warnings():  # stopping early is the regularisation
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(standard[rows][:, seen], wanted, None if weights is None else weights[rows])
            hidden_weights[number][seen, units], hidden_bias[number, units] = model.coefs_[0], model.intercepts_[0]
            output_weights[number][units, labels] = model.coefs_[1]
            output_bias[number, labels] = model.intercepts_[1]
            models.append(model)
    arrays = (scaler.mean_, scaler.scale_, hidden_weights, hidden_bias, output_weights, output_bias)
    return Nets(*(array.astype(np.float32) for array in arrays)), models


def _known_together(known: np.ndarray) -> list[list[int]]:
    """The labels in groups that are known of the same passages."""
    groups: dict[bytes, list[int]] = {}
    for label, column in enumerate(known.T):
        groups.setdefault(column.tobytes(), []).append(label)
    return list(groups.values())


def _columns_of(labels: np.ndarray, n_features: int) -> np.ndarray:
    """Columns of the features that tell of some labels (bool, shape (n_labels,)), or of no label."""
    if labels.all():
        return np.arange(n_features)
    of_labels = np.resize(labels, n_features - len(SHAPE))  # every kind of score has a column a label, in their order
    return np.flatnonzero(np.concatenate([of_labels, np.ones(len(SHAPE), dtype=bool)]))


#: What level 1 says without some folds: its logits and the features of level 2, of all passages.
Without = Mapping[tuple[int, ...], tuple[np.ndarray, np.ndarray]]


def held_out_folds(folds: Sequence[int]) -> list[tuple[int, ...]]:
    """The folds that level 1 is fitted without, each and every ordered pair: what `across_folds` needs.

    The first fold of a pair is the one to be answered: whatever else speaks in level 1 must not have seen it either.
    """
    return [(fold,) for fold in folds] + [*permutations(folds, 2)]


def across_folds(
    first: Without, folds_of: np.ndarray, learn: Callable[[np.ndarray, np.ndarray], Nets]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Out-of-fold answers of both levels: level 2 of a fold learns from what level 1 says of the others without it.

    Parameters
    ----------
    first
        By each of `held_out_folds`, arrays of shape (n_passages, n_labels) and (n_passages, n_features).
    folds_of
        The fold of each passage, shape (n_passages,).
    learn
        Fits nets on such features, on the passages of a mask; both have a row for every passage.

    Returns
    -------
    logits of level 1, logits of level 2, features
        Of each passage by models without its fold.
    """
    folds = sorted(set(folds_of.tolist()))
    level_1, features = (np.zeros(array.shape, dtype=np.float32) for array in first[(folds[0],)])
    logits = np.zeros_like(level_1)
    for fold in folds:
        test = folds_of == fold
        level_1[test], features[test] = (array[test] for array in first[(fold,)])
        inner = np.zeros_like(features)
        for other in folds:
            rows = folds_of == other
            if other != fold:
                inner[rows] = first[fold, other][1][rows]
        logits[test] = second_level(features[test], learn(inner, ~test))
    return level_1, logits, features


def fit_calibration(logits: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Platt scaling: (slope, offset) for each label, shape (n_labels, 2), from out-of-fold logits."""
    rows = []
    for logit, carried in zip(logits.T, tags.T, strict=True):
        model = LogisticRegression(C=1.0).fit(logit[:, None], carried)
        rows.append([model.coef_[0, 0], model.intercept_[0]])
    return np.array(rows, dtype=np.float32)


def fit_kind_calibrations(logits: np.ndarray, tags: np.ndarray, headed: np.ndarray) -> np.ndarray:
    """Platt scaling for articles with headings and for those without, shape (2, n_labels, 2); see `fit_calibration`.

    A kind in which a label stands nowhere or everywhere takes that of all articles.
    """
    fits = []
    for rows in (headed, ~headed):
        whole = rows.any() and bool((tags[rows].any(axis=0) & ~tags[rows].all(axis=0)).all())
        fits.append(fit_calibration(logits[rows], tags[rows]) if whole else fit_calibration(logits, tags))
    return np.stack(fits)


def fit_thresholds(probabilities: np.ndarray, tags: np.ndarray) -> tuple[float, ...]:
    """The cut of best F1 for each label, on the curve smoothed over `SMOOTHED_RANKS` ranks."""
    return tuple(_best_threshold(p, carried) for p, carried in zip(probabilities.T, tags.T, strict=True))


def fit_kind_thresholds(
    probabilities: np.ndarray, tags: np.ndarray, headed: np.ndarray
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Thresholds for articles with headings and for those without, drawn towards those of all articles.

    Parameters
    ----------
    probabilities, tags
        Arrays of shape (n_passages, n_labels); tags are bool.
    headed
        Bool array of shape (n_passages,): the article has a heading.
    """
    of_all = fit_thresholds(probabilities, tags)
    kinds = []
    for rows in (headed, ~headed):
        carried = tags[rows].sum(axis=0)
        own = fit_thresholds(probabilities[rows], tags[rows]) if rows.any() else of_all
        trust = carried / (carried + KIND_PRIOR)
        kinds.append(tuple(round(float(t * o + (1 - t) * a), 4) for t, o, a in zip(trust, own, of_all, strict=True)))
    return kinds[0], kinds[1]


def cross_fitted(
    logits: np.ndarray, tags: np.ndarray, folds: np.ndarray, known: np.ndarray, headed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and tags of each fold, calibrated and cut by what the other folds teach.

    `logits`, `tags` and `known` have shape (n_passages, n_labels); `known` says which passages teach about which label.
    """
    probabilities, given = np.zeros(tags.shape), np.zeros(tags.shape, dtype=bool)
    for fold in np.unique(folds):
        test = folds == fold
        calibration, thresholds = fit_kinds(logits, tags, known & ~test[:, None], headed)
        probabilities[test] = calibrated(logits[test], calibration, headed[test])
        given[test] = probabilities[test] >= np.where(headed[test, None], *thresholds)
    return probabilities, given


def fit_kinds(
    logits: np.ndarray, tags: np.ndarray, known: np.ndarray, headed: np.ndarray
) -> tuple[np.ndarray, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Calibration, shape (2, n_labels, 2), and thresholds of both kinds of article, by those that know each label."""
    calibrations, thresholds = [], []
    for label, rows in enumerate(known.T):
        column, carried, of_kind = logits[rows, label][:, None], tags[rows, label][:, None], headed[rows]
        calibrations.append(fit_kind_calibrations(column, carried, of_kind))
        sure = calibrated(column, calibrations[-1], of_kind)
        thresholds.append([limit for (limit,) in fit_kind_thresholds(sure, carried, of_kind)])
    with_headings, without = zip(*thresholds, strict=True)
    return np.concatenate(calibrations, axis=1), (with_headings, without)


def judges(known: np.ndarray, scored: np.ndarray, told: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which passages a label is calibrated, cut and scored by.

    Parameters
    ----------
    known
        Bool array of shape (n_passages, n_labels).
    scored, told
        Bool arrays of shape (n_passages,): the passages of the corpus, and those that may judge a further label.

    Returns
    -------
    For each label and passage whether it judges, and which labels are old: known of every scored passage. These are
    judged by the scored passages, further ones by all that know them.
    """
    old = known[scored].all(axis=0)
    return np.where(old, scored[:, None], known & told[:, None]), old


def calibrated(logits: np.ndarray, calibration: np.ndarray, headed: np.ndarray) -> np.ndarray:
    """Probabilities by the calibration of each passage's kind of article."""
    return np.where(headed[:, None], calibrate(logits, calibration[0]), calibrate(logits, calibration[1]))


def fit_curve(probabilities: np.ndarray, carried: np.ndarray) -> list[list[float]]:
    """The highest threshold that reaches each recall of `RECALLS`: rows of (threshold, precision, recall).

    Both arrays have shape (n_passages,). A recall that only the threshold 0 would reach is left out.
    """
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    last = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))  # passages of one probability go together
    hits = np.cumsum(carried[order])[last]
    points = []
    for wanted in RECALLS:
        place = int(np.searchsorted(hits, wanted * carried.sum() - 1e-9))
        if place < len(last) and ranked[last[place]] > 0:
            row = ranked[last[place]], hits[place] / (last[place] + 1), hits[place] / carried.sum()
            points.append([round(float(value), 4) for value in row])
    return points


def _best_threshold(probabilities: np.ndarray, carried: np.ndarray) -> float:
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(carried[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + carried.sum())
    width = min(SMOOTHED_RANKS, len(order))
    smooth = np.convolve(f1, np.ones(width), "same") / np.convolve(np.ones(len(f1)), np.ones(width), "same")
    best = int(np.argmax(smooth))
    cut = probabilities[order][best : best + 2].mean()  # half-way to the first score below
    return round(float(np.clip(cut, 0.0001, 0.9999)), 4)
