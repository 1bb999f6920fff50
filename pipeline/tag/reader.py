"""A small net that reads a passage word by word, with what stands around it: numpy only.

    words --embeddings--> vectors --each with those beside it, one layer--> states
          --weighted means and highest over a text--> what a text says
          --of the passage and of the texts around it, one layer--> logits

It learnt from what the teachers said of unlabelled texts (`pipeline.learn.reader`). Level 2 hears it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from pipeline.tag.layout import Layout
from pipeline.tag.terms import PREFIX_LETTERS, PREFIX_MARK

#: What a text can be to the passage, in the order of `Reader.roles`.
READER_ROLES = ("own", "previous", "following", "heading", "lead_in", "title")
#: Words that a state sees: the one before, its own, the one after.
WINDOW = 3
#: The exponent of a word's weight is held within this.
MOST_ATTENTION = 8.0


class Reader(NamedTuple):
    """The net. Row 0 of the embeddings stands for words that it does not know."""

    rows: Mapping[str, int]  # of words, and of prefixes (with `PREFIX_MARK`) for words that have no row
    embeddings: np.ndarray  # shape (n_rows, width)
    window: np.ndarray  # shape (WINDOW * width, n_states)
    window_bias: np.ndarray  # shape (n_states,)
    attention: np.ndarray  # shape (n_states, n_heads): each head weighs a part of the states
    attention_bias: np.ndarray  # shape (n_heads,)
    roles: np.ndarray  # shape (2 * n_states, len(READER_ROLES) * n_units)
    units_bias: np.ndarray  # shape (n_units,)
    output: np.ndarray  # shape (n_units, n_labels)
    output_bias: np.ndarray  # shape (n_labels,)


def silent(n_labels: int) -> Reader:
    """A reader that says 0 of everything."""
    shapes = ((1, 1), (WINDOW, 1), (1,), (1, 1), (1,), (2, len(READER_ROLES)), (1,), (1, n_labels), (n_labels,))
    return Reader({}, *(np.zeros(shape, dtype=np.float32) for shape in shapes))


def reader_rows(words: Sequence[str], reader: Reader) -> np.ndarray:
    """The row of each word, or of its prefix, or 0; shape (n_words,)."""
    rows = np.fromiter(map(reader.rows.get, words, repeat(0)), np.int64, len(words))
    for place in np.flatnonzero(rows == 0).tolist():
        rows[place] = reader.rows.get(PREFIX_MARK + words[place][:PREFIX_LETTERS], 0)
    return rows


def read_page(layout: Layout, words: Sequence[str], borders: np.ndarray, reader: Reader) -> np.ndarray:
    """Logits of all passages of a page.

    Parameters
    ----------
    layout
        Of the page.
    words, borders
        Its words, and where each text begins: the words [borders[t], borders[t + 1]) are those of text t.

    Returns
    -------
    array of shape (n_passages, n_labels)
    """
    said = _texts(reader_rows(words, reader), borders, reader)
    n_units = len(reader.units_bias)
    by_role = (said @ reader.roles).reshape(len(said), len(READER_ROLES), n_units)
    texts = (layout.own, layout.previous, layout.following, layout.heading, layout.lead_in, layout.title)
    units = reader.units_bias + sum(by_role[text, role] for role, text in enumerate(texts))
    return np.maximum(units, 0) @ reader.output + reader.output_bias


def _texts(rows: np.ndarray, borders: np.ndarray, reader: Reader) -> np.ndarray:
    """What each text says, shape (n_texts, 2 * n_states); 0 where a text has no word."""
    width, n_states, n_heads = reader.embeddings.shape[1], len(reader.window_bias), len(reader.attention_bias)
    said = np.zeros((len(borders) - 1, 2 * n_states), dtype=np.float32)
    filled = np.flatnonzero(np.diff(borders))
    if not len(filled):
        return said
    starts, ends = borders[filled], borders[filled + 1]
    vectors = np.zeros((len(rows) + 2, width), dtype=np.float32)
    np.take(reader.embeddings, rows, axis=0, out=vectors[1:-1])
    before, after = vectors[:-2].copy(), vectors[2:].copy()
    before[starts] = 0
    after[ends - 1] = 0
    states = before @ reader.window[:width]
    states += vectors[1:-1] @ reader.window[width : 2 * width]
    states += after @ reader.window[2 * width :]
    states += reader.window_bias
    np.maximum(states, 0, out=states)
    weight = states @ reader.attention + reader.attention_bias
    weight = np.exp(np.minimum(np.maximum(weight, -MOST_ATTENTION), MOST_ATTENTION))
    weighted = states.reshape(len(states), n_heads, -1) * weight[:, :, None]
    means = np.add.reduceat(weighted, starts) / np.add.reduceat(weight, starts)[:, :, None]
    said[filled, :n_states] = means.reshape(len(filled), n_states)
    said[filled, n_states:] = np.maximum.reduceat(states, starts)
    return said
