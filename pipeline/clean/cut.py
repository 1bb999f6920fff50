"""Logits to probabilities, and from which of them on a page's blocks are kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.records import ParsedPage

#: A block is kept from this probability on ...
THRESHOLD = 0.5
#: ... on pages that the model is sure of; else from the cut with the highest expected F1, which may fall to this
#: (tried: 0.1 to 0.25):
LOWEST_THRESHOLD = 0.2
#: A page is one to be sure of if the expected F1 of its best cut is at least this (tried: 0.7 to 1).
SURE_F1 = 0.8


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The logistic function, four decimals: batch sizes change the last bits of a float."""
    return np.round(1.0 / (1.0 + np.exp(-logits)), 4)


class Cut(NamedTuple):
    """The cut of a page that promises most."""

    f1: float  # expected
    score: float  # of the last block it keeps


def best_cut(page: ParsedPage, scores: np.ndarray) -> Cut:
    """The best cut, given the scores of the blocks, shape (n_blocks,), one at least.

    Keeping the blocks from the best down, F1 over words is expected to be 2 x kept p x words / (kept words + all p x
    words).
    """
    words = np.array([block.text.count(" ") + 1 for block in page.blocks])
    order = np.argsort(-scores, kind="stable")
    likely = scores * words
    expected = 2.0 * np.cumsum(likely[order]) / (np.cumsum(words[order]) + max(1e-9, float(likely.sum())))
    best = int(np.argmax(expected))
    return Cut(float(expected[best]), float(scores[order[best]]))


def is_sure(page: ParsedPage, scores: np.ndarray) -> bool:
    """Whether the model is sure of a page, given the scores of its blocks, shape (n_blocks,)."""
    return not page.blocks or best_cut(page, scores).f1 >= SURE_F1


def page_threshold(page: ParsedPage, scores: np.ndarray) -> float:
    """The score from which a page's blocks are kept, given their scores, shape (n_blocks,).

    Where even the best cut promises little, the page is of a kind the model is unsure of, and that cut is better than a
    fixed one.
    """
    if not page.blocks:
        return THRESHOLD
    cut = best_cut(page, scores)
    return THRESHOLD if cut.f1 >= SURE_F1 else float(np.clip(cut.score, LOWEST_THRESHOLD, THRESHOLD))
