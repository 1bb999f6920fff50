"""The columns of the second look: what the first look said of a block's surroundings.

The first look judges a block by words and names around it; the second sees its verdicts, and so a short line between
kept paragraphs, a table of an article or a teaser behind its end stand out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.clean.features import COLUMNS
from pipeline.clean.tokens import runs_of
from pipeline.records import ParsedPage

Array = np.ndarray

#: Logits of so many blocks before and after are columns of their own.
NEIGHBOURS = 5
#: Means are taken over so many blocks either side.
REACHES = (4, 10, 25)
#: A block weighs at most this many words in a mean.
MAX_MEAN_WORDS = 60
#: What stands beyond the page's ends looks like a block that is certainly dropped.
BEYOND = -6.0
#: Kept and dropped for sure: from these logits on.
SURE = 2.0
#: A distance counts no further than so many blocks.
MAX_DISTANCE = 50.0

#: Columns of the first look that the second sees too.
FIRST_COLUMNS = (
    "word_score", "name_sum", "words", "chars_a_word", "link_share", "ends_sentence", "digit_share", "capital_share",
    "bold", "level", "starts_lower", "topic_share", "kind_heading", "kind_paragraph", "kind_item", "kind_cell",
    "kind_quote", "kind_caption", "run_size", "run_led_in", "like_count", "same_text", "title_share", "site_count",
    "site_share", "position", "since_h1", "page_prose", "page_blocks", "page_links", "marker", "indent", "gap",
    "gap_after", "in_half", "half_distance",
)  # fmt: skip
_FIRST = np.array([COLUMNS.index(name) for name in FIRST_COLUMNS])

#: The names of all columns, in the order of `second_features`.
SECOND_COLUMNS: tuple[str, ...] = (
    "first",
    *(f"first_{offset:+d}" for offset in range(-NEIGHBOURS, NEIGHBOURS + 1) if offset),
    *(f"reach_{reach}" for reach in REACHES),
    *("reach_run", "reach_like", "reach_parent", "reach_grandparent", "reach_page"),
    *("best_before", "best_after", "share_before", "share_after"),
    *("sure_distance", "sure_before", "sure_after", "unsure_distance"),
    *FIRST_COLUMNS,
)


def second_features(page: ParsedPage, table: Array, logits: Array) -> Array:
    """The table of the second look.

    Parameters
    ----------
    page : ParsedPage
    table : array of shape (n_blocks, n_columns)
        Of the first look.
    logits : array of shape (n_blocks,)
        What the first look says.

    Returns
    -------
    array of shape (n_blocks, n_second_columns), float32
    """
    n = len(logits)
    weight = np.minimum(np.expm1(table[:, COLUMNS.index("words")].astype(np.float64)), MAX_MEAN_WORDS) + 0.5
    p = 1.0 / (1.0 + np.exp(-logits))
    padded = np.concatenate((np.full(NEIGHBOURS, BEYOND), logits, np.full(NEIGHBOURS, BEYOND)))
    columns = [logits]
    columns += [padded[NEIGHBOURS + k : NEIGHBOURS + k + n] for k in range(-NEIGHBOURS, NEIGHBOURS + 1) if k]
    here = np.arange(n)
    sums = np.concatenate(([0.0], np.cumsum(p * weight)))
    weights = np.concatenate(([0.0], np.cumsum(weight)))

    def mean(first: Array, last: Array) -> Array:
        return (sums[last] - sums[first]) / np.maximum(weights[last] - weights[first], 1e-9)

    columns += [mean(np.maximum(0, here - reach), np.minimum(n, here + reach + 1)) for reach in REACHES]
    borders = np.array([run.start for run in runs_of(page)], dtype=np.int64)
    ends = np.append(borders[1:], n)
    columns.append(np.repeat(mean(borders, ends), ends - borders))
    columns += _container_means(page, p, weight, mean)
    columns.append(np.full(n, sums[-1] / weights[-1]))
    columns += [np.maximum.accumulate(p), np.maximum.accumulate(p[::-1])[::-1]]
    columns += [sums[:-1] / sums[-1], 1.0 - sums[1:] / sums[-1]]
    before, after = _distance(logits > SURE), _distance((logits > SURE)[::-1])[::-1]
    low = logits < -SURE
    columns += [np.minimum(before, after), before, after, np.minimum(_distance(low), _distance(low[::-1])[::-1])]
    return np.concatenate((np.stack(columns, axis=1), table[:, _FIRST]), axis=1).astype(np.float32)


def _container_means(page: ParsedPage, p: Array, weight: Array, mean: Callable[[Array, Array], Array]) -> list[Array]:
    """Means over the blocks with like element and parent, over the parent and over the grandparent."""
    elements = page.elements
    parent = np.fromiter((e.parent for e in elements), np.int64, len(elements))
    first = np.fromiter((e.first for e in elements), np.int64, len(elements))
    last = np.fromiter((e.last for e in elements), np.int64, len(elements))
    own = np.fromiter((b.element for b in page.blocks), np.int64, len(page.blocks))
    up = np.maximum(parent[own], 0)
    signs: dict[tuple[str, str], int] = {}
    sign = np.fromiter((signs.setdefault(e[:2], len(signs)) for e in elements), np.int64, len(elements))
    _, group = np.unique(sign[own] * len(signs) + sign[up], return_inverse=True)
    like = (np.bincount(group, p * weight) / np.bincount(group, weight))[group]
    above = np.maximum(parent[up], 0)
    return [like, mean(first[up], last[up]), mean(first[above], last[above])]


def _distance(flags: Array) -> Array:
    """Blocks since the last one with a flag, at most `MAX_DISTANCE`; 0 at one with it.

    >>> _distance(np.array([False, True, False, False])).tolist()
    [50.0, 0.0, 1.0, 2.0]
    """
    here = np.arange(len(flags), dtype=np.float64)
    last = np.maximum.accumulate(np.where(flags, here, -MAX_DISTANCE))
    return np.minimum(here - last, MAX_DISTANCE)
