"""What the tagger learns from, and how models answer that have seen nothing of a passage's publisher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.label.store import read_asked, read_label_names, read_labels
from pipeline.learn.corpus import CorpusError, GoldArticle, WeakRow, read_added, read_gold, read_weak, read_written
from pipeline.learn.first_level import (
    Lesson,
    LinearOptions,
    Pool,
    apply_first_level,
    fit_first_level,
    learnable,
    pool_texts,
)
from pipeline.learn.own_labels import MIN_FOLDS, MIN_PASSAGES
from pipeline.learn.questions import question_rows, with_asked_headings
from pipeline.learn.reader import Heard
from pipeline.learn.second_level import NetOptions, across_folds, cross_fitted, fit_nets, held_out_folds, judges
from pipeline.learn.tag_scores import tags_to_array
from pipeline.learn.taught import Taught, read_taught
from pipeline.tag.context import feature_names
from pipeline.tag.model import Nets


class Gold(NamedTuple):
    """The passages as arrays, in the order of the articles: the scored ones first, then those only learnt from."""

    articles: list[GoldArticle]
    labels: tuple[str, ...]
    tags: np.ndarray  # bool, shape (n_passages, n_labels)
    known: np.ndarray  # the same: somebody has said whether the passage carries the label
    folds: np.ndarray  # shape (n_passages,)
    news: np.ndarray  # bool, shape (n_passages,)
    scored: int  # how many articles are scored: those of the corpus
    added: int  # how many more are scored apart: those that the label store adds
    before: np.ndarray  # bool, shape (n_scored_passages, n_labels): the labels before the store corrected them

    @property
    def answered(self) -> np.ndarray:
        """Bool, shape (n_passages,): the others stand there for their neighbours."""
        return np.asarray(self.known.any(axis=1))

    @property
    def old(self) -> np.ndarray:
        """Columns of the labels that are known of every scored passage: figures of the whole model are of these."""
        return np.flatnonzero(self.known[self.rows(0, self.scored)].all(axis=0))

    def rows(self, first: int, end: int) -> slice:
        """The passages of the articles [first, end)."""
        sizes = [len(article.labels) for article in self.articles[:end]]
        return slice(sum(sizes[:first]), sum(sizes))


class OutOfFold(NamedTuple):
    """Answers to gold passages by models that saw nothing of their publishers."""

    articles: list[GoldArticle]
    tags: np.ndarray  # bool, shape (n_passages, n_labels): the hand labels
    known: np.ndarray  # the same: somebody has said whether the passage carries the label
    folds: np.ndarray  # shape (n_passages,)
    news: np.ndarray  # bool, shape (n_passages,)
    first: np.ndarray  # logits of level 1
    logits: np.ndarray  # logits of level 2
    probabilities: np.ndarray  # calibrated on the other folds, four decimals
    given: np.ndarray  # bool: tags by the thresholds of the other folds

    def of(self, columns: np.ndarray) -> OutOfFold:
        """The same of some labels only."""
        names = ("tags", "known", "first", "logits", "probabilities", "given")
        return self._replace(**{name: getattr(self, name)[:, columns] for name in names})


def read_all(
    corpora: Path, store: Path, teacher: Path, min_texts: int, say: Callable[[str], None]
) -> tuple[Gold, list[WeakRow], Taught, Pool]:
    """Everything to learn from: the articles, weak rows, what teachers said, and the texts of all of them."""
    say(f"reading {corpora}")
    answers, asked = read_labels(store), read_asked(store)
    labels = tuple(label.name for label in read_label_names(store))
    read = read_gold(corpora, labels, answers, asked)
    added = read_added(corpora, labels, answers)
    used = {article.article_id for article in (*read, *added)}
    weak = [*read_weak(corpora, used), *question_rows()]
    written = read_written(labels, asked=asked)
    articles = [*read, *added, *with_asked_headings(read), *written]
    sizes = [len(article.labels) for article in articles]
    gold = Gold(
        articles,
        labels,
        tags_to_array([tags for article in articles for tags in article.labels], labels),
        tags_to_array([asked for article in articles for asked in article.asked], labels),
        np.repeat([article.fold for article in articles], sizes),
        np.repeat([article.group == "news" for article in articles], sizes),
        len(read),
        len(added),
        tags_to_array([tags for article in read_gold(corpora, labels) for tags in article.labels], labels),
    )
    _refuse_few(gold)
    taught = read_taught(corpora, teacher, labels)
    return gold, weak, taught, pool_texts(articles, weak, taught.texts, min_texts)


def _refuse_few(gold: Gold) -> None:
    for place, label in enumerate(gold.labels):
        carried = gold.tags[:, place]
        if carried.sum() < MIN_PASSAGES:
            raise CorpusError(
                f"label {label}: {carried.sum()} passages carry it; it needs {MIN_PASSAGES}. Label more, or take it "
                "out of labels.toml"
            )
        folds = len(np.unique(gold.folds[carried]))
        if place not in gold.old and folds < MIN_FOLDS:
            raise CorpusError(
                f"label {label}: the passages that carry it are of {folds} folds, and it takes {MIN_FOLDS} to measure "
                "it. Label passages of more publishers"
            )


def readings_of(gold: Gold, pool: Pool, heard: Heard, say: Callable[[str], None]) -> dict[int, np.ndarray]:
    """For each fold what the reader that has not heard of it says of all passages, shape (n_passages, n_labels)."""
    readings = {}
    for fold in np.unique(gold.folds).tolist():
        readings[fold], known = heard.by(fold, pool.layouts)
        if known < len(gold.folds):
            say(f"reader without fold {fold}: {len(gold.folds) - known} passages answered by the shipped one")
    return readings


def out_of_fold(
    gold: Gold,
    weak: list[WeakRow],
    taught: Taught,
    pool: Pool,
    readings: dict[int, np.ndarray],
    linear: LinearOptions,
    nets: NetOptions,
    say: Callable[[str], None],
) -> tuple[OutOfFold, OutOfFold, np.ndarray, list[np.ndarray]]:
    """Out-of-fold answers to the scored articles and to the added ones, and the features of level 2.

    The features are those by level-1 models that held only the own fold out; then those of all passages by the model
    without each fold.
    """
    folds = sorted(set(gold.folds.tolist()))
    heard_any = any(reading.any() for reading in readings.values())
    held_out = held_out_folds(folds)
    first: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}
    publishers = {fold: {a.publisher for a in gold.articles if a.fold == fold} for fold in folds}
    for number, out in enumerate(held_out, 1):
        said = taught.by(out[0])
        if said is None and out[::-1] in first and taught.by(out[-1]) is None and not heard_any:
            first[out] = first[out[::-1]]
            continue
        say(f"level 1 without folds {list(out)} ({number} of {len(held_out)})")
        weak_train, lesson = learnable(weak, taught, {name for fold in out for name in publishers[fold]}, said)
        train = ~np.isin(gold.folds, out)[:, None] & gold.known
        fitted = fit_first_level(pool, gold.labels, gold.tags, train, weak, weak_train, lesson, linear)
        first[out] = apply_first_level(pool, fitted, readings[out[0]])

    def learn(inner: np.ndarray, train: np.ndarray) -> Nets:
        learnt = train & gold.answered
        return fit_nets(inner[learnt], gold.tags[learnt], gold.known[learnt], nets)[0]

    level_1, logits, features = across_folds(first, gold.folds, learn)
    told = gold.rows(0, gold.scored + gold.added)
    headed = headed_of(gold.articles[: gold.scored + gold.added])
    scored = np.arange(len(headed)) < len(gold.before)  # the added ones were drawn as the hardest: they would mislead
    judge, _ = judges(gold.known[told], scored, np.ones_like(scored))
    probabilities, given = cross_fitted(logits[told], gold.tags[told], gold.folds[told], judge, headed)

    def answers(first: int, end: int) -> OutOfFold:
        rows = gold.rows(first, end)
        columns = gold.tags, gold.known, gold.folds, gold.news, level_1, logits, probabilities, given
        return OutOfFold(gold.articles[first:end], *(column[rows] for column in columns))

    by_fold = [first[(fold,)][1] for fold in folds]
    return answers(0, gold.scored), answers(gold.scored, gold.scored + gold.added), features, by_fold


def features_to_ship(
    gold: Gold,
    weak: list[WeakRow],
    taught: Taught,
    pool: Pool,
    heard: Heard,
    linear: LinearOptions,
    say: Callable[[str], None],
) -> np.ndarray:
    """What the shipped level 2 learns from: level-1 models that held the own fold out, with the shipped reader's and
    student's lessons. Level 2 must know these two as they will speak: those of the folds differ among each other,
    which costs it 0.014 macro-F1.
    """
    reading = heard.read(pool.layouts)
    lesson = Lesson(np.ones(len(taught.texts), dtype=bool), taught.weights, taught.by_all())
    features = np.zeros((len(gold.tags), len(feature_names(gold.labels))), dtype=np.float32)
    for fold in np.unique(gold.folds):
        say(f"level 1 without fold {fold}, for the shipped level 2")
        unseen = {article.publisher for article in gold.articles if article.fold == fold}
        weak_train = np.array([row.publisher not in unseen for row in weak], dtype=bool)
        test = gold.folds == fold
        train = ~test[:, None] & gold.known
        fitted = fit_first_level(pool, gold.labels, gold.tags, train, weak, weak_train, lesson, linear)
        features[test] = apply_first_level(pool, fitted, reading)[1][test]
    return features


def headed_of(articles: Sequence[GoldArticle]) -> np.ndarray:
    """Whether its article has a heading, of each passage; shape (n_passages,)."""
    sizes = [len(article.labels) for article in articles]
    return np.repeat([any(section.heading for section in article.sections) for article in articles], sizes)
