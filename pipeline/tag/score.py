"""From a page's layout to calibrated scores: numpy only, and no state between pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.tag.context import context_features
from pipeline.tag.layout import Layout
from pipeline.tag.model import LINEAR_ROLES, WEAK_SCALE, Linear, Nets, role_columns

#: Standard deviations from the mean at which a feature of level 2 is cut off.
FARTHEST = 5.0


class FirstLevel(NamedTuple):
    """What level 1 says of a page, and what level 2 reads."""

    logits: np.ndarray  # shape (n_passages, n_labels)
    features: np.ndarray  # shape (n_passages, n_features)


def score_sentences(sums: np.ndarray, spans: Sequence[Sequence[object]], linear: Linear) -> np.ndarray:
    """What the sentences of a text say at most and on average.

    Parameters
    ----------
    sums
        Array of shape (n_sentences of all texts, 3 * n_labels): sums of the columns of `SENTENCE_ROLES`.
    spans
        The sentences of each text, in the order of `sums`.

    Returns
    -------
    array of shape (n_texts, 6 * n_labels)
        Maximum and mean over the sentences of (share of the logit, squashed scores of weak model and student); 0
        without one.
    """
    n = len(linear.intercept)
    of_text = np.r_[:n, 2 * n : 3 * n]  # rows that belong to the squashed models of a passage's own text
    squashed = np.tanh((sums[:, n:] + linear.weak_intercept[of_text]) / WEAK_SCALE)
    scores = np.concatenate([sums[:, :n] + squashed @ linear.weak_mix[of_text], squashed], axis=1)
    n_sentences = np.array([len(ranges) for ranges in spans])
    out = np.zeros((len(n_sentences), 6 * n), dtype=np.float32)
    filled = np.flatnonzero(n_sentences)
    if len(filled):
        starts = (np.cumsum(n_sentences) - n_sentences)[filled]
        out[filled, : 3 * n] = np.maximum.reduceat(scores, starts, axis=0)
        out[filled, 3 * n :] = np.add.reduceat(scores, starts, axis=0) / n_sentences[filled, None]
    return out


def weak_sums(layout: Layout, sums: np.ndarray, linear: Linear) -> np.ndarray:
    """Logits of the weak models, of the passage and of its heading (0 if none), and of the student.

    Shape (n_passages, 3 * n_labels).
    """
    weak, heading, student = np.split(linear.weak_intercept, 3)
    columns = role_columns(len(weak))
    of_heading = sums[layout.heading, columns["weak_heading"]] + heading
    parts = (
        sums[layout.own, columns["weak"]] + weak,
        of_heading * (layout.heading > 0)[:, None],
        sums[layout.own, columns["student"]] + student,
    )
    return np.concatenate(parts, axis=1)


def first_level(
    layout: Layout, sums: np.ndarray, sentences: np.ndarray, linear: Linear, reading: np.ndarray
) -> FirstLevel:
    """Level 1 for all passages of a page, and what level 2 reads.

    Parameters
    ----------
    sums
        Array of shape (n_texts, n_columns), as in `Lookup`.
    sentences
        Array of shape (n_texts, 6 * n_labels), from `score_sentences`.
    reading
        Array of shape (n_passages, n_labels): logits of the reader.
    """
    n_labels = len(linear.intercept)
    columns = role_columns(n_labels)
    weak = np.tanh(weak_sums(layout, sums, linear) / WEAK_SCALE)
    logits = linear.intercept + weak @ linear.weak_mix
    texts = (layout.own, layout.previous, layout.following, layout.heading, layout.lead_in)
    for role, of_passages in zip(LINEAR_ROLES, texts, strict=True):
        logits = logits + sums[of_passages, columns[role]]
    title = sums[layout.title, columns["weak_heading"]] + linear.weak_intercept[n_labels : 2 * n_labels]
    weak_title = np.tanh(title / WEAK_SCALE) * (layout.title > 0)
    read = np.tanh(reading / WEAK_SCALE)
    return FirstLevel(logits, context_features(layout, logits, weak, weak_title, sentences[layout.own], read))


def standardize(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Features in standard deviations from their mean, held within `FARTHEST`: no odd page may run away."""
    return np.minimum(np.maximum((features - mean) / scale, -FARTHEST), FARTHEST)


def second_level(features: np.ndarray, nets: Nets) -> np.ndarray:
    """Mean logit of the nets (one hidden layer of ReLU units each), shape (n_passages, n_labels)."""
    standard = standardize(features, nets.feature_mean, nets.feature_scale)
    hidden = np.maximum(standard @ nets.hidden_weights + nets.hidden_bias[:, None, :], 0)
    return (hidden @ nets.output_weights + nets.output_bias[:, None, :]).mean(axis=0)


def log_odds(logits: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """The logits of calibrated probabilities: of each label slope times logit plus offset (Platt scaling), float64."""
    slope, offset = calibration.T.astype(np.float64)
    return logits.astype(np.float64) * slope + offset


def calibrate(logits: np.ndarray, calibration: np.ndarray) -> np.ndarray:
    """Calibrated probabilities, rounded to four decimals (batch sizes change the last bits of a float)."""
    return np.round(1 / (1 + np.exp(-log_odds(logits, calibration))), 4)
