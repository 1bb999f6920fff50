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
    return ["#" if token[0].isdigit() else token for token in _TOKEN.findall(sentence.lower().replace("’", "'"))]


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
    pairs: dict[int, int]  # row of the first half * size + row of the second -> row of the pair


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
    return Vocabulary(len(terms), len(terms) - sum(marked), rows, prefix_rows, pairs)
