"""What the characters of a page's blocks tell: whole pages at once, as arrays of code points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

Array = np.ndarray

#: Shares of digits and capitals are told from so much of a block's beginning ...
START_CHARS = 200
#: ... and its topic from so much.
TOPIC_CHARS = 600
#: A content word: so many letters or more; words are alike that begin with the same letters.
MIN_LETTERS, STEM_LETTERS = 4, 5

_NEWLINE, _BLANK, _COLON = 10, 32, 58
#: Classes of characters are told by tables up to here; beyond are hardly any letters.
_TABLE_SIZE = 1 << 16
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well mixed


def shape_columns(texts: Sequence[str]) -> dict[str, Array]:
    """`digit_share`, `capital_share`, `starts_lower` and `glued_colon` of blocks that are not empty.

    Returns
    -------
    dict of arrays of shape (n_blocks,), float64
    """
    starts = [text[:START_CHARS] for text in texts]
    codes = _codes("\n".join([*starts, ""]))
    lengths = np.fromiter(map(len, starts), np.int64, len(starts))
    first = np.cumsum(lengths + 1) - lengths - 1

    def count(flags: Array) -> Array:
        return np.add.reduceat(flags, first, dtype=np.float64)

    border = np.array([_NEWLINE], dtype=codes.dtype)
    before, after = np.concatenate((border, codes[:-1])), np.concatenate((codes[1:], border))
    begins_word = (before == _BLANK) | (before == _NEWLINE)
    capitals = begins_word & _class("capital")[np.minimum(codes, _TABLE_SIZE - 1)]
    glued = (codes == _COLON) & _class("before colon")[np.minimum(before, 127)] & (after - 65 < 26)
    return {
        "digit_share": count(codes - 48 < 10) / lengths,
        "capital_share": count(capitals) / (count(codes == _BLANK) + 1.0),
        "starts_lower": _class("small")[np.minimum(codes[first], _TABLE_SIZE - 1)].astype(np.float64),
        "glued_colon": np.minimum(count(glued), 1.0),
    }


def topic_share(texts: Sequence[str], is_prose: Array) -> Array:
    """The share of a block's content words that stand in the page's prose outside it, by their first five letters.

    Headlines of other articles are on other topics; headings and list items of the article are not.

    Parameters
    ----------
    texts : sequence of str, length n_blocks
    is_prose : array of bool, shape (n_blocks,)

    Returns
    -------
    array of shape (n_blocks,)
        -1 for a block without content words.
    """
    n = len(texts)
    block, stem = _stems("\n".join([text[:TOPIC_CHARS] for text in texts]).lower())
    bits = np.uint64(max(1, n.bit_length()))
    pairs = np.sort((stem >> bits << bits) | block.astype(np.uint64))
    pairs = pairs[np.concatenate(([True], pairs[1:] != pairs[:-1]))] if len(pairs) else pairs
    block = (pairs & np.uint64((1 << int(bits)) - 1)).astype(np.int64)
    shares = np.full(n, -1.0)
    if not len(block):
        return shares
    groups = np.flatnonzero(np.concatenate(([True], (pairs[1:] >> bits) != (pairs[:-1] >> bits))))
    spread = np.add.reduceat(is_prose[block], groups, dtype=np.int64)
    spread = np.repeat(spread, np.diff(groups, append=len(pairs)))
    shared = spread >= 1 + is_prose[block]  # prose does not count its own words
    stems = np.bincount(block, minlength=n)
    return np.where(stems > 0, np.bincount(block, shared, n) / np.maximum(stems, 1), -1.0)


def _stems(text: str) -> tuple[Array, Array]:
    """The line and the hashed stem of every content word."""
    codes = _codes(text)
    letters = np.zeros(len(codes) + 2, dtype=bool)
    letters[1:-1] = _class("letter")[np.minimum(codes, _TABLE_SIZE - 1)]
    borders = np.flatnonzero(letters[1:] != letters[:-1])
    first, last = borders[::2], borders[1::2]
    long = last - first >= MIN_LETTERS
    first, last = first[long], last[long]
    stem = np.zeros(len(first), dtype=np.uint64)
    padded = np.concatenate((codes, np.zeros(STEM_LETTERS, dtype=codes.dtype)))
    for k in range(STEM_LETTERS):
        letter = padded[first + k].astype(np.uint64)
        if k >= MIN_LETTERS:
            letter[first + k >= last] = 0
        stem = (stem + letter) * _MULTIPLIER
    stem ^= stem >> np.uint64(29)
    stem *= _MULTIPLIER
    lines = np.searchsorted(np.flatnonzero(codes == _NEWLINE), first)
    return lines, stem


def _codes(text: str) -> Array:
    """Code points, uint32: differences below zero are large, so that one comparison tells a range."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


_CLASSES: dict[str, Callable[[str], bool]] = {
    "capital": str.isupper,
    "small": str.islower,
    "letter": lambda character: character.isalnum() and not character.isdecimal(),
    "before colon": lambda character: (
        character.isascii() and (character.isdigit() or character.islower()) or character == "?"
    ),
}


@cache
def _class(name: str) -> Array:
    """Which characters are of a class, by code point, as bool."""
    return np.fromiter(map(_CLASSES[name], map(chr, range(_TABLE_SIZE))), bool, _TABLE_SIZE)
