"""Level 1 of the tagger: linear models over TF-IDF, with scikit-learn, frozen into one table.

Three models are fitted first: two weak ones, on paragraphs and on headings of weakly labelled sections, and a
student, ridge regression on the logits that a teacher gave to unlabelled passages. Their squashed scores are
features of the gold model, beside the words and prefixes of the passage and of its surroundings.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression, Ridge

from pipeline.learn.corpus import CorpusError, GoldArticle, WeakRow
from pipeline.learn.taught import Taught
from pipeline.tag.layout import Layout, lay_out
from pipeline.tag.model import (
    LINEAR_ROLES,
    ROLES,
    WEAK_SCALE,
    Linear,
    role_columns,
    sentence_columns,
    table_arrays,
    table_of,
)
from pipeline.tag.score import first_level, score_sentences
from pipeline.tag.terms import prefix_terms, sentences, vocabulary_of, word_terms


class LinearOptions(NamedTuple):
    """Options of level 1. Each C is a coarse choice on five folds by publisher; scores are flat around it."""

    min_texts: int = 10  # a term stands in at least so many training texts
    gold_c: float = 4.0
    weak_c: float = 1.0
    weak_heading_c: float = 4.0
    student_alpha: float = 1.0
    tolerance: float = 0.01  # of liblinear's dual solver: scores differ by less than 0.001 from 0.0001
    seed: int = 0


#: Weight of the words and of the prefixes of a text in each role, before fitting: how much it may say.
ROLE_WEIGHTS = {
    "own": (0.6, 0.8),
    "previous": (0.3, 0.3),
    "next": (0.3, 0.3),
    "heading": (1.0, 0.7),
    "lead_in": (0.7, 0.7),
    "weak": (0.6, 0.8),
    "weak_heading": (1.0, 0.7),
    "student": (0.6, 0.8),
}


class Pool(NamedTuple):
    """All texts of the corpora, once each, as counts of terms; text 0 is ""."""

    words: sparse.csr_matrix  # shape (n_texts, n_words)
    prefixes: sparse.csr_matrix  # shape (n_texts, n_prefixes)
    sentence_words: sparse.csr_matrix  # the same of the sentences of the gold texts, in order
    sentence_prefixes: sparse.csr_matrix
    spans: list[list[tuple[int, int]]]  # sentences of each gold text, as characters [start, end)
    word_names: np.ndarray
    prefix_names: np.ndarray
    layouts: list[Layout]  # of the gold articles
    text_ids: list[np.ndarray]  # of each layout: its texts' places in the pool
    gold_texts: int  # texts of gold articles come first, then those of the weak rows and of the taught ones only
    weak_texts: np.ndarray  # shape (n_weak,)
    weak_headings: np.ndarray  # shape (n_weak,)
    taught_texts: np.ndarray  # shape (n_taught,)

    def role(self, role: str) -> np.ndarray:
        """The text in this role to each gold passage, shape (n_passages,)."""
        field = {"next": "following"}.get(role, role)
        return np.concatenate(
            [ids[getattr(layout, field)] for layout, ids in zip(self.layouts, self.text_ids, strict=True)]
        )


class Lesson(NamedTuple):
    """What the student learns from."""

    rows: np.ndarray  # bool, shape (n_taught,): the taught texts that may be used
    weights: np.ndarray  # shape (n_taught,)
    logits: np.ndarray  # shape (n_taught, n_labels)


def learnable(
    weak: Sequence[WeakRow], taught: Taught, unseen: Collection[str], said: np.ndarray | None
) -> tuple[np.ndarray, Lesson]:
    """What level 1 may learn from for folds that it must not have seen.

    Parameters
    ----------
    weak, taught
        The weak rows, and the texts that teachers answered.
    unseen
        The publishers of those folds.
    said
        Logits of the teacher that has seen no label of them; None: there is none, and the student learns nothing.

    Returns
    -------
    Which weak rows, bool of shape (n_weak,), and the lesson of the student.
    """
    rows = np.array([row.publisher not in unseen for row in weak], dtype=bool)
    may = np.array([said is not None and publisher not in unseen for publisher in taught.publishers], dtype=bool)
    return rows, Lesson(may, taught.weights, taught.by_all() if said is None else said)


def pool_texts(articles: Sequence[GoldArticle], weak: Sequence[WeakRow], taught: Sequence[str], min_texts: int) -> Pool:
    """Count the terms of every text of the corpora; terms in fewer than `min_texts` texts are left out."""
    index: dict[str, int] = {"": 0}
    layouts = [lay_out(article.title, article.sections) for article in articles]
    text_ids = [np.array([index.setdefault(text, len(index)) for text in layout.texts]) for layout in layouts]
    gold_texts = len(index)
    weak_texts = np.array([index.setdefault(row.text, len(index)) for row in weak], dtype=np.intp)
    weak_headings = np.array([index.setdefault(row.heading, len(index)) for row in weak], dtype=np.intp)
    taught_texts = np.array([index.setdefault(text, len(index)) for text in taught], dtype=np.intp)
    words = CountVectorizer(analyzer=word_terms, min_df=min_texts, dtype=np.float32)
    prefixes = CountVectorizer(analyzer=prefix_terms, min_df=min_texts, dtype=np.float32)
    texts = list(index)
    counts = words.fit_transform(texts), prefixes.fit_transform(texts)
    ranges = [sentences(text) for text in texts[:gold_texts]]
    parts = [text[a:b] for text, spans in zip(texts, ranges, strict=False) for a, b in spans]
    return Pool(
        *counts,
        words.transform(parts),
        prefixes.transform(parts),
        ranges,
        words.get_feature_names_out(),
        prefixes.get_feature_names_out(),
        layouts,
        text_ids,
        gold_texts,
        weak_texts,
        weak_headings,
        taught_texts,
    )


class Fitted(NamedTuple):
    """Level 1 fitted on some of the articles."""

    terms: list[str]  # in the order of the table's rows
    linear: Linear
    sums: np.ndarray  # shape (gold_texts, n_columns): what the table gives for every gold text
    sentences: np.ndarray  # shape (gold_texts, 6 * n_labels): see `pipeline.tag.score.score_sentences`
    models: tuple[LogisticRegression, ...]  # of each label, for the test that the table says the same
    features: sparse.csr_matrix  # of all gold passages, as these models saw them


def fit_first_level(
    pool: Pool,
    labels: Sequence[str],
    tags: np.ndarray,
    train: np.ndarray,
    weak: Sequence[WeakRow],
    weak_train: np.ndarray,
    lesson: Lesson,
    options: LinearOptions,
) -> Fitted:
    """Fit the weak models and the student, then the gold model, and freeze them.

    Parameters
    ----------
    pool
        From `pool_texts`.
    labels
        Their names, as the weak rows have them.
    tags, train
        Bool arrays of shape (n_passages, n_labels): what passages carry, and of which labels they are to teach it.
        Vocabulary and idf are of those that teach any.
    weak, weak_train
        The weak rows of the pool, and which of them to learn from, bool of shape (n_weak,).
    lesson
        For the student. Without any row its scores are 0, and so are those of the weak models without weak rows, or of
        a label that none of them carries.
    options
        See `LinearOptions`.
    """
    fields = {role: pool.role(role) for role in LINEAR_ROLES}
    seen = [field[train.any(axis=1)] for field in fields.values()]
    used = np.unique(np.concatenate([*seen, pool.weak_texts[weak_train], pool.weak_headings[weak_train]]))
    word_columns, word_idf, words = _tfidf(pool.words, used, options.min_texts)
    prefix_columns, prefix_idf, prefixes = _tfidf(pool.prefixes, used, options.min_texts)
    n_words, n_terms = len(word_columns), len(word_columns) + len(prefix_columns)
    n_labels = len(labels)
    columns = role_columns(n_labels)
    table = np.zeros((n_terms, len(ROLES) * n_labels))

    def weighted(role: str) -> sparse.csr_matrix:
        word_weight, prefix_weight = ROLE_WEIGHTS[role]
        return sparse.hstack([words * word_weight, prefixes * prefix_weight], format="csr")

    def freeze(role: str, label: int, weights: np.ndarray) -> None:
        word_weight, prefix_weight = ROLE_WEIGHTS[role]
        column = table[:, columns[role]][:, label]
        column[:n_words] = weights[:n_words] * word_weight
        column[n_words:] = weights[n_words:] * prefix_weight

    weak_rows = np.flatnonzero(weak_train & (pool.weak_texts > 0))
    headed = _distinct_headings(weak, np.flatnonzero(weak_train))
    weak_intercept = []
    for role, texts, rows, c in (
        ("weak", pool.weak_texts, weak_rows, options.weak_c),
        ("weak_heading", pool.weak_headings, headed, options.weak_heading_c),
    ):
        if not len(rows):
            weak_intercept += [0.0] * n_labels
            continue
        features = weighted(role)[texts[rows]]
        for label, name in enumerate(labels):
            carried = np.array([name in weak[row].tags for row in rows.tolist()])
            if not carried.any():
                weak_intercept.append(0.0)
                continue
            model = fit_logistic(features, carried, c, options)
            freeze(role, label, model.coef_[0])
            weak_intercept.append(model.intercept_[0])

    student_intercept = np.zeros(n_labels)
    if lesson.rows.any():
        student = Ridge(alpha=options.student_alpha, solver="sparse_cg", tol=1e-4)
        told = weighted("student")[pool.taught_texts[lesson.rows]]
        student.fit(told, lesson.logits[lesson.rows], sample_weight=lesson.weights[lesson.rows])
        student_intercept = student.intercept_
        for label, weights in enumerate(student.coef_):
            freeze("student", label, weights)

    terms_of_gold = sparse.hstack([words, prefixes], format="csr")[: pool.gold_texts]
    squashed_columns = slice(columns["weak"].start, columns["student"].stop)
    intercepts = np.array([*weak_intercept, *student_intercept])
    weak_of, heading_of, student_of = np.split(terms_of_gold @ table[:, squashed_columns] + intercepts, 3, axis=1)
    heading = heading_of[fields["heading"]] * (fields["heading"] > 0)[:, None]
    squashed = np.tanh(np.hstack([weak_of[fields["own"]], heading, student_of[fields["own"]]]) / WEAK_SCALE)
    features = sparse.hstack(
        [*(weighted(role)[texts] for role, texts in fields.items()), sparse.csr_matrix(squashed)],
        format="csr",
    )
    models = tuple(
        fit_logistic(features[rows], tags[rows, label], options.gold_c, options) for label, rows in enumerate(train.T)
    )
    for label, model in enumerate(models):
        for position, role in enumerate(LINEAR_ROLES):
            freeze(role, label, model.coef_[0, position * n_terms : (position + 1) * n_terms])
    names = [*pool.word_names[word_columns].tolist(), *pool.prefix_names[prefix_columns].tolist()]
    linear = Linear(
        vocabulary=vocabulary_of(names),
        idf=np.concatenate([word_idf, prefix_idf]).astype(np.float32),
        table=table_of(table_arrays(table)),  # as it will be stored
        intercept=np.array([model.intercept_[0] for model in models], dtype=np.float32),
        weak_intercept=intercepts.astype(np.float32),
        weak_mix=np.stack([model.coef_[0, -3 * n_labels :] for model in models], axis=1).astype(np.float32),
    )
    sums = _sentence_sums(pool, word_columns, prefix_columns, linear)
    sentence_scores = score_sentences(sums, pool.spans, linear)
    return Fitted(names, linear, terms_of_gold @ linear.table, sentence_scores, models, features)


def apply_first_level(pool: Pool, fitted: Fitted, reading: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of all gold passages, to whom the reader said `reading`, of shape (n_passages, n_labels)."""
    ends = np.cumsum([len(layout.passages) for layout in pool.layouts])
    pages = [
        first_level(layout, fitted.sums[ids], fitted.sentences[ids], fitted.linear, of_page)
        for layout, ids, of_page in zip(pool.layouts, pool.text_ids, np.split(reading, ends[:-1]), strict=True)
    ]
    return np.concatenate([page.logits for page in pages]), np.concatenate([page.features for page in pages])


