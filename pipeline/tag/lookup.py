"""All texts of a page looked up in the model's table, each text once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from pipeline.tag.model import Linear, sentence_columns
from pipeline.tag.terms import PREFIX_LETTERS, PREFIX_MARK, Vocabulary, sentences, tokens_of

#: What each word of a text is looked up as; a pair is the word with the next one of its sentence.
TERM_KINDS = ("word", "prefix", "pair", "pair of prefixes")
#: Which kind is a pair of which.
PAIRS = ((0, 2), (1, 3))


class Words(NamedTuple):
    """The words of some texts, in order."""

    words: list[str]
    borders: np.ndarray  # shape (n_texts + 1,): the words [borders[t], borders[t + 1]) are those of text t
    text_of: np.ndarray  # shape (n_words,)
    sentence_of: np.ndarray  # shape (n_words,): number of the sentence, counted through all texts
    first_sentence: np.ndarray  # shape (n_texts,): number of the first sentence of each text
    spans: list[list[tuple[int, int]]]  # sentences of each text, as characters [start, end)
    rows: np.ndarray  # shape (len(TERM_KINDS), n_words): rows of the table, -1 where a term is unknown


class Lookup(NamedTuple):
    """What the table gives for every text of a page."""

    words: Words
    entries: np.ndarray  # shape (len(TERM_KINDS), n_words): number of the term in its text, or -1
    counts: np.ndarray  # shape (n_entries + 1,): how often this term stands in this text; the last is for -1
    weights: np.ndarray  # shape (n_entries + 1, n_columns): TF-IDF times the row of the table; the last is 0
    sums: np.ndarray  # shape (n_texts, n_columns): the weights of all terms of the text
    sentence_sums: np.ndarray  # shape (n_sentences of all texts, n_columns of `SENTENCE_ROLES`)


def look_up(texts: Sequence[str], linear: Linear) -> Lookup:
    """Look texts up in the table.

    TF-IDF is that of scikit-learn's TfidfTransformer(sublinear_tf=True): (1 + ln count) * idf, divided by the
    Euclidean norm over the text's terms, words and prefixes apart.
    """
    words = read_words(texts, linear.vocabulary)
    n_terms, first_prefix = linear.vocabulary.size, linear.vocabulary.first_prefix
    known = np.flatnonzero(words.rows >= 0)
    keys, entries_known, counts = _distinct((words.text_of * n_terms + words.rows).ravel()[known])
    entries = np.full(words.rows.shape, -1, dtype=np.int64)
    entries.ravel()[known] = entries_known
    text, row = np.divmod(keys, n_terms) if n_terms else (keys, keys)
    idf = linear.idf[row]
    value = (1 + np.log(counts)) * idf
    family = text * 2 + (row >= first_prefix)
    value /= np.sqrt(np.bincount(family, value**2))[family]
    rows = np.zeros((len(keys) + 1, linear.table.shape[1]), dtype=np.float32)
    rows[:-1] = np.take(linear.table, row, axis=0)
    weights = rows * np.append(value, 0).astype(np.float32)[:, None]
    sums = _sums_by_group(weights[:-1], text, len(texts))
    sentence_sums = _sentence_sums(words, entries, rows[:, sentence_columns(len(linear.intercept))], np.append(idf, 0))
    return Lookup(words, entries, np.append(counts, 1), weights, sums, sentence_sums)


def _distinct(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct keys in order, which of them each key is, and how often they stand.

    As `numpy.unique`, but the place of a key is sorted with it in one integer, which is faster than an indirect sort.
    """
    n = len(keys)
    bits = n.bit_length()
    if not n or int(keys.max()).bit_length() + bits > 63:
        return np.unique(keys, return_inverse=True, return_counts=True)
    ordered = np.sort(keys << bits | np.arange(n))
    place, ordered = ordered & ((1 << bits) - 1), ordered >> bits
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    which = np.empty(n, dtype=np.int64)
    which[place] = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    return ordered[first], which, np.diff(first, append=n)


def read_words(texts: Sequence[str], vocabulary: Vocabulary) -> Words:
    """Sentences and words of the texts, with their rows in the table."""
    spans = [sentences(text) for text in texts]
    parts = [text[start:end] for text, ranges in zip(texts, spans, strict=True) for start, end in ranges]
    words, ends = tokens_of(parts)
    sentence_ends = [0, *ends]
    sentences_of = np.array([len(ranges) for ranges in spans], dtype=np.int64)
    text_ends = np.array(sentence_ends)[np.concatenate(([0], np.cumsum(sentences_of)))]
    row_of = vocabulary.rows.get
    rows = np.full((len(TERM_KINDS), len(words)), -1, dtype=np.int64)
    rows[0] = np.fromiter(map(row_of, words, repeat(-1)), np.int64, len(words))
    rows[1] = vocabulary.prefix_rows[rows[0]] if vocabulary.size else -1
    for place in np.flatnonzero(rows[0] < 0).tolist():  # an unknown word may begin like a known one
        rows[1, place] = row_of(PREFIX_MARK + words[place][:PREFIX_LETTERS], -1)
    borders = text_ends
    sentence_of = np.repeat(np.arange(len(sentence_ends) - 1), np.diff(sentence_ends))
    together = sentence_of[:-1] == sentence_of[1:]
    for single, pair in PAIRS:
        first, second = rows[single, :-1], rows[single, 1:]
        whole = np.flatnonzero((first >= 0) & (second >= 0) & together)
        rows[pair, whole] = vocabulary.rows_of_pairs(first[whole], second[whole])
    text_of = np.repeat(np.arange(len(texts)), np.diff(borders))
    first_sentence = np.cumsum(sentences_of) - sentences_of
    return Words(words, borders, text_of, sentence_of, first_sentence, spans, rows)


def _sentence_sums(words: Words, entries: np.ndarray, rows: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """Sums of the columns of `SENTENCE_ROLES` for each sentence, from the rows and the idf of the entries.

    A sentence is short, so every occurrence counts by itself: idf over the root of the summed squares of idf,
    words and prefixes apart.
    """
    n_sentences = sum(len(ranges) for ranges in words.spans)
    weights, squares = rows * idf[:, None], idf**2
    sums = np.zeros((n_sentences, rows.shape[1]), dtype=np.float32)
    for single, pair in PAIRS:  # words, prefixes
        of_words = weights[entries[single]] + weights[entries[pair]]
        norm = np.bincount(words.sentence_of, squares[entries[single]] + squares[entries[pair]], n_sentences)
        length = np.sqrt(np.where(norm > 0, norm, 1)).astype(np.float32)
        sums += _sums_by_group(of_words, words.sentence_of, n_sentences) / length[:, None]
    return sums


def _sums_by_group(values: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """Sums of the rows of `values` by their group, which never falls; shape (n_groups, n_columns)."""
    sums = np.zeros((n_groups, values.shape[1]), dtype=np.float32)
    if len(group):
        starts = np.flatnonzero(np.concatenate(([True], group[1:] != group[:-1])))
        sums[group[starts]] = np.add.reduceat(values, starts, axis=0)
    return sums
