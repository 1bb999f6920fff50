"""Level 2's view of a passage: what level 1 said of it, of its neighbours and of its surroundings.

`feature_names` names the columns in order; `context_features` computes them for all passages of a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.tag.layout import Layout

#: Neighbours whose level-1 scores are seen, as distances in passages.
_NEIGHBOURS = (-2, -1, 1, 2)
#: Features that tell of the text and its place, last of all.
SHAPE = (
    "words",  # log2(1 + words)
    "listed",  # item of a list or row of a table
    "led_in",  # the list has a lead-in
    "under_heading",
    "headings",  # log2(1 + headings of the page)
    "place_in_section",  # 0 first to 1 last
    "place_in_page",
    "passages",  # log2(1 + passages of the page)
    "run",  # log2 of the passages in this run of list items
    "quoted",  # opens with a quotation mark
    "asks",  # holds a question mark
    "digits",  # log2(1 + digits)
    "leads_in",  # ends with a colon
)

_QUOTES = ('"', "“", "'", "‘")


def feature_names(labels: Sequence[str]) -> tuple[str, ...]:
    """The columns of level 2 for these labels, in their order.

    >>> feature_names(["causes"])[:2]
    ('score causes', 'weak causes')
    """
    of_sentences = [
        f"{most} {what} of sentences" for most in ("highest", "mean") for what in ("score", "weak", "student")
    ]
    said = ("score", "weak", "weak heading", "student", "weak title", "reader", *of_sentences)
    near = [f"score at {distance:+d}" for distance in _NEIGHBOURS]
    around = [f"score of {where}" for where in ("section", "run", "page")]
    return (*(f"{what} {label}" for what in (*said, *near, *around) for label in labels), *SHAPE)


def context_features(
    layout: Layout,
    scores: np.ndarray,
    weak: np.ndarray,
    weak_title: np.ndarray,
    sentences: np.ndarray,
    reading: np.ndarray,
) -> np.ndarray:
    """Features of level 2.

    Parameters
    ----------
    layout
        Of one page.
    scores
        Array of shape (n_passages, n_labels): logits of level 1.
    weak
        Array of shape (n_passages, 3 * n_labels): squashed scores of the weak models (of the passage, of its heading)
        and of the student.
    weak_title
        Array of shape (n_labels,): the same of the title.
    sentences
        Array of shape (n_passages, 6 * n_labels): see `pipeline.tag.score.score_sentences`.
    reading
        Array of shape (n_passages, n_labels): squashed scores of the reader.

    Returns
    -------
    array of shape (n_passages, len(feature_names(labels)))
        Means over section, run and page leave the passage itself out and are 0 where nothing else is there.
    """
    title = np.tile(weak_title, (len(scores), 1))
    seen = surrounding_scores(scores, layout.section, layout.run)
    columns = [scores, weak, title, reading, sentences, seen, shape_features(layout)]
    return np.concatenate(columns, axis=1, dtype=np.float32)


def surrounding_scores(scores: np.ndarray, section: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Scores of the neighbours, and mean scores of section, run and page, of one page's passages.

    Parameters
    ----------
    scores
        Array of shape (n_passages, n_labels): logits of level 1.
    section, run
        As in `Layout`.

    Returns
    -------
    array of shape (n_passages, 7 * n_labels)
    """
    n_passages = len(scores)
    near = [np.zeros_like(scores) for _ in _NEIGHBOURS]
    for shifted, distance in zip(near, _NEIGHBOURS, strict=True):
        if abs(distance) < n_passages:
            if distance < 0:
                shifted[-distance:] = scores[:distance]
            else:
                shifted[:-distance] = scores[distance:]
    page = np.zeros(n_passages, dtype=np.intp)
    means = [_mean_of_others(scores, group) for group in (section, run, page)]
    return np.concatenate([*near, *means], axis=1)


def _mean_of_others(scores: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Mean score of the other passages of the same group, shape (n_passages, n_labels)."""
    counts = np.bincount(group)
    sums = np.array([np.bincount(group, column) for column in scores.T]).T
    others = counts[group] - 1
    return (sums[group] - scores) / np.maximum(others, 1)[:, None] * (others > 0)[:, None]


def shape_features(layout: Layout) -> np.ndarray:
    """Columns of `SHAPE`, shape (n_passages, len(SHAPE))."""
    n_passages = len(layout.passages)
    texts = [passage.text for passage in layout.passages]
    place = np.arange(n_passages)
    in_section, first = np.bincount(layout.section), np.zeros(n_passages, dtype=np.intp)
    first[1:] = np.where(layout.section[1:] != layout.section[:-1], place[1:], 0)
    first = np.maximum.accumulate(first)
    under = layout.heading > 0
    headings = len(set(layout.section[under].tolist()))
    columns = [
        np.log2([1 + text.count(" ") + 1 for text in texts]),
        layout.listed,
        layout.lead_in > 0,
        under,
        np.full(n_passages, np.log2(1 + headings)),
        (place - first) / np.maximum(in_section[layout.section] - 1, 1),
        place / max(n_passages - 1, 1),
        np.full(n_passages, np.log2(1 + n_passages)),
        np.log2(np.bincount(layout.run)[layout.run]),
        [text.startswith(_QUOTES) for text in texts],
        ["?" in text for text in texts],
        np.log2([1 + sum(map(text.count, "0123456789")) for text in texts]),
        [text.endswith(":") for text in texts],
    ]
    shape = np.empty((n_passages, len(SHAPE)), dtype=np.float32)
    for place_of, column in enumerate(columns):
        shape[:, place_of] = column
    return shape
