"""The rows that a tagger learnt from, as they ship with it: numbers, and no text.

    models/tagger/rows/   arrays.npz, manifest.json

A text is a bag of terms: which of the model's words, pairs and word beginnings it holds, and how often, each named
by a hash. The order of the words is gone, and rare terms are left out. Of every hand-labelled passage there is,
besides, which text stands in which role, its labels, what the weak models and the student said of it, once without
each fold, and of level 2's features those that do not change when the gold model is fitted anew, by models that had
seen nothing of the passage's fold. Publishers are hashes.
With these rows `pipeline.learn.refit` fits the gold model and level 2 anew, beside a user's own passages.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from pipeline.learn.corpus import GoldArticle
from pipeline.learn.first_level import Pool
from pipeline.model_store import ModelError, Schema, load_model, save_model
from pipeline.tag.context import SHAPE, feature_names, shape_features
from pipeline.tag.model import SQUASHED_ROLES

FOLDER = "rows"
#: Terms in fewer of the texts are left out: they say little, cost most, and could give a text away.
MIN_TEXTS = 8
#: Parts that an article plays: it is scored; learnt from and scored apart; only learnt from.
SCORED, ADDED, LEARNT = 0, 1, 2
#: Steps from zero to the largest value of a feature.
STEPS = 31
_HINT = "train it anew with: python -m pipeline train tagger --corpus DIR"
_LARGE = 255  # gaps from here on are kept apart

SCHEMA: Schema = {
    "columns": ("terms",),  # hashes of the terms, rising
    "column_sizes": ("terms",),  # texts that hold the term
    "gaps": ("entries",),  # from text to text within a column; _LARGE: see large_gaps
    "large_gaps": ("large",),
    "counts": ("entries",),  # how often the term stands there
    "titles": ("articles",),  # numbers of texts, as own, heading and lead_in
    "folds": ("articles",),
    "publishers": ("articles",),
    "news": ("articles",),
    "parts": ("articles",),
    "sizes": ("articles",),  # passages
    "own": ("passages",),
    "heading": ("passages",),
    "lead_in": ("passages",),
    "section": ("passages",),  # numbers within the article
    "run": ("passages",),
    "words": ("passages",),
    "tags": ("passages",),  # a bit a label
    "known": ("passages",),
    "said": ("versions", "said", "passages"),  # what the weak models, the student and the reader say, in steps
    "kept": ("kept", "passages"),  # columns of level 2's features, in steps
    "kept_steps": ("kept",),
    "shape": ("shape", "passages"),  # columns of level 2's features, as they are
}


class Rows(NamedTuple):
    """Hand-labelled passages without their texts."""

    labels: tuple[str, ...]
    texts: sparse.csr_matrix  # shape (n_texts, n_terms of the model): how often each term stands in each text
    titles: np.ndarray  # shape (n_articles,): number of the text; 0 is no text
    folds: np.ndarray
    publishers: np.ndarray  # hashes, see `publisher_key`
    news: np.ndarray  # bool
    parts: np.ndarray  # SCORED, ADDED or LEARNT
    sizes: np.ndarray  # passages of each article
    own: np.ndarray  # shape (n_passages,): number of the text
    heading: np.ndarray
    lead_in: np.ndarray
    section: np.ndarray  # numbers within the article
    run: np.ndarray
    words: np.ndarray
    tags: np.ndarray  # bool, shape (n_passages, n_labels)
    known: np.ndarray  # bool, shape (n_passages, n_labels): somebody has said whether it carries the label
    said: np.ndarray  # shape (n_folds + 1, n_passages, n_said): see `said_columns`; without each fold, and by all
    kept: np.ndarray  # shape (n_passages, n_kept): features of level 2 that no gold model changes
    shape: np.ndarray  # shape (n_passages, len(SHAPE)): those that tell of the text and its place
    digest: str  # names exactly these rows


def said_columns(labels: Sequence[str]) -> np.ndarray:
    """Columns of level 2's features with what the weak models, the student and the reader say: -1 to 1.

    Of the passage, of its heading, of the title.
    """
    n_labels = len(labels)
    return np.arange(n_labels, (1 + len(SQUASHED_ROLES) + 2) * n_labels)


def kept_features(labels: Sequence[str]) -> np.ndarray:
    """Columns of level 2's features, but SHAPE, that stay as they are when the gold model is fitted anew."""
    names = feature_names(labels)
    return np.array([place for place, name in enumerate(names) if not name.startswith("score ") and name not in SHAPE])


