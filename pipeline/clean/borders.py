"""Where in a dump the article begins and ends: all lines of a page decided together.

Each line's logit tells how likely it is to be kept, and a third set of trees how likely the article begins or ends
right before it. The best way along the page takes both into account, so that an unsure line between two sure ones goes
the way of its neighbours unless there is a border. Pages of HTML do without: their containers tell as much.
"""

from __future__ import annotations

import numpy as np

from pipeline.clean.cut import is_sure, probabilities
from pipeline.clean.features import COLUMNS
from pipeline.clean.tokens import runs_of
from pipeline.clean.trees import Trees
from pipeline.records import ParsedPage

Array = np.ndarray

#: Logits of so many lines before the border and behind it are columns.
BEFORE, BEHIND = 4, 4
#: What stands beyond the page's ends looks like a line that is certainly dropped.
BEYOND = -6.0
#: Logits are as good as certain from here on, and borders are never quite certain.
MAX_LOGIT, MIN_BORDER = 9.2, 0.001
#: By how much what lines say and what borders say counts (tried: 0.25 to 0.5 and the rest to 1).
TRUST_LINES, TRUST_BORDERS = 0.45, 0.55

#: Columns of the first look that are told of the line before the border and of the one behind it.
LINE_COLUMNS = (
    "words", "capital_share", "digit_share", "ends_sentence", "starts_lower", "marker", "indent", "gap", "gap_after",
    "kind_heading", "kind_item", "level", "topic_share", "link_share", "same_text",
)  # fmt: skip
_LINE = np.array([COLUMNS.index(name) for name in LINE_COLUMNS])

#: The names of all columns, in the order of `border_features`.
BORDER_COLUMNS: tuple[str, ...] = (
    *(f"second_{offset:+d}" for offset in range(-BEFORE, BEHIND)),
    *("best_before", "best_behind", "starts_run", "place"),
    *(f"{name}_behind" for name in LINE_COLUMNS),
    *(f"{name}_before" for name in LINE_COLUMNS),
)


def border_features(page: ParsedPage, table: Array, logits: Array) -> Array:
    """The table of the borders: one before each block.

    Parameters
    ----------
    page : ParsedPage
    table : array of shape (n_blocks, n_columns)
        Of the first look.
    logits : array of shape (n_blocks,)
        What the second look says.

    Returns
    -------
    array of shape (n_blocks, n_border_columns), float32
    """
    n = len(logits)
    padded = np.concatenate((np.full(BEFORE, BEYOND), np.clip(logits, -MAX_LOGIT, MAX_LOGIT), np.full(BEHIND, BEYOND)))
    around = np.lib.stride_tricks.sliding_window_view(padded, BEFORE + BEHIND)[:n]
    starts_run = np.zeros(n)
    starts_run[[run.start for run in runs_of(page)]] = 1.0
    lines = table[:, _LINE]
    previous = np.concatenate((np.zeros((1, len(_LINE))), lines[:-1]))
    best = (around[:, :BEFORE].max(axis=1), around[:, BEFORE:].max(axis=1))
    own = np.stack((*best, starts_run, np.arange(n) / n), axis=1)
    return np.concatenate((around, own, lines, previous), axis=1).astype(np.float32)


def along_the_page(logits: Array, borders: Array) -> Array:
    """By how much the best way along the page that keeps a block is better than the best one that drops it.

    A way is worth the logits of what it keeps, times `TRUST_LINES`, and the logarithms of how likely the borders are
    that it sees and those that it does not see, times `TRUST_BORDERS`. Keeping what has a positive result is the best
    way (Viterbi).

    Parameters
    ----------
    logits : array of shape (n_blocks,)
        Of each block, that it is kept.
    borders : array of shape (n_blocks,)
        The probability that the article begins or ends right before each block.

    Returns
    -------
    array of shape (n_blocks,)

    >>> along_the_page(np.array([4.0, -1.0, 4.0]), np.array([0.5, 0.1, 0.1])).round(2).tolist()
    [2.56, 1.97, 2.56]
    """
    n = len(logits)
    sure = np.clip(borders, MIN_BORDER, 1.0 - MIN_BORDER)
    gains = (TRUST_LINES * np.clip(logits, -MAX_LOGIT, MAX_LOGIT)).tolist()
    changes, stays = (TRUST_BORDERS * np.log(sure)).tolist(), (TRUST_BORDERS * np.log1p(-sure)).tolist()
    kept, dropped = [0.0] * n, [0.0] * n  # the best way from the page's begin to here
    keep, drop = -np.inf, 0.0
    for i in range(n):
        keep, drop = (
            max(keep + stays[i], drop + changes[i]) + gains[i],
            max(drop + stays[i], keep + changes[i]),
        )
        kept[i], dropped[i] = keep, drop
    keep = drop = 0.0  # from here to the page's end
    for i in range(n - 1, 0, -1):
        keep, drop = (
            max(keep + gains[i] + stays[i], drop + changes[i]),
            max(drop + stays[i], keep + gains[i] + changes[i]),
        )
        kept[i - 1] += keep
        dropped[i - 1] += drop
    return np.array(kept) - np.array(dropped)


def settled(trees: Trees | None, page: ParsedPage, table: Array, logits: Array) -> Array:
    """The logits of a page's blocks, all decided together where that is any good, shape (n_blocks,).

    On pages that the model is not sure of (see `cut`), the logits stay as they are: their best cut is better.

    Parameters
    ----------
    trees : Trees or None
        Of the borders; None for HTML, where nothing changes.
    page, table, logits
        As of `border_features`.
    """
    if trees is None or not is_sure(page, probabilities(logits)):
        return logits
    return along_the_page(logits, 1.0 / (1.0 + np.exp(-trees.logits(border_features(page, table, logits)))))
