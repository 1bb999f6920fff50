"""Fit a tagger anew from the rows that ship with it, beside a user's own labelled passages.

    rows + own articles --gold model without each fold and each pair of folds--> logits
                        --level 2 on logits that saw neither fold--> out-of-fold scores --> calibration, thresholds
                        --both levels on everything--> a tagger

The weak models, the student and the vocabulary stay those of the base: their texts are not shipped, and a user's
labels say nothing of them. What they say of a shipped passage was computed without its fold. A label of which the
rows know nothing (a new one) is learnt from the own passages alone; the others are unknown to it, not negative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from pipeline.learn.corpus import GoldArticle
from pipeline.learn.first_level import ROLE_WEIGHTS, LinearOptions, fit_logistic
from pipeline.learn.second_level import (
    NetOptions,
    across_folds,
    cross_fitted,
    fit_curve,
    fit_kinds,
    fit_nets,
    held_out_folds,
    judges,
)
from pipeline.learn.shipped_rows import LEARNT, SCORED, Rows, columns_for, kept_features, said_columns
from pipeline.learn.tag_scores import counted_scores, macro_f1, score_table, tags_to_array
from pipeline.tag.context import SHAPE, feature_names, surrounding_scores
from pipeline.tag.layout import Layout, lay_out
from pipeline.tag.lookup import look_up
from pipeline.tag.model import LINEAR_ROLES, Linear, Nets, role_columns, table_arrays, table_of
from pipeline.tag.reader import Reader, read_page
from pipeline.tag.score import first_level, score_sentences
from pipeline.tag.terms import prefix_terms, word_terms

#: Texts outside the held-out folds that must hold a term for a model without them to know it.
MIN_OTHERS = 4


class Base(NamedTuple):
    """The tagger whose vocabulary, weak models and student are kept."""

    terms: list[str]
    linear: Linear
    reader: Reader
    labels: tuple[str, ...]


class Refitted(NamedTuple):
    """A tagger, and how it answers passages of folds that it has not seen."""

    linear: Linear
    nets: Nets
    calibration: np.ndarray
    thresholds: tuple[tuple[float, ...], tuple[float, ...]]
    curves: dict[str, list[list[float]]]
    scores: dict[str, Any]  # of the shipped passages, as `score_table` has them, with those of level 1
    own: dict[str, float]  # F1 on the own passages by label, out of fold; empty without any
    further: dict[str, dict[str, float]]  # of each label that no shipped row knows: scores on the own passages


class _Material(NamedTuple):
    """Shipped passages, then the own ones."""

    counts: sparse.csr_matrix  # shape (n_texts, n_terms)
    fields: dict[str, np.ndarray]  # the text in each role to each passage
    said: np.ndarray  # shape (n_folds + 1, n_passages, n_said), see `Rows`; the own passages' are those by all
    fold_texts: np.ndarray  # bool, shape (n_folds, n_texts): the text stands in the fold
    tags: np.ndarray  # bool, shape (n_passages, n_labels)
    known: np.ndarray  # the same
    folds: np.ndarray  # shape (n_passages,)
    weights: np.ndarray
    news: np.ndarray
    headed: np.ndarray
    scored: np.ndarray
    told: np.ndarray  # bool, shape (n_passages,): may judge a further label; the others are only learnt from
    n_shipped: int


def refit(
    rows: Rows, base: Base, own: Sequence[GoldArticle], weight: float, linear: LinearOptions, nets: NetOptions,
    say: Callable[[str], None],
) -> Refitted:  # fmt: skip
    """Fit and measure.

    Parameters
    ----------
    rows
        The shipped rows.
    base
        See `Base`.
    own
        Articles with a user's labels, each with its fold.
    weight
        How many shipped passages one own passage counts for.
    linear, nets
        Options of the two levels.
    say
        Called with one line at each step.
    """
    layouts = [lay_out(article.title, article.sections) for article in own]
    material = _material(rows, base, own, layouts, weight)
    folds = sorted(set(material.folds.tolist()))
    held_out = held_out_folds(folds)
    first: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
    for number, out in enumerate(held_out, 1):
        say(f"level 1 without folds {list(out)} ({number} of {len(held_out)})")
        said = material.said[out[0]]
        inputs = _inputs(material, base, said, out)
        gold = _fit_gold(inputs, material, ~np.isin(material.folds, out), linear)
        first[out] = _said(rows, base, layouts, inputs, said, gold)
    level_1, logits, features = across_folds(
        first, material.folds, lambda inner, train: _fit_nets(inner, material, train, nets)
    )
    say("both levels on everything")
    everything = np.ones(len(material.tags), dtype=bool)
    for fold in folds:  # level 2 must know weak models, student and reader as they will speak
        of_fold = material.folds == fold
        inputs = _inputs(material, base, material.said[-1], (fold,))
        gold = _fit_gold(inputs, material, ~of_fold, linear)
        features[of_fold] = _said(rows, base, layouts, inputs, material.said[-1], gold)[1][of_fold]
    gold = _fit_gold(_inputs(material, base, material.said[-1], ()), material, everything, linear)
    return _measured(
        base, material, level_1, logits,
        _frozen(base, gold), _fit_nets(features, material, everything, nets),
    )  # fmt: skip


def from_rows(refitted: Refitted, rows: Rows) -> dict[str, Any]:
    """What a manifest notes of a training from rows, for the next one to be held against."""
    return {"rows": rows.digest, "macro_f1": refitted.scores["macro_f1"]}


def _measured(
    base: Base, material: _Material, level_1: np.ndarray, logits: np.ndarray, linear: Linear, nets: Nets
) -> Refitted:
    """Calibration, thresholds and scores, each label by the passages that know it."""
    tags, headed = material.tags, material.headed
    judge, is_old = judges(material.known, material.scored, material.told)
    _, first_given = cross_fitted(level_1, tags, material.folds, judge, headed)
    probabilities, given = cross_fitted(logits, tags, material.folds, judge, headed)
    calibration, thresholds = fit_kinds(logits, tags, judge, headed)
    curves = {
        name: fit_curve(probabilities[judge[:, label], label], tags[judge[:, label], label])
        for label, name in enumerate(base.labels)
    }
    judged, labels = material.scored, np.flatnonzero(is_old)
    table = score_table(
        tags[np.ix_(judged, labels)], given[np.ix_(judged, labels)], probabilities[np.ix_(judged, labels)],
        material.news[judged], material.folds[judged], [base.labels[label] for label in labels],
    )  # fmt: skip
    groups = {"all": judged, "news": judged & material.news, "explainer": judged & ~material.news}
    table["level_1"] = {
        name: round(macro_f1(tags[np.ix_(rows_, labels)], first_given[np.ix_(rows_, labels)]), 4)
        for name, rows_ in groups.items()
    }
    own, further = {}, {}
    for label, name in enumerate(base.labels):
        mine = material.known[:, label] & (np.arange(len(tags)) >= material.n_shipped)
        if mine.any():
            own[name] = round(macro_f1(tags[mine, label : label + 1], given[mine, label : label + 1]), 4)
        if not is_old[label]:
            rows_ = judge[:, label]
            further[name] = counted_scores(tags[rows_, label], given[rows_, label], probabilities[rows_, label])
    return Refitted(linear, nets, calibration, thresholds, curves, table, own, further)


def _material(
    rows: Rows, base: Base, own: Sequence[GoldArticle], layouts: Sequence[Layout], weight: float
) -> _Material:
    sizes = [len(layout.own) for layout in layouts]
    n_own = sum(sizes)
    index: dict[str, int] = {"": 0}
    ids = [np.array([index.setdefault(text, len(index)) for text in layout.texts]) for layout in layouts]
    counts = sparse.vstack([rows.texts, _count(list(index), base.terms)], format="csr")
    first_own = rows.texts.shape[0]
    previous, following = _neighbours(rows.own, rows.sizes)
    of_rows = {"own": rows.own, "previous": previous, "next": following, "heading": rows.heading}
    of_rows["lead_in"] = rows.lead_in
    fields = {
        role: np.concatenate(
            [of_rows[role], *(_role(layout, role, i) + first_own for layout, i in zip(layouts, ids, strict=True))]
        )
        for role in LINEAR_ROLES
    }
    shipped_said = columns_for(base.labels, rows.labels, rows.said, said_columns)
    of_pages = [_features(layout, base.linear, base.reader)[:, said_columns(base.labels)] for layout in layouts]
    of_own = np.concatenate([shipped_said[0, :0], *of_pages])
    said = np.concatenate([shipped_said, np.repeat(of_own[None], len(rows.said), axis=0)], axis=1)
    folds = np.concatenate([np.repeat(rows.folds, rows.sizes), np.repeat([a.fold for a in own], sizes)]).astype(int)
    fold_texts = np.zeros((len(rows.said) - 1, counts.shape[0]), dtype=bool)
    for texts in fields.values():
        fold_texts[folds, texts] = True
    own_known = tags_to_array([asked for article in own for asked in article.asked], base.labels)
    places = [rows.labels.index(name) if name in rows.labels else None for name in base.labels]
    none = np.zeros(len(rows.own), dtype=bool)
    shipped_tags = np.stack([none if p is None else rows.tags[:, p] for p in places], axis=1)
    shipped_known = np.stack([none if p is None else rows.known[:, p] for p in places], axis=1)
    own_tags = tags_to_array([carried for article in own for carried in article.labels], base.labels)
    parts = np.repeat(rows.parts, rows.sizes)
    headed = _any_by_article(rows.heading > 0, rows.sizes)
    return _Material(
        counts=counts,
        fields=fields,
        said=said,
        fold_texts=fold_texts,
        tags=np.concatenate([shipped_tags, own_tags]),
        known=np.concatenate([shipped_known, own_known]),
        folds=folds,
        weights=np.concatenate([np.ones(len(rows.own)), np.full(n_own, weight)]),
        news=np.concatenate([np.repeat(rows.news, rows.sizes), np.repeat([a.group == "news" for a in own], sizes)]) > 0,
        headed=np.concatenate([headed, *(np.full(len(lay.own), (lay.heading > 0).any()) for lay in layouts)]) > 0,
        scored=np.concatenate([parts == SCORED, np.zeros(n_own, dtype=bool)]),
        told=np.concatenate([parts != LEARNT, np.ones(n_own, dtype=bool)]),
        n_shipped=len(rows.own),
    )


def _count(texts: Sequence[str], terms: Sequence[str]) -> sparse.csr_matrix:
    """How often each of the model's terms stands in each text."""
    n_words = sum(not term.startswith("~") for term in terms)
    counts = [
        CountVectorizer(analyzer=analyzer, vocabulary=vocabulary, dtype=np.float32).transform(texts)
        for analyzer, vocabulary in ((word_terms, terms[:n_words]), (prefix_terms, terms[n_words:]))
        if vocabulary
    ]
    return sparse.hstack(counts, format="csr")