def columns_for(
    labels: Sequence[str], before: Sequence[str], values: np.ndarray, which: Callable[[Sequence[str]], np.ndarray]
) -> np.ndarray:
    """Columns of features of some labels as those of others: what a new label would have said is 0.

    Parameters
    ----------
    labels, before
        The labels wanted, and those that there are.
    values
        Array of shape (..., n_columns): the columns `which(before)` of the features.
    which
        `said_columns` or `kept_features`.

    Returns
    -------
    array of shape (..., n_wanted)
        The columns `which(labels)`.
    """
    known, wanted = ([feature_names(names)[column] for column in which(names)] for names in (before, labels))
    made = np.zeros((*values.shape[:-1], len(wanted)), dtype=values.dtype)
    for place, name in enumerate(wanted):
        if name in known:
            made[..., place] = values[..., known.index(name)]
    return made


def publisher_key(publisher: str) -> int:
    """A publisher's name as 32 bits."""
    return zlib.crc32(publisher.encode())


def term_keys(terms: Sequence[str]) -> np.ndarray:
    """Terms as 32 bits each."""
    digests = b"".join(hashlib.blake2b(term.encode(), digest_size=4).digest() for term in terms)
    return np.frombuffer(digests, dtype=np.uint32)


def save_rows(
    folder: Path, articles: Sequence[GoldArticle], tags: np.ndarray, known: np.ndarray, parts: np.ndarray, pool: Pool,
    features: np.ndarray, versions: Sequence[np.ndarray], terms: Sequence[str], labels: Sequence[str],
) -> None:  # fmt: skip
    """Write the rows of hand-labelled articles.

    Parameters
    ----------
    folder
        Made if it is missing.
    articles, tags, known
        The articles, and of their passages the labels and whether somebody answered; both of shape (n_passages,
        n_labels).
    parts
        SCORED, ADDED or LEARNT, of each article.
    pool
        The articles' texts, from `pool_texts`.
    features
        Array of shape (n_passages, n_features): level 2's, by level-1 models that have not seen the passage's fold.
    versions
        The same by the models without each fold, and by those on everything.
    terms
        The model's.
    labels
        In the order of the columns of `tags`.
    """
    bags = _bags(pool, terms)
    often = np.diff(bags.indptr) >= MIN_TEXTS
    bags = bags[:, often]
    keys = term_keys(terms)[often]
    order = np.argsort(keys, kind="stable")
    bags, keys = bags[:, order], keys[order]
    starts = np.diff(bags.indices, prepend=0)
    starts[bags.indptr[:-1]] = bags.indices[bags.indptr[:-1]]
    of_passages = features[:, kept_features(labels)]
    largest = np.abs(of_passages).max(axis=0)
    steps = np.where(largest > 0, largest, 1) / STEPS
    said = np.stack(versions)[:, :, said_columns(labels)]
    bits = 1 << np.arange(len(labels))
    arrays = {
        "columns": keys,
        "column_sizes": np.diff(bags.indptr),
        "gaps": np.minimum(starts, _LARGE).astype(np.uint8),
        "large_gaps": starts[starts >= _LARGE],
        "counts": bags.data.astype(np.uint8),
        "titles": np.array([i[lay.title] for lay, i in zip(pool.layouts, pool.text_ids, strict=True)]),
        "folds": np.array([article.fold for article in articles], dtype=np.uint8),
        "publishers": np.array([publisher_key(article.publisher) for article in articles], dtype=np.uint32),
        "news": np.array([article.group == "news" for article in articles], dtype=np.uint8),
        "parts": parts.astype(np.uint8),
        "sizes": np.array([len(layout.own) for layout in pool.layouts]),
        **{role: pool.role(role) for role in ("own", "heading", "lead_in")},
        **{name: np.concatenate([getattr(layout, name) for layout in pool.layouts]) for name in ("section", "run")},
        "words": np.array([len(p.text.split()) for lay in pool.layouts for p in lay.passages]),
        "tags": (tags @ bits),
        "known": (known @ bits),
        "said": np.round(said * STEPS).astype(np.int8).transpose(0, 2, 1),
        "kept": np.round(of_passages / steps).astype(np.int8).T,
        "kept_steps": steps.astype(np.float32),
        "shape": np.concatenate([shape_features(layout) for layout in pool.layouts]).astype(np.float16).T,
    }
    manifest = {
        "labels": list(labels),
        "features": list(feature_names(labels)),
        "passages": len(tags),
        "articles": len(articles),
    }
    arrays = {
        name: array if array.dtype.kind == "f" or name in ("kept", "said") else _narrow(array)
        for name, array in arrays.items()
    }
    save_model(folder, "rows", arrays, {}, manifest, small=True)


