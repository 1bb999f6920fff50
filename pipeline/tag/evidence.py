"""Why a passage carries a tag: the logit of its probability taken apart, exactly.

What level 2 makes of level 1's logit, seeing the surroundings and the reader's word, is one term, "context". Level 1
itself is linear but for the tanh over the scores of the weak models and of the student. There the squashed value
is shared out in proportion to what each term brought to the sum (as in the z-rule of layer-wise relevance
propagation, Bach et al. 2015), so that all parts together still give the logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.records import Evidence
from pipeline.tag.layout import Layout
from pipeline.tag.lookup import PAIRS, Lookup
from pipeline.tag.model import WEAK_SCALE, Linear, role_columns, sentence_columns

#: Terms that an evidence record keeps, and the smallest share of the logit worth a mention.
MAX_TERMS = 5
MIN_WEIGHT = 0.05
#: What weighs beside the passage's own words; every passage starts from "base".
CONTEXT = ("heading", "list lead-in", "previous passage", "next passage", "context", "base")


class Parts(NamedTuple):
    """The logits of all probabilities of a page, taken apart."""

    own: np.ndarray  # shape (n_labels, 2, n_words): each word of the page, and the pair that it begins; or else 0
    context: np.ndarray  # shape (len(CONTEXT), n_passages, n_labels)


def take_apart(
    layout: Layout, found: Lookup, linear: Linear, second: np.ndarray, passages: Sequence[int] | None = None
) -> Parts:
    """Share the logits out over words and context.

    Parameters
    ----------
    layout, found, linear
        Of the page, and what level 1 knows.
    second
        Array of shape (n_passages, n_labels): logits of the probabilities less those of level 1.
    passages
        Those whose words are wanted; None for all.
    """
    sums, text_of = found.sums, found.words.text_of
    n_labels = len(linear.intercept)
    columns = role_columns(n_labels)
    weak_shares = _weak_shares(sums[:, columns["weak"]], linear, 0)
    heading_shares = _weak_shares(sums[:, columns["weak_heading"]], linear, n_labels)
    student_shares = _weak_shares(sums[:, columns["student"]], linear, 2 * n_labels)

    wanted = np.ones(len(layout.texts), dtype=bool)
    if passages is not None:
        wanted[:] = False
        wanted[layout.own[list(passages)]] = True
    here = np.flatnonzero(wanted[text_of])
    entries = found.entries[:, here]
    # of the roles "own", "weak" and "student", shape (3 * n_labels, len(TERM_KINDS), n_words): words come last, since
    # long rows of numbers are many times faster than a small matrix for each word
    weights = found.weights.T[sentence_columns(n_labels)][:, entries]
    each = weights[:n_labels]
    for first, shares in ((n_labels, weak_shares), (2 * n_labels, student_shares)):
        of_word = np.ascontiguousarray(shares[text_of[here]].transpose(1, 2, 0))
        for k in range(n_labels):
            each += weights[first + k] * of_word[k][:, None]
    each /= found.counts[entries]
    own = np.zeros((n_labels, 2, len(text_of)))
    (word, pair), (prefix, prefix_pair) = PAIRS
    own[:, :, here] = each[:, [word, pair]] + each[:, [prefix, prefix_pair]]

    weak_heading = sums[:, columns["weak_heading"]] + linear.weak_intercept[n_labels : 2 * n_labels]
    above = np.matmul(weak_heading[:, None], heading_shares)[:, 0] + sums[:, columns["heading"]]
    above[0] = 0  # no heading
    base = linear.intercept + linear.weak_intercept[:n_labels] @ weak_shares[layout.own]
    base += linear.weak_intercept[2 * n_labels :] @ student_shares[layout.own]
    context = [
        above[layout.heading],
        sums[layout.lead_in, columns["lead_in"]],
        sums[layout.previous, columns["previous"]],
        sums[layout.following, columns["next"]],
        second,
        base,
    ]
    return Parts(own, np.stack(context))


def terms_of_logit(passage: int, label: int, layout: Layout, found: Lookup, parts: Parts) -> dict[str, float]:
    """Every term of a probability's logit with its weight; the weights sum to the logit."""
    here = _words_of(passage, layout, found)
    terms = _own_terms(found.words.words[here], parts.own[label][:, here])
    for name, weight in zip(_context_names(passage, layout), parts.context[:, passage, label].tolist(), strict=True):
        terms[name] = terms.get(name, 0.0) + weight
    return terms


def evidence_for(
    passage: int, labels: Sequence[int], layout: Layout, found: Lookup, parts: Parts, names: Sequence[str]
) -> tuple[Evidence, ...]:
    """The evidence for each of the labels that a passage carries; `names` are those of all labels."""
    here, text = _words_of(passage, layout, found), layout.own[passage]
    words, spans = found.words.words[here], found.words.spans[text]
    sentence_of = found.words.sentence_of[here] - found.words.first_sentence[text]
    present = sorted(set(sentence_of.tolist()))
    beside = _context_names(passage, layout)[:-1]
    evidence = []
    for label in labels:
        own = parts.own[label][:, here]
        start, end = 0, len(layout.passages[passage].text)
        if present:
            of_sentences = np.bincount(sentence_of, own.sum(axis=0)).tolist()
            start, end = spans[max(present, key=of_sentences.__getitem__)]
        terms = _own_terms(words, own)
        terms.update(zip(beside, parts.context[:, passage, label].tolist(), strict=False))
        heavy = [(-weight, name) for name, weight in terms.items() if weight >= MIN_WEIGHT]
        kept = tuple((name, round(-weight, 4)) for weight, name in sorted(heavy)[:MAX_TERMS])
        evidence.append(Evidence(names[label], kept, start, end))
    return tuple(evidence)


def _weak_shares(sums: np.ndarray, linear: Linear, first: int) -> np.ndarray:
    """How much of each squashed sum arrives in each logit, shape (n_texts, n_labels, n_labels): mix * tanh(s) / s."""
    here = slice(first, first + len(linear.intercept))
    totals = sums + linear.weak_intercept[here]
    near_zero = np.abs(totals) < 1e-6
    factor = np.where(near_zero, 1 / WEAK_SCALE, np.tanh(totals / WEAK_SCALE) / np.where(near_zero, 1, totals))
    return factor[:, :, None] * linear.weak_mix[here]


def _words_of(passage: int, layout: Layout, found: Lookup) -> slice:
    text = layout.own[passage]
    return slice(found.words.borders[text], found.words.borders[text + 1])


def _context_names(passage: int, layout: Layout) -> tuple[str, ...]:
    """`CONTEXT`, with the texts of the heading and of the lead-in."""
    heading, lead_in = layout.texts[layout.heading[passage]], layout.texts[layout.lead_in[passage]]
    return (f"{CONTEXT[0]}: {heading}", f"{CONTEXT[1]}: {lead_in}", *CONTEXT[2:])


def _own_terms(words: list[str], weights: np.ndarray) -> dict[str, float]:
    """Words and pairs of a passage with their weights; those that stand more than once, summed."""
    terms: dict[str, float] = {}
    of_words, of_pairs = weights.tolist()
    for word, weight in zip(words, of_words, strict=True):
        terms[word] = terms.get(word, 0.0) + weight
    for first, second, weight in zip(words, words[1:], of_pairs, strict=False):
        if weight:
            pair = f"{first} {second}"
            terms[pair] = terms.get(pair, 0.0) + weight
    return terms
