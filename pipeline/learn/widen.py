"""A tagger with room for further labels: what it says of its own stays, of a new one it says nothing yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.tag.model import ROLES, SQUASHED_ROLES, Linear
from pipeline.tag.reader import Reader


def with_labels(array: np.ndarray, before: Sequence[str], labels: Sequence[str], n_blocks: int = 1) -> np.ndarray:
    """An array whose last axis has a column for each label `before`, block after block, with one for each of `labels`.

    What a new label would have is 0.

    >>> with_labels(np.array([1, 2, 3, 4]), ["a", "b"], ["b", "c"], n_blocks=2).tolist()
    [2, 0, 4, 0]
    """
    there = array.reshape(*array.shape[:-1], n_blocks, len(before))
    made = np.zeros((*there.shape[:-1], len(labels)), dtype=array.dtype)
    for place, label in enumerate(labels):
        if label in before:
            made[..., place] = there[..., list(before).index(label)]
    return made.reshape(*array.shape[:-1], n_blocks * len(labels))


def widened_reader(reader: Reader, before: Sequence[str], labels: Sequence[str]) -> Reader:
    """A reader of the labels `before` as one of `labels`: of new ones it says 0."""
    output, bias = (with_labels(array, before, labels) for array in (reader.output, reader.output_bias))
    return reader._replace(output=output, output_bias=bias)


def widened(linear: Linear, reader: Reader, before: Sequence[str], labels: Sequence[str]) -> tuple[Linear, Reader]:
    """Level 1 and the reader of the labels `before` as those of `labels`; weights of new ones are 0."""
    wide = linear._replace(
        table=with_labels(linear.table, before, labels, len(ROLES)),
        intercept=with_labels(linear.intercept, before, labels),
        weak_intercept=with_labels(linear.weak_intercept, before, labels, len(SQUASHED_ROLES)),
        weak_mix=with_labels(with_labels(linear.weak_mix, before, labels).T, before, labels, len(SQUASHED_ROLES)).T,
    )
    return wide, widened_reader(reader, before, labels)
