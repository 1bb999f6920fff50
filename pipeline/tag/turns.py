"""Where the topics of an article without headings turn, as its passages' probabilities tell it.

The runs are those of least cost: the spread of the passages' probabilities around the mean of their run, weighted by
words, and a price for each run. Found exactly, by dynamic programming.
"""

from __future__ import annotations

import numpy as np

#: Price of a run, in words at a squared distance of 1. Chosen of 20, 25, 30, 40 and 60 on the folds by publisher: lower
#: ones cut runs of one topic too.
RUN_PRICE = 25.0
#: A passage weighs as much as its words, at most so many.
MOST_WORDS = 60
#: A run holds at least so many passages, and at most so many, which keeps the time in proportion to the passages.
MIN_RUN = 2
MAX_RUN = 500


def runs(probabilities: np.ndarray, words: np.ndarray) -> list[int]:
    """Cut passages into runs on one topic.

    Parameters
    ----------
    probabilities
        Array of shape (n_passages, n_labels), each 0 to 1.
    words
        Array of shape (n_passages,), each at least 1.

    Returns
    -------
    list of int
        The end of each run, rising; the last is n_passages.

    >>> runs(np.array([[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3), np.full(6, 40))
    [3, 6]
    """
    n_passages = len(words)
    weight = np.minimum(words, MOST_WORDS).astype(np.float64)
    mass = np.concatenate([[0.0], np.cumsum(weight)])
    sums = np.vstack([np.zeros(probabilities.shape[1]), np.cumsum(probabilities * weight[:, None], axis=0)])
    squares = np.concatenate([[0.0], np.cumsum((probabilities**2).sum(axis=1) * weight)])
    least = np.zeros(n_passages + 1)
    start = np.zeros(n_passages + 1, dtype=np.intp)
    for end in range(1, n_passages + 1):
        first = np.arange(max(0, end - MAX_RUN), max(1, end - MIN_RUN + 1))
        first = first[(first == 0) | (first >= MIN_RUN)]  # a run before must be whole, and this one too
        around_mean = ((sums[end] - sums[first]) ** 2).sum(axis=1) / (mass[end] - mass[first])
        cost = least[first] + squares[end] - squares[first] - around_mean + RUN_PRICE
        best = int(cost.argmin())
        least[end], start[end] = cost[best], first[best]
    ends = [n_passages]
    while start[ends[-1]]:
        ends.append(int(start[ends[-1]]))
    return ends[::-1]
