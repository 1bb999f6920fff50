"""A tagger with room for further labels: what it says of its own stays, of a new one it says nothing yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.tag.model import ROLES, SQUASHED_ROLES, Linear
from pipeline.tag.reader import Reader


def widened(linear: Linear, reader: Reader, before: Sequence[str], labels: Sequence[str]) -> tuple[Linear, Reader]:
    """Level 1 and the reader of the labels `before` as those of `labels`; weights of new ones are 0."""
    wide = linear._replace(
        table=_blocks(linear.table, len(ROLES), before, labels),
        intercept=_blocks(linear.intercept, 1, before, labels),
        weak_intercept=_blocks(linear.weak_intercept, len(SQUASHED_ROLES), before, labels),
        weak_mix=_blocks(_blocks(linear.weak_mix, 1, before, labels).T, len(SQUASHED_ROLES), before, labels).T,
    )
    output, bias = (_blocks(array, 1, before, labels) for array in (reader.output, reader.output_bias))
    return wide, reader._replace(output=output, output_bias=bias)


def _blocks(array: np.ndarray, n_blocks: int, before: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """An array whose last axis has a column for each label, block after block, with columns for `labels` instead."""
    there = array.reshape(*array.shape[:-1], n_blocks, len(before))
    made = np.zeros((*there.shape[:-1], len(labels)), dtype=array.dtype)
    for place, label in enumerate(labels):
        if label in before:
            made[..., place] = there[..., list(before).index(label)]
    return made.reshape(*array.shape[:-1], n_blocks * len(labels))