def load_rows(folder: Path, terms: Sequence[str]) -> Rows:
    """Read the rows of a model with these terms.

    Raises
    ------
    ModelError
        If the folder holds no whole and consistent rows.
    """
    model = load_model(folder, "rows", SCHEMA, "tagger --corpus DIR")
    read = model.arrays
    labels = model.manifest.get("labels")
    if not isinstance(labels, list) or model.manifest.get("features") != list(feature_names(labels)):
        raise ModelError(f"{folder}/manifest.json: labels are missing, or features of another version; {_HINT}")
    own_texts = int(max(read[role].max(initial=0) for role in ("own", "heading", "lead_in", "titles"))) + 1
    try:
        texts = _texts(read, terms, own_texts)
    except ValueError as error:
        raise ModelError(f"{folder}/arrays.npz: {error}; {_HINT}") from error
    if sorted(set(read["folds"].tolist())) != list(range(len(read["said"]) - 1)):
        raise ModelError(f"{folder}/arrays.npz: there are other folds than answers without each; {_HINT}")
    if int(read["sizes"].sum()) != len(read["own"]):
        raise ModelError(f"{folder}/arrays.npz: the articles have other passages than there are; {_HINT}")
    bits = 1 << np.arange(len(labels))
    return Rows(
        labels=tuple(labels),
        texts=texts,
        titles=read["titles"].astype(np.intp),
        folds=read["folds"].astype(np.intp),
        publishers=read["publishers"],
        news=read["news"] > 0,
        parts=read["parts"],
        sizes=read["sizes"].astype(np.intp),
        **{name: read[name].astype(np.intp) for name in ("own", "heading", "lead_in", "section", "run", "words")},
        tags=(read["tags"][:, None] & bits) > 0,
        known=(read["known"][:, None] & bits) > 0,
        said=read["said"].transpose(0, 2, 1).astype(np.float32) / STEPS,
        kept=read["kept"].T * read["kept_steps"],
        shape=read["shape"].T.astype(np.float32),
        digest=model.digest,
    )


def some_rows(rows: Rows, share: float) -> Rows:
    """The rows of this share of the articles, of each fold alike: quicker to learn from, and worse.

    Raises
    ------
    ValueError
        If the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of articles is {share}; it must be above 0 and at most 1")
    number = np.zeros(len(rows.folds), dtype=np.intp)  # of the article within its fold
    for fold in np.unique(rows.folds):
        number[rows.folds == fold] = np.arange((rows.folds == fold).sum())
    taken = np.floor((number + 1) * share) > np.floor(number * share)
    here = np.repeat(taken, rows.sizes)
    roles = {role: getattr(rows, role)[here] for role in ("own", "heading", "lead_in")}
    titles = rows.titles[taken]
    texts = np.unique(np.concatenate([[0], titles, *roles.values()]))
    return rows._replace(
        texts=rows.texts[texts],
        titles=np.searchsorted(texts, titles),
        **{role: np.searchsorted(texts, numbers) for role, numbers in roles.items()},
        **{name: getattr(rows, name)[taken] for name in ("folds", "publishers", "news", "parts", "sizes")},
        **{name: getattr(rows, name)[here] for name in ("section", "run", "words", "tags", "known", "kept", "shape")},
        said=rows.said[:, here],
    )


def _narrow(array: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 on in as few bytes as they need; others as they are."""
    if array.dtype.kind in "fi" and array.dtype.itemsize <= 4:
        return array
    return array.astype(np.min_scalar_type(int(array.max(initial=0))))


def _bags(pool: Pool, terms: Sequence[str]) -> sparse.csc_matrix:
    """The gold texts' counts of the terms, column by column."""
    counts = sparse.hstack([pool.words, pool.prefixes], format="csc")
    place = {name: column for column, name in enumerate([*pool.word_names, *pool.prefix_names])}
    bags = counts[:, [place[term] for term in terms]][: pool.gold_texts].tocsc()
    bags.sort_indices()
    return bags


def _texts(read: dict[str, np.ndarray], terms: Sequence[str], n_texts: int) -> sparse.csr_matrix:
    sizes, gaps = read["column_sizes"].astype(np.int64), read["gaps"].astype(np.int64)
    large = gaps == _LARGE
    if sizes.sum() != len(gaps) or large.sum() != len(read["large_gaps"]):
        raise ValueError("the columns have other entries than there are")
    gaps[large] = read["large_gaps"]
    ends = np.cumsum(sizes)
    rows = np.cumsum(gaps)
    rows -= np.repeat(np.concatenate(([0], rows[ends[:-1] - 1])), sizes)  # a column begins anew at text 0
    place: dict[int, int] = {key: column for column, key in enumerate(term_keys(terms).tolist())}
    columns = np.repeat([place.get(key, -1) for key in read["columns"].tolist()], sizes)
    if len(rows) and (rows.max() >= n_texts or columns.min() < 0):
        raise ValueError("texts or terms that the model does not know")
    shape = (n_texts, len(terms))
    return sparse.csr_matrix((read["counts"].astype(np.float32), (rows, columns)), shape=shape)