def _neighbours(own: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The text of the passage before and after each one of its article, 0 where there is none."""
    ends = np.cumsum(sizes)
    filled = sizes > 0
    previous, following = np.roll(own, 1), np.roll(own, -1)
    previous[(ends - sizes)[filled]] = 0
    following[ends[filled] - 1] = 0
    return previous, following


def _role(layout: Layout, role: str, ids: np.ndarray) -> np.ndarray:
    return np.asarray(ids[getattr(layout, {"next": "following"}.get(role, role))])


def _any_by_article(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    article = np.repeat(np.arange(len(sizes)), sizes)
    return np.asarray(np.bincount(article, values, len(sizes))[article] > 0)


def _inputs(material: _Material, base: Base, said: np.ndarray, out: tuple[int, ...]) -> sparse.csr_matrix:
    """What the gold model reads of each passage: the terms of each role, weighted, and the squashed scores.

    Terms that the texts outside the folds `out` hardly hold are left out, as a model trained on those would.
    """
    held = material.counts.copy()
    if out:
        others = np.delete(material.fold_texts, out, axis=0).any(axis=0)
        texts = np.bincount(held[others].indices, minlength=held.shape[1])
        held.data[texts[held.indices] < MIN_OTHERS] = 0
        held.eliminate_zeros()
    first_prefix = base.linear.vocabulary.first_prefix
    families = []
    for columns in (slice(None, first_prefix), slice(first_prefix, None)):
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.idf_ = base.linear.idf[columns].astype(np.float64)
        families.append(transformer.transform(held[:, columns]))
    blocks = []
    for role, texts in material.fields.items():
        blocks += [family[texts] * weight for family, weight in zip(families, ROLE_WEIGHTS[role], strict=True)]
    squashed = sparse.csr_matrix(said[:, : base.linear.weak_mix.shape[0]])
    return sparse.hstack([*blocks, squashed], format="csr", dtype=np.float32)


def _fit_gold(
    inputs: sparse.csr_matrix, material: _Material, train: np.ndarray, options: LinearOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of shape (n_labels, n_inputs), and intercepts."""
    models = []
    for label in range(material.tags.shape[1]):
        rows = np.flatnonzero(train & material.known[:, label])
        carried = material.tags[rows, label]
        models.append(fit_logistic(inputs[rows], carried, options.gold_c, options, material.weights[rows]))
    return np.stack([m.coef_[0] for m in models]), np.array([m.intercept_[0] for m in models])


def _frozen(base: Base, gold: tuple[np.ndarray, np.ndarray]) -> Linear:
    """The base with another gold model."""
    coefficients, intercepts = gold
    n_terms, first_prefix = base.linear.table.shape[0], base.linear.vocabulary.first_prefix
    table, columns = base.linear.table.copy(), role_columns(len(base.labels))
    for position, role in enumerate(LINEAR_ROLES):
        weights = coefficients[:, position * n_terms : (position + 1) * n_terms].T
        words, prefixes = ROLE_WEIGHTS[role]
        table[:first_prefix, columns[role]] = weights[:first_prefix] * words
        table[first_prefix:, columns[role]] = weights[first_prefix:] * prefixes
    return base.linear._replace(
        table=table_of(table_arrays(table)),  # as it will be stored
        intercept=intercepts.astype(np.float32),
        weak_mix=coefficients[:, len(LINEAR_ROLES) * n_terms :].T.astype(np.float32),
    )


def _features(layout: Layout, linear: Linear, reader: Reader) -> np.ndarray:
    """Level 2's features of an own article, as at run time."""
    found = look_up(layout.texts, linear)
    sentences = score_sentences(found.sentence_sums, found.words.spans, linear)
    reading = read_page(layout, found.words.words, found.words.borders, reader)
    return first_level(layout, found.sums, sentences, linear, reading).features


def _said(
    rows: Rows, base: Base, layouts: Sequence[Layout], inputs: sparse.csr_matrix, said: np.ndarray,
    gold: tuple[np.ndarray, np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Logits of level 1 and features of level 2 of all passages."""
    logits = (inputs @ gold[0].T + gold[1]).astype(np.float32)
    names = feature_names(base.labels)
    features = np.zeros((len(logits), len(names)), dtype=np.float32)
    n_labels, n_shape, n_shipped = len(base.labels), len(SHAPE), len(rows.own)
    shipped = features[:n_shipped]
    shipped[:, kept_features(base.labels)] = columns_for(base.labels, rows.labels, rows.kept, kept_features)
    shipped[:, said_columns(base.labels)] = said[:n_shipped]
    shipped[:, -n_shape:] = rows.shape
    shipped[:, :n_labels] = logits[:n_shipped]
    ends = np.cumsum(rows.sizes)
    seen = slice(len(names) - n_shape - 7 * n_labels, len(names) - n_shape)
    for start, end in zip(ends - rows.sizes, ends, strict=True):
        here = slice(start, end)
        if end > start:
            shipped[here, seen] = surrounding_scores(logits[here], rows.section[here], rows.run[here])
    if layouts:
        linear = _frozen(base, gold)
        features[n_shipped:] = np.concatenate([_features(layout, linear, base.reader) for layout in layouts])
        logits[n_shipped:] = features[n_shipped:, :n_labels]
    return logits, features


def _fit_nets(features: np.ndarray, material: _Material, train: np.ndarray, options: NetOptions) -> Nets:
    rows = train & material.known.any(axis=1)
    nets, _ = fit_nets(features[rows], material.tags[rows], material.known[rows], options, material.weights[rows])
    return nets
