"""What `train` and `evaluate` measure, each with its formula."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

_WORD = re.compile(r"\w+")


def word_f1(predicted: str, reference: str) -> float:
    r"""F1 of two texts as multisets of `\w+` in lower case (the measure of the WCXB benchmark).

    An empty reference wants an empty prediction.

    >>> word_f1("a b", "a b c d")
    0.6666666666666666
    """
    found, wanted = (Counter(_WORD.findall(text.lower())) for text in (predicted, reference))
    if not wanted or not found:
        return float(not wanted and not found)
    return f1((found & wanted).total(), found.total(), wanted.total())


def line_f1(
    kept: Iterable[int], lines: Sequence[str], labels: Sequence[int], neutral: Iterable[int]
) -> tuple[float, bool]:
    """F1 over the lines of a dump, and whether every line was right.

    Lines without a letter or digit and neutral lines count neither way.
    """
    counted = {i for i, line in enumerate(lines) if _WORD.search(line)} - set(neutral)
    found = set(kept) & counted
    wanted = {i for i in counted if labels[i]}
    if not wanted or not found:
        return float(not wanted and not found), wanted == found
    return f1(len(found & wanted), len(found), len(wanted)), wanted == found


def f1(common: float, found: float, wanted: float) -> float:
    """Harmonic mean of precision (common / found) and recall (common / wanted); 0 where nothing is common."""
    return 2.0 * common / (found + wanted) if common else 0.0


def interval(values: Sequence[float], draws: int = 1000) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean, seeded (Efron's percentile method)."""
    rng = np.random.default_rng(0)
    sample = np.asarray(values, dtype=np.float64)
    means = sample[rng.integers(0, len(sample), (draws, len(sample)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
