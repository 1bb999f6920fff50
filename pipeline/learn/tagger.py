"""Train the tagger and measure it.

    corpora --read--> articles, weak rows --level 1 without each fold and each pair of folds--> logits
            --level 2 on logits that saw neither fold--> out-of-fold scores --> calibration, thresholds
            --both levels on everything--> models/tagger

Every figure is pooled over out-of-fold answers. Level 2 for a fold learns from level-1 scores that saw
neither that fold nor the fold of the passage (hence the pairs); calibration and thresholds for a fold come
from the other folds.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
import sklearn

from pipeline.learn.corpus import FILES, OURS, WRITTEN, GoldArticle, WeakRow, read_gold, read_weak, read_written
from pipeline.learn.first_level import Fitted, LinearOptions, Pool, fit_first_level, pool_texts
from pipeline.learn.questions import question_rows, with_asked_headings
from pipeline.learn.rows import digests
from pipeline.learn.second_level import NetOptions, fit_calibration, fit_nets, fit_thresholds
from pipeline.learn.tag_baseline import baseline_scores
from pipeline.learn.tag_card import write_card
from pipeline.learn.tag_predictions import write_predictions
from pipeline.learn.tag_scores import macro_f1, score_table, tags_to_array
from pipeline.model_store import save_model
from pipeline.tag import section_tags
from pipeline.tag.context import FEATURES
from pipeline.tag.model import LABELS, ROLES, Linear, Nets
from pipeline.tag.score import calibrate, first_level, second_level


class TaggerOptions(NamedTuple):
    """Everything that decides how a tagger is trained."""

    linear: LinearOptions = LinearOptions()
    nets: NetOptions = NetOptions()


DEFAULTS = TaggerOptions()


class _Gold(NamedTuple):
    """The passages as arrays, in the order of the articles: the scored ones first, then those only learnt from."""

    articles: list[GoldArticle]
    tags: np.ndarray  # bool, shape (n_passages, n_labels)
    folds: np.ndarray  # shape (n_passages,)
    news: np.ndarray  # bool, shape (n_passages,)
    scored: int  # how many articles are scored; copies with asked headings and written ones are not

    def scored_only(self) -> _Gold:
        """The articles that count in a score."""
        rows = slice(sum(len(article.labels) for article in self.articles[: self.scored]))
        articles = self.articles[: self.scored]
        return _Gold(articles, self.tags[rows], self.folds[rows], self.news[rows], self.scored)


class OutOfFold(NamedTuple):
    """Answers to gold passages by models that saw nothing of their publishers."""

    articles: list[GoldArticle]
    tags: np.ndarray  # bool, shape (n_passages, n_labels): the hand labels
    folds: np.ndarray  # shape (n_passages,)
    news: np.ndarray  # bool, shape (n_passages,)
    first: np.ndarray  # logits of level 1
    logits: np.ndarray  # logits of level 2
    probabilities: np.ndarray  # calibrated on the other folds, four decimals
    given: np.ndarray  # bool: tags by the thresholds of the other folds


def train_tagger(
    corpora: Path,
    out: Path,
    options: TaggerOptions = DEFAULTS,
    say: Callable[[str], None] = lambda message: None,
    predictions: Path | None = None,
) -> dict[str, Any]:
    """Train on everything, measure out of fold, and write the model folder with its card.

    Parameters
    ----------
    corpora
        Folder with the files named in `pipeline.learn.corpus`.
    out
        The model folder, made if it is missing.
    options
        See `TaggerOptions`.
    say
        Called with one line at each step.
    predictions
        A folder for the out-of-fold answers.

    Returns
    -------
    dict
        The scores, as they stand in the manifest.

    Raises
    ------
    CorpusError
        If a corpus file is missing or broken.
    """
    gold, weak, pool = _read(corpora, options, say)
    answers, logits_first = _out_of_fold(gold, weak, pool, options, say)
    if predictions:
        write_predictions(answers.articles, answers.given, predictions)
    say("level 1 on everything")
    everything = np.ones(len(gold.tags), dtype=bool)
    fitted = fit_first_level(pool, gold.tags, weak, everything, np.ones(len(weak), dtype=bool), options.linear)
    say("level 2 on everything")
    nets, _ = fit_nets(logits_first, gold.tags, options.nets)
    calibration = fit_calibration(answers.logits, answers.tags)
    thresholds = fit_thresholds(calibrate(answers.logits, calibration), answers.tags)
    say("baseline")
    scores = {**tagger_scores(answers), "baseline": baseline_scores(answers.articles)}
    manifest = {
        "labels": list(LABELS),
        "roles": list(ROLES),
        "features": list(FEATURES),
        "thresholds": dict(zip(LABELS, thresholds, strict=True)),
        "options": {"linear": options.linear._asdict(), "nets": options.nets._asdict()},
        "data": {
            "sha256": digests(corpora, FILES),
            "articles": len(answers.articles),
            "passages": len(answers.tags),
            "written_sha256": digests(WRITTEN, sorted(path.name for path in WRITTEN.glob("*.jsonl"))),
            "written_articles": sum(article.publisher == OURS for article in gold.articles),
            "written_passages": sum(len(a.labels) for a in gold.articles if a.publisher == OURS),
            "copies_with_asked_headings": sum(a.publisher != OURS for a in gold.articles[gold.scored :]),
            "weak_paragraphs": sum(bool(row.text) for row in weak),
        },
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "scores": scores,
    }
    save_model(
        out,
        "tagger",
        _arrays(fitted.linear, nets, calibration),
        {"terms": fitted.terms},
        manifest,
    )
    write_card(out)
    return scores


def evaluate_tagger(
    corpora: Path,
    options: TaggerOptions = DEFAULTS,
    say: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Out-of-fold scores of the tagger trained this way and of the baseline, as `train_tagger` gives them."""
    gold, weak, pool = _read(corpora, options, say)
    answers, _ = _out_of_fold(gold, weak, pool, options, say)
    return {**tagger_scores(answers), "baseline": baseline_scores(answers.articles)}