def _sentence_sums(pool: Pool, words: np.ndarray, prefixes: np.ndarray, linear: Linear) -> np.ndarray:
    """For every sentence of the gold texts what `pipeline.tag.score` computes for those of a page."""
    n_words = linear.vocabulary.first_prefix
    table = linear.table[:, sentence_columns(len(linear.intercept))] * linear.idf[:, None]
    sums = np.zeros((pool.sentence_words.shape[0], table.shape[1]), dtype=np.float32)
    for counts, rows in (
        (pool.sentence_words[:, words], slice(None, n_words)),
        (pool.sentence_prefixes[:, prefixes], slice(n_words, None)),
    ):
        length = np.sqrt(counts @ linear.idf[rows] ** 2)
        sums += counts @ table[rows] / np.where(length > 0, length, 1)[:, None]
    return sums


def _tfidf(
    counts: sparse.csr_matrix, used: np.ndarray, min_texts: int
) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix]:
    """Columns kept, their idf, and the TF-IDF of all texts; what is kept, and idf, tell the texts `used`."""
    in_texts = np.bincount(counts[used].indices, minlength=counts.shape[1])
    columns = np.flatnonzero(in_texts >= min_texts)
    kept = counts[:, columns]
    transformer = TfidfTransformer(sublinear_tf=True).fit(kept[used])
    return columns, transformer.idf_, transformer.transform(kept)


def _distinct_headings(weak: Sequence[WeakRow], rows: np.ndarray) -> np.ndarray:
    """The first row of each heading of each source: a source repeats its headings thousands of times."""
    first: dict[tuple[str, str], int] = {}
    for row in rows.tolist():
        if weak[row].heading:
            first.setdefault((weak[row].source, weak[row].heading), row)
    return np.array(sorted(first.values()), dtype=np.intp)


def fit_logistic(
    features: sparse.csr_matrix,
    carried: np.ndarray,
    c: float,
    options: LinearOptions,
    weights: np.ndarray | None = None,
) -> LogisticRegression:
    """The model of one label, on rows that carry it or not; `weights` of the rows, shape (n_rows,), may be given.

    Raises
    ------
    CorpusError
        If all rows carry it, or none.
    """
    if carried.all() or not carried.any():
        raise CorpusError("too few labels: the rows to learn from carry a tag everywhere or nowhere")
    model = LogisticRegression(
        C=c,
        class_weight="balanced",
        solver="liblinear",
        dual=True,
        tol=options.tolerance,
        random_state=options.seed,
    )
    return model.fit(features, carried, weights)
