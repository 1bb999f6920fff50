"""Train the tagger and measure it.

    corpora --read--> articles, weak rows --level 1 without each fold and each pair of folds--> logits
            --level 2 on logits that saw neither fold--> out-of-fold scores --> calibration, thresholds
            --both levels on everything--> models/tagger

Every figure is pooled over out-of-fold answers. Level 2 for a fold learns from level-1 scores that saw
neither that fold nor the fold of the passage (hence the pairs); calibration and thresholds for a fold come
from the other folds.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy
import sklearn

from pipeline.label.store import STORE, read_labels
from pipeline.learn.ablation import Passages, ablate
from pipeline.learn.corpus import (
    FILES,
    FOLDS,
    GOLD,
    OURS,
    WRITTEN,
    GoldArticle,
    WeakRow,
    read_added,
    read_gold,
    read_weak,
    read_written,
)
from pipeline.learn.first_level import (
    Fitted,
    Lesson,
    LinearOptions,
    Pool,
    apply_first_level,
    fit_first_level,
    pool_texts,
)
from pipeline.learn.questions import question_rows, with_asked_headings
from pipeline.learn.reader import READER, Heard, read_heard
from pipeline.learn.refit import Base, from_rows, refit
from pipeline.learn.rows import CorpusError, digests
from pipeline.learn.second_level import (
    NetOptions,
    across_folds,
    calibrated,
    cross_fitted,
    fit_curve,
    fit_kind_calibrations,
    fit_kind_thresholds,
    fit_nets,
    held_out_folds,
)
from pipeline.learn.shipped_rows import ADDED, FOLDER, LEARNT, SCORED, Rows, load_rows, save_rows
from pipeline.learn.tag_baseline import baseline_scores
from pipeline.learn.tag_card import write_card
from pipeline.learn.tag_predictions import write_predictions
from pipeline.learn.tag_scores import macro_f1, publisher_scores, reliability, score_table, tags_to_array
from pipeline.learn.taught import TEACHER, Taught, read_taught
from pipeline.model_store import save_model
from pipeline.records import TaggedPassage
from pipeline.tag import cut, section_tags
from pipeline.tag.context import feature_names
from pipeline.tag.model import LABELS, ROLES, THRESHOLDS, Linear, Nets, reader_arrays


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
    answered: np.ndarray  # bool, shape (n_passages,): the others stand there for their neighbours
    scored: int  # how many articles are scored: those of the corpus
    added: int  # how many more are scored apart: those that the label store adds
    before: np.ndarray  # bool, shape (n_scored_passages, n_labels): the labels before the store corrected them

    def rows(self, first: int, end: int) -> slice:
        """The passages of the articles [first, end)."""
        sizes = [len(article.labels) for article in self.articles[:end]]
        return slice(sum(sizes[:first]), sum(sizes))


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
    teacher: Path = TEACHER,
    reader: Path = READER,
    labels: Path = STORE,
    force: bool = False,
    left_out: bool = False,
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
    teacher
        The logits of the teachers, see `pipeline.learn.taught`; without the folder the student has nothing to learn.
    reader
        What the readers say, see `pipeline.learn.reader`; without the folder none is heard.
    labels
        The label store: it corrects labels of the corpus and adds articles from the unlabelled ones.
    force
        Write the model even where it is worse on the same folds than the one in `out`.
    left_out
        Also train without each source of data and group of features, for the table in the card.

    Returns
    -------
    dict
        The scores, as they stand in the manifest.

    Raises
    ------
    CorpusError
        If a corpus file is missing or broken, or the new model is worse.
    """
    before = score_before(out, corpora)
    gold, weak, taught, pool = _read(corpora, labels, teacher, options, say)
    heard = read_heard(reader)
    if not heard.folds:
        say(f"no reader is heard: {reader} is not there; make it with: python -m pipeline train reader")
    readings = _readings(gold, pool, heard, say)
    answers, added, features, by_fold = _out_of_fold(gold, weak, taught, pool, readings, options, say)
    own = _all_scores(gold, answers, added)
    say(compared(own["macro_f1"]["all"], before, force))
    if predictions:
        write_predictions(answers.articles, answers.given, predictions)
    part_scores = (
        ablate(_passages(gold, readings), pool, weak, taught, (options.linear, options.nets), say) if left_out else []
    )
    say("level 1 on everything")
    lesson = Lesson(np.ones(len(taught.texts), dtype=bool), taught.weights, taught.by_all())
    all_weak = np.ones(len(weak), dtype=bool)
    fitted = fit_first_level(pool, gold.tags, weak, gold.answered, all_weak, lesson, options.linear)
    say("level 2 on everything")
    to_ship = _features_to_ship(gold, weak, taught, pool, heard, options, say)
    learnt = gold.tags[gold.answered]
    nets, _ = fit_nets(to_ship[gold.answered], learnt, np.ones_like(learnt), options.nets)
    versions = [*by_fold, apply_first_level(pool, fitted, heard.read(pool.layouts))[1]]
    rows = _ship_rows(out / FOLDER, gold, pool, features, versions, fitted)
    say(f"once more from {out / FOLDER}, as those do who have no more")
    again = refit(rows, Base(fitted.terms, fitted.linear, heard.shipped, LABELS), [], 1.0, *options, say)
    headed = _headed(answers.articles)
    calibration = fit_kind_calibrations(answers.logits, answers.tags, headed)
    thresholds = fit_kind_thresholds(calibrated(answers.logits, calibration, headed), answers.tags, headed)
    say("baseline")
    scores = {**own, "baseline": baseline_scores(answers.articles)}
    manifest = {
        "labels": list(LABELS),
        "roles": list(ROLES),
        "features": list(feature_names(LABELS)),
        **{name: dict(zip(LABELS, of_kind, strict=True)) for name, of_kind in zip(THRESHOLDS, thresholds, strict=True)},
        "curves": {
            label: fit_curve(answers.probabilities[:, column], answers.tags[:, column])
            for column, label in enumerate(LABELS)
        },
        "options": {"linear": options.linear._asdict(), "nets": options.nets._asdict()},
        "data": {
            "sha256": digests(corpora, FILES),
            "articles": len(answers.articles),
            "passages": len(answers.tags),
            "corrected_passages": int((gold.before != answers.tags).any(axis=1).sum()),
            "added_articles": gold.added,
            "added_passages": int(gold.answered[gold.rows(gold.scored, gold.scored + gold.added)].sum()),
            "labels_sha256": digests(labels, sorted(path.name for path in labels.glob("*.jsonl"))),
            "written_sha256": digests(WRITTEN, sorted(path.name for path in WRITTEN.glob("*.jsonl"))),
            "written_articles": sum(article.publisher == OURS for article in gold.articles),
            "written_passages": sum(len(a.labels) for a in gold.articles if a.publisher == OURS),
            "copies_with_asked_headings": sum(a.publisher != OURS for a in gold.articles[gold.scored + gold.added :]),
            "weak_paragraphs": sum(bool(row.text) for row in weak),
            "taught_passages": len(taught.texts),
            "taught_folds": list(taught.folds),
            "read_folds": list(heard.folds),
        },
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "scores": scores,
        "from_rows": from_rows(again, rows),
        "ablation": part_scores,
    }
    read_arrays, reader_words = reader_arrays(heard.shipped)
    save_model(
        out,
        "tagger",
        {**_arrays(fitted.linear, nets, calibration), **read_arrays},
        {"terms": fitted.terms, "reader": reader_words},
        manifest,
    )
    write_card(out)
    return scores