def tagger_scores(answers: OutOfFold) -> dict[str, Any]:
    """Scores of out-of-fold answers: `score_table`, macro-F1 of section tags and of level 1 alone."""
    table = score_table(answers.tags, answers.given, answers.probabilities, answers.news, answers.folds)
    _, first_given = _cross_fitted(answers.first, answers.tags, answers.folds)
    missed = tags_to_array([tags for article in answers.articles for tags in article.missed])
    groups = {"all": np.ones_like(answers.news), "news": answers.news, "explainer": ~answers.news}
    return {
        **table,
        "sections": _section_scores(answers),
        "level_1": {name: round(macro_f1(answers.tags[r], first_given[r]), 4) for name, r in groups.items()},
        "labels_lost_to_headings": int(missed.sum()),
    }


def _read(corpora: Path, options: TaggerOptions, say: Callable[[str], None]) -> tuple[_Gold, list[WeakRow], Pool]:
    say(f"reading {corpora}")
    read = read_gold(corpora, LABELS)
    weak = [*read_weak(corpora, {article.article_id for article in read}), *question_rows()]
    written = read_written(LABELS)
    articles = [*read, *with_asked_headings(read), *written]
    sizes = [len(article.labels) for article in articles]
    gold = _Gold(
        articles,
        tags_to_array([tags for article in articles for tags in article.labels]),
        np.repeat([article.fold for article in articles], sizes),
        np.repeat([article.group == "news" for article in articles], sizes),
        len(read),
    )
    return gold, weak, pool_texts(articles, weak, options.linear.min_texts)


