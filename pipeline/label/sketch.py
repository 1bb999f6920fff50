"""Sketches: a text's words as 64 bytes, near which the sketches of texts alike stand, and which does not hold the text.

MinHash over pairs of neighbouring words: for each of 64 orders of all pairs, the last byte of the smallest one's rank.
"""

from __future__ import annotations

import re
import zlib

import numpy as np

SIZE = 64
_WORD = re.compile(r"\w+")
_PRIME = (1 << 31) - 1
_RANDOM = np.random.RandomState(7)  # RandomState: its stream is promised never to change
_FACTORS = _RANDOM.randint(1, _PRIME, SIZE).astype(np.int64)
_OFFSETS = _RANDOM.randint(0, _PRIME, SIZE).astype(np.int64)


def sketch(text: str) -> str:
    """The sketch of a text as hex digits.

    >>> sketch("Drink water often.") == sketch("drink  water, often")
    True
    >>> round(likeness(sketch("Drink a glass of water every hour"), sketch("Wash the cut with clean water")), 1)
    0.0
    """
    words = _WORD.findall(text.lower())
    pairs = {zlib.crc32(f"{a} {b}".encode("utf-8", "replace")) for a, b in zip(["", *words], [*words, ""], strict=True)}
    ranks = (np.array(sorted(pairs), dtype=np.int64)[:, None] % _PRIME * _FACTORS + _OFFSETS) % _PRIME
    return bytes(int(rank) & 0xFF for rank in ranks.min(axis=0)).hex()


def likeness(one: str, other: str) -> float:
    """The share of pairs of words that two texts share, as their sketches tell it: 0 to 1, give or take 0.05."""
    same = sum(a == b for a, b in zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)) / SIZE
    return max(0.0, (same - 1 / 256) / (1 - 1 / 256))