def _ship_rows(
    folder: Path, gold: _Gold, pool: Pool, features: np.ndarray, versions: Sequence[np.ndarray], fitted: Fitted
) -> Rows:
    parts = np.full(len(gold.articles), LEARNT)
    parts[: gold.scored + gold.added] = ADDED
    parts[: gold.scored] = SCORED
    save_rows(folder, gold.articles, gold.tags, gold.answered, parts, pool, features, versions, fitted.terms, LABELS)
    return load_rows(folder, fitted.terms)


def score_before(folder: Path, corpora: Path) -> float | None:
    """What the model in the folder reached on the same folds; None where there is none, or on other data."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        same = all(
            manifest["data"]["sha256"][name] == digest for name, digest in digests(corpora, (GOLD, FOLDS)).items()
        )
        return float(manifest["scores"]["macro_f1"]["all"]) if same else None
    except (OSError, ValueError, KeyError, TypeError):  # no model there, or none of this kind
        return None


def compared(now: float, before: float | None, force: bool) -> str:
    """What to say of the new model beside the one before it on the same folds.

    Raises
    ------
    CorpusError
        If the new one is worse, unless it is forced.

    >>> compared(0.79, 0.78, False)
    'macro-F1 on the folds: 0.79, before: 0.78'
    """
    told = f"macro-F1 on the folds: {now}, before: {before or 'unknown'}"
    if before is not None and now < before and not force:
        raise CorpusError(f"{told}. The new model is worse and is not written; --force writes it all the same")
    return told


def _all_scores(gold: _Gold, answers: OutOfFold, added: OutOfFold) -> dict[str, Any]:
    """`tagger_scores`, and the same answers held against the labels before correction, and the added articles."""
    scores = tagger_scores(answers)
    groups = {"all": np.ones_like(answers.news), "news": answers.news, "explainer": ~answers.news}
    scores["before_correction"] = {
        name: round(macro_f1(gold.before[rows], answers.given[rows]), 4) for name, rows in groups.items()
    }
    known = gold.answered[gold.rows(gold.scored, gold.scored + gold.added)]
    if known.any():
        scores["added"] = {
            "passages": int(known.sum()),
            "macro_f1": round(macro_f1(added.tags[known], added.given[known]), 4),
        }
    return scores


def tagger_scores(answers: OutOfFold) -> dict[str, Any]:
    """Scores of out-of-fold answers: `score_table`, macro-F1 of section tags and of level 1 alone."""
    table = score_table(answers.tags, answers.given, answers.probabilities, answers.news, answers.folds, LABELS)
    known = np.ones(len(answers.tags), dtype=bool)
    _, first_given = cross_fitted(answers.first, answers.tags, answers.folds, known, _headed(answers.articles))
    missed = tags_to_array([tags for article in answers.articles for tags in article.missed], LABELS)
    groups = {"all": np.ones_like(answers.news), "news": answers.news, "explainer": ~answers.news}
    return {
        **table,
        "sections": _section_scores(answers, turns=False),
        "sections_and_runs": _section_scores(answers, turns=True),
        "reliability": {
            label: reliability(answers.tags[:, column], answers.probabilities[:, column])
            for column, label in enumerate(LABELS)
        },
        "publishers": publisher_scores(
            [article.publisher for article in answers.articles for _ in article.labels], answers.tags, answers.given
        ),
        "level_1": {name: round(macro_f1(answers.tags[r], first_given[r]), 4) for name, r in groups.items()},
        "labels_lost_to_headings": int(missed.sum()),
    }


def _read(
    corpora: Path, labels: Path, teacher: Path, options: TaggerOptions, say: Callable[[str], None]
) -> tuple[_Gold, list[WeakRow], Taught, Pool]:
    say(f"reading {corpora}")
    answers = read_labels(labels)
    read = read_gold(corpora, LABELS, answers)
    added = read_added(corpora, LABELS, answers)
    used = {article.article_id for article in (*read, *added)}
    weak = [*read_weak(corpora, used), *question_rows()]
    written = read_written(LABELS)
    articles = [*read, *added, *with_asked_headings(read), *written]
    sizes = [len(article.labels) for article in articles]
    gold = _Gold(
        articles,
        tags_to_array([tags for article in articles for tags in article.labels], LABELS),
        np.repeat([article.fold for article in articles], sizes),
        np.repeat([article.group == "news" for article in articles], sizes),
        np.array([known for article in articles for known in article.answered], dtype=bool),
        len(read),
        len(added),
        tags_to_array([tags for article in read_gold(corpora, LABELS) for tags in article.labels], LABELS),
    )
    taught = read_taught(corpora, teacher)
    return gold, weak, taught, pool_texts(articles, weak, taught.texts, options.linear.min_texts)


def _readings(gold: _Gold, pool: Pool, heard: Heard, say: Callable[[str], None]) -> dict[int, np.ndarray]:
    """For each fold what the reader that has not heard of it says of all passages, shape (n_passages, n_labels)."""
    readings = {}
    for fold in np.unique(gold.folds).tolist():
        readings[fold], known = heard.by(fold, pool.layouts)
        if known < len(gold.folds):
            say(f"reader without fold {fold}: {len(gold.folds) - known} passages answered by the shipped one")
    return readings


def _passages(gold: _Gold, readings: dict[int, np.ndarray]) -> Passages:
    """The passages as `ablate` wants them."""
    origins = ["corpus"] * gold.scored + ["added"] * gold.added
    origins += ["written" if article.publisher == OURS else "asked" for article in gold.articles[len(origins) :]]
    sizes = [len(article.labels) for article in gold.articles]
    publishers = {
        int(fold): {article.publisher for article in gold.articles if article.fold == fold}
        for fold in np.unique(gold.folds)
    }
    headed, each = _headed(gold.articles), np.repeat(origins, sizes)
    return Passages(gold.tags, gold.folds, gold.news, headed, gold.answered, each, publishers, readings)


def _out_of_fold(
    gold: _Gold,
    weak: list[WeakRow],
    taught: Taught,
    pool: Pool,
    readings: dict[int, np.ndarray],
    options: TaggerOptions,
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
        unseen = {publisher for fold in out for publisher in publishers[fold]}
        weak_train = np.array([row.publisher not in unseen for row in weak], dtype=bool)
        may = np.array([said is not None and publisher not in unseen for publisher in taught.publishers], dtype=bool)
        lesson = Lesson(may, taught.weights, taught.by_all() if said is None else said)
        train = ~np.isin(gold.folds, out) & gold.answered
        fitted = fit_first_level(pool, gold.tags, weak, train, weak_train, lesson, options.linear)
        first[out] = apply_first_level(pool, fitted, readings[out[0]])

    def learn(inner: np.ndarray, train: np.ndarray) -> Nets:
        learnt = train & gold.answered
        return fit_nets(inner[learnt], gold.tags[learnt], np.ones_like(gold.tags[learnt]), options.nets)[0]

    level_1, logits, features = across_folds(first, gold.folds, learn)
    told = gold.rows(0, gold.scored + gold.added)
    headed = _headed(gold.articles[: gold.scored + gold.added])
    scored = np.arange(len(headed)) < len(gold.before)  # the added ones were drawn as the hardest: they would mislead
    probabilities, given = cross_fitted(logits[told], gold.tags[told], gold.folds[told], scored, headed)

    def answers(first: int, end: int) -> OutOfFold:
        rows = gold.rows(first, end)
        columns = gold.tags, gold.folds, gold.news, level_1, logits, probabilities, given
        return OutOfFold(gold.articles[first:end], *(column[rows] for column in columns))

    by_fold = [first[(fold,)][1] for fold in folds]
    return answers(0, gold.scored), answers(gold.scored, gold.scored + gold.added), features, by_fold


def _features_to_ship(
    gold: _Gold,
    weak: list[WeakRow],
    taught: Taught,
    pool: Pool,
    heard: Heard,
    options: TaggerOptions,
    say: Callable[[str], None],
) -> np.ndarray:
    """What the shipped level 2 learns from: level-1 models that held the own fold out, with the shipped reader's and
    student's lessons. Level 2 must know these two as they will speak: those of the folds differ among each other,
    which costs it 0.014 macro-F1.
    """
    reading = heard.read(pool.layouts)
    lesson = Lesson(np.ones(len(taught.texts), dtype=bool), taught.weights, taught.by_all())
    features = np.zeros((len(gold.tags), len(feature_names(LABELS))), dtype=np.float32)
    for fold in np.unique(gold.folds):
        say(f"level 1 without fold {fold}, for the shipped level 2")
        unseen = {article.publisher for article in gold.articles if article.fold == fold}
        weak_train = np.array([row.publisher not in unseen for row in weak], dtype=bool)
        test = gold.folds == fold
        fitted = fit_first_level(pool, gold.tags, weak, ~test & gold.answered, weak_train, lesson, options.linear)
        features[test] = apply_first_level(pool, fitted, reading)[1][test]
    return features


def _headed(articles: Sequence[GoldArticle]) -> np.ndarray:
    """Whether its article has a heading, of each passage; shape (n_passages,)."""
    sizes = [len(article.labels) for article in articles]
    return np.repeat([any(section.heading for section in article.sections) for article in articles], sizes)


def _section_scores(answers: OutOfFold, turns: bool) -> dict[str, float]:
    """Macro-F1 of section tags, made from given passage tags against made from the hand labels.

    With `turns`, sections without a heading are cut as `tag` cuts them; else they are as `split` left them.
    """
    given = iter(zip(answers.given, answers.probabilities.tolist(), strict=True))
    wanted_rows, given_rows, news = [], [], []
    for article in answers.articles:
        labels = iter(article.labels)
        for section in article.sections:
            passages = []
            for passage in section.passages:
                row, scores = next(given)
                tags = tuple(label for label, on in zip(LABELS, row, strict=True) if on)
                passages.append(TaggedPassage(passage, tags, tuple(scores), ()))
            for part, answered in cut(section, passages) if turns else [(section, tuple(passages))]:
                words = [max(len(passage.text.split()), 1) for passage in part.passages]
                wanted_rows.append(section_tags([next(labels) for _ in words], words))
                given_rows.append(section_tags([one.tags for one in answered], words))
                news.append(article.group == "news")
    wanted, tagged, is_news = tags_to_array(wanted_rows, LABELS), tags_to_array(given_rows, LABELS), np.array(news)
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