def _out_of_fold(
    gold: _Gold, weak: list[WeakRow], pool: Pool, options: TaggerOptions, say: Callable[[str], None]
) -> tuple[OutOfFold, np.ndarray]:
    """Out-of-fold answers, and the features of level 2 by level-1 models that held only the own fold out."""
    folds = sorted(set(gold.folds.tolist()))
    held_out = [frozenset(pair) for size in (1, 2) for pair in combinations(folds, size)]
    first: dict[frozenset[int], tuple[np.ndarray, np.ndarray]] = {}
    publishers = {fold: {a.publisher for a in gold.articles if a.fold == fold} for fold in folds}
    for number, out in enumerate(held_out, 1):
        say(f"level 1 without folds {sorted(out)} ({number} of {len(held_out)})")
        unseen = {publisher for fold in out for publisher in publishers[fold]}
        weak_train = np.array([row.publisher not in unseen for row in weak], dtype=bool)
        fitted = fit_first_level(pool, gold.tags, weak, ~np.isin(gold.folds, list(out)), weak_train, options.linear)
        first[out] = _apply_first_level(pool, fitted)
    level_1 = np.zeros(gold.tags.shape, dtype=np.float32)
    logits = np.zeros(gold.tags.shape, dtype=np.float32)
    features = np.zeros((len(gold.tags), len(FEATURES)), dtype=np.float32)
    for fold in folds:
        test = gold.folds == fold
        level_1[test], features[test] = (array[test] for array in first[frozenset([fold])])
        inner = np.zeros_like(features)
        for other in folds:
            rows = gold.folds == other
            if other != fold:
                inner[rows] = first[frozenset([fold, other])][1][rows]
        nets, _ = fit_nets(inner[~test], gold.tags[~test], options.nets)
        logits[test] = second_level(features[test], nets)
    counted = gold.scored_only()
    rows = slice(len(counted.tags))
    probabilities, given = _cross_fitted(logits[rows], counted.tags, counted.folds)
    answers = OutOfFold(
        counted.articles,
        counted.tags,
        counted.folds,
        counted.news,
        level_1[rows],
        logits[rows],
        probabilities,
        given,
    )
    return answers, features


def _apply_first_level(pool: Pool, fitted: Fitted) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of all gold passages."""
    pages = [
        first_level(layout, fitted.sums[ids], fitted.sentences[ids], fitted.linear)
        for layout, ids in zip(pool.layouts, pool.text_ids, strict=True)
    ]
    return np.concatenate([page.logits for page in pages]), np.concatenate([page.features for page in pages])


def _cross_fitted(logits: np.ndarray, tags: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and tags of each fold, calibrated and cut by what the other folds teach."""
    probabilities, given = np.zeros(tags.shape), np.zeros(tags.shape, dtype=bool)
    for fold in np.unique(folds):
        test = folds == fold
        calibration = fit_calibration(logits[~test], tags[~test])
        thresholds = fit_thresholds(calibrate(logits[~test], calibration), tags[~test])
        probabilities[test] = calibrate(logits[test], calibration)
        given[test] = probabilities[test] >= thresholds
    return probabilities, given


def _section_scores(answers: OutOfFold) -> dict[str, float]:
    """Macro-F1 of section tags, made from given passage tags against made from the hand labels."""
    given = iter([tuple(label for label, on in zip(LABELS, row, strict=True) if on) for row in answers.given])
    wanted_rows, given_rows, news = [], [], []
    for article in answers.articles:
        labels = iter(article.labels)
        for section in article.sections:
            words = [len(passage.text.split()) for passage in section.passages]
            wanted_rows.append(section_tags([next(labels) for _ in words], words))
            given_rows.append(section_tags([next(given) for _ in words], words))
            news.append(article.group == "news")
    wanted, tagged, is_news = tags_to_array(wanted_rows), tags_to_array(given_rows), np.array(news)
    groups = {"all": np.ones_like(is_news), "news": is_news, "explainer": ~is_news}
    return {name: round(macro_f1(wanted[rows], tagged[rows]), 4) for name, rows in groups.items()}


def _arrays(linear: Linear, nets: Nets, calibration: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "idf": linear.idf,
        "table": linear.table.astype(np.float16),
        "intercept": linear.intercept,
        "weak_intercept": linear.weak_intercept,
        "weak_mix": linear.weak_mix,
        **nets._asdict(),
        "calibration": calibration,
    }
