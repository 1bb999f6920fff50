"""Text to terms: sentences, tokens, and the words and prefixes that a model looks up.

Training and tagging both read text through these functions, and through no others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

#: Letters of a word that its prefix keeps: a cheap stem ("treatment", "treating" -> "treat").
PREFIX_LETTERS = 5
#: Before the terms of the prefix family, so that one table can hold both families.
PREFIX_MARK = "~"

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*|[%$?]")
#: Between sentences that are read at once.
_BORDER = "\0"
#: Marks that are in no token, whatever stands around them.
_BETWEEN_TOKENS = bytes.maketrans(marks := b'!"#&()*+-/:;<=>@[\\]^_`{|}~', b" " * len(marks))
_SENTENCE_BORDER = re.compile(r"[.!?…][\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|vs|etc|No|Inc|Co|Corp|Ltd|Fig|approx|e\.g|i\.e|Jan|Feb|Aug|Sept|Oct|Nov|Dec)"
    r"|\b[A-Z])\.$"
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Character ranges [start, end) of the sentences of `text`, in order, without the white space between.

    >>> sentences("See Dr. Lee. It hurts!")
    [(0, 12), (13, 22)]
    """
    ranges = []
    start = 0
    for border in _SENTENCE_BORDER.finditer(text):
        if border[0][0] == "." and _ABBREVIATION.search(text, max(start, border.start() - 7), border.start() + 1):
            continue
        ranges.append((start, border.start() + len(border[0].rstrip())))
        start = border.end()
    if start < len(text):
        ranges.append((start, len(text)))
    return ranges


def tokens(sentence: str) -> list[str]:
    """The words of a sentence in lower case; every number is "#"; "%", "$" and "?" stand for themselves.

    >>> tokens("Don’t wait 24 hours?")
    ["don't", 'wait', '#', 'hours', '?']
    """
    return tokens_of([sentence])[0]


def tokens_of(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """`tokens` of some sentences, one after the other, and where in this list each sentence ends."""
    if not texts:
        return [], []
    joined = f" {_BORDER} ".join(texts)
    if joined.count(_BORDER) != len(texts) - 1:
        joined = f" {_BORDER} ".join(text.replace(_BORDER, " ") for text in texts)
    joined = (
        joined.lower()
        .replace("’", "'")
        .encode("utf-8", "surrogatepass")
        .translate(_BETWEEN_TOKENS)
        .decode("utf-8", "surrogatepass")
    )
    words: list[str] = []
    ends: list[int] = []
    add = words.append
    for piece in joined.split():
        if piece.isalpha() or (bare := piece.strip(".,'")).isalpha():  # nearly all; the expression would say the same
            add(piece if piece.isalpha() else bare)
        elif piece == _BORDER:
            ends.append(len(words))
        else:
            words += ["#" if token[0].isdigit() else token for token in _TOKEN.findall(piece)]
    ends.append(len(words))
    return words, ends


def word_terms(text: str) -> list[str]:
    """Words and pairs of neighbouring words, within sentences.

    >>> word_terms("Sore throat.")
    ['sore', 'throat', 'sore throat']
    """
    return [term for start, end in sentences(text) for term in _with_pairs(tokens(text[start:end]))]


def prefix_terms(text: str) -> list[str]:
    """The same over the first letters of each word, each term with `PREFIX_MARK` before it.

    >>> prefix_terms("Treating acne.")
    ['~treat', '~acne', '~treat acne']
    """
    return [
        PREFIX_MARK + term
        for start, end in sentences(text)
        for term in _with_pairs([token[:PREFIX_LETTERS] for token in tokens(text[start:end])])
    ]


def _with_pairs(words: list[str]) -> list[str]:
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]


class Vocabulary(NamedTuple):
    """The rows of a model's terms, for a quick look. Words come first, then prefixes (with `PREFIX_MARK`)."""

    size: int
    first_prefix: int  # row of the first prefix
    rows: dict[str, int]  # of the single words and prefixes
    prefix_rows: np.ndarray  # shape (size,): row of the prefix of each single word, else -1
    pair_keys: np.ndarray  # shape (n_pairs,): row of the first half * size + row of the second, rising
    pair_rows: np.ndarray  # shape (n_pairs,): row of the pair itself

    def rows_of_pairs(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Rows of pairs by the rows of their halves, -1 where a pair is unknown; all of shape (n,)."""
        if not len(self.pair_keys):
            return np.full(len(first), -1, dtype=np.int64)
        keys = first * self.size + second
        place = np.minimum(np.searchsorted(self.pair_keys, keys), len(self.pair_keys) - 1)
        return np.where(self.pair_keys[place] == keys, self.pair_rows[place], -1)


def vocabulary_of(terms: Sequence[str]) -> Vocabulary:
    """Make the vocabulary of terms as `word_terms` and `prefix_terms` give them, in the order of their rows.

    Raises
    ------
    ValueError
        If a term stands twice, a word behind a prefix, or a pair without its halves.

    >>> vocabulary_of(["sore", "throat", "sore throat", "~sore"]).rows
    {'sore': 0, 'throat': 1, '~sore': 3}
    """
    marked = [term.startswith(PREFIX_MARK) for term in terms]
    if len(set(terms)) != len(terms) or marked != sorted(marked):
        raise ValueError("terms must be distinct, words before prefixes")
    rows = {term: row for row, term in enumerate(terms) if " " not in term}
    pairs = {}
    for row, term in enumerate(terms):
        if " " in term:
            first, second = term.split(" ")
            mark = PREFIX_MARK if marked[row] else ""
            if first not in rows or mark + second not in rows:
                raise ValueError(f"the pair {term!r} stands without its halves")
            pairs[rows[first] * len(terms) + rows[mark + second]] = row
    prefix_rows = np.full(len(terms), -1, dtype=np.int64)
    for term, row in rows.items():
        prefix_rows[row] = rows.get(PREFIX_MARK + term[:PREFIX_LETTERS], -1)
    pair_keys = np.fromiter(pairs, np.int64, len(pairs))
    order = np.argsort(pair_keys)
    pair_rows = np.fromiter(pairs.values(), np.int64, len(pairs))
    return Vocabulary(len(terms), len(terms) - sum(marked), rows, prefix_rows, pair_keys[order], pair_rows[order])
