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

from pipeline.label.store import STORE
from pipeline.learn.ablation import Passages, ablate
from pipeline.learn.corpus import FILES, FOLDS, GOLD, OURS, WRITTEN
from pipeline.learn.first_level import Fitted, Lesson, LinearOptions, Pool, apply_first_level, fit_first_level
from pipeline.learn.out_of_fold import Gold, OutOfFold, features_to_ship, headed_of, out_of_fold, read_all, readings_of
from pipeline.learn.reader import READER, read_heard
from pipeline.learn.refit import Base, from_rows, refit
from pipeline.learn.rows import CorpusError, digests
from pipeline.learn.second_level import NetOptions, fit_curve, fit_kinds, fit_nets, judges
from pipeline.learn.shipped_rows import ADDED, FOLDER, LEARNT, SCORED, Rows, load_rows, save_rows
from pipeline.learn.tag_baseline import baseline_scores
from pipeline.learn.tag_card import write_card
from pipeline.learn.tag_measures import all_scores, further_scores
from pipeline.learn.tag_predictions import write_predictions
from pipeline.learn.taught import TEACHER, Taught
from pipeline.model_store import save_model
from pipeline.tag.context import feature_names
from pipeline.tag.model import ROLES, THRESHOLDS, Linear, Nets, reader_arrays, table_arrays


class TaggerOptions(NamedTuple):
    """Everything that decides how a tagger is trained."""

    linear: LinearOptions = LinearOptions()
    nets: NetOptions = NetOptions()


DEFAULTS = TaggerOptions()


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
    gold, weak, taught, pool = read_all(corpora, labels, teacher, options.linear.min_texts, say)
    heard = read_heard(gold.labels, reader)
    if not heard.folds:
        say(f"no reader is heard: {reader} is not there; make it with: python -m pipeline train reader")
    readings = readings_of(gold, pool, heard, say)
    answers, added, features, by_fold = out_of_fold(gold, weak, taught, pool, readings, *options, say)
    own = all_scores(gold, answers, added)
    say(compared(own["macro_f1"]["all"], before, force))
    if predictions:
        write_predictions(answers.articles, answers.given, gold.labels, predictions)
    part_scores = (
        ablate(_passages(gold, readings), pool, weak, _of(taught, gold), (options.linear, options.nets), say)
        if left_out
        else []
    )
    say("level 1 on everything")
    lesson = Lesson(np.ones(len(taught.texts), dtype=bool), taught.weights, taught.by_all())
    all_weak = np.ones(len(weak), dtype=bool)
    fitted = fit_first_level(pool, gold.labels, gold.tags, gold.known, weak, all_weak, lesson, options.linear)
    say("level 2 on everything")
    to_ship = features_to_ship(gold, weak, taught, pool, heard, options.linear, say)
    learnt = gold.answered
    nets, _ = fit_nets(to_ship[learnt], gold.tags[learnt], gold.known[learnt], options.nets)
    versions = [*by_fold, apply_first_level(pool, fitted, heard.read(pool.layouts))[1]]
    rows = _ship_rows(out / FOLDER, gold, pool, features, versions, fitted)
    say(f"once more from {out / FOLDER}, as those do who have no more")
    again = refit(rows, Base(fitted.terms, fitted.linear, heard.shipped, gold.labels), [], 1.0, *options, say)
    both = [np.concatenate(columns) for columns in zip(answers[1:], added[1:], strict=True)]
    told = OutOfFold([*answers.articles, *added.articles], *both)
    judge, _ = judges(told.known, np.arange(len(told.tags)) < len(answers.tags), np.ones(len(told.tags), dtype=bool))
    calibration, thresholds = fit_kinds(told.logits, told.tags, judge, headed_of(told.articles))
    further = further_scores(gold, [answers, added])
    say("baseline")
    scores = {**own, "baseline": baseline_scores(answers.articles, [gold.labels[column] for column in gold.old])}
    manifest = {
        "labels": list(gold.labels),
        "roles": list(ROLES),
        "features": list(feature_names(gold.labels)),
        **{
            name: dict(zip(gold.labels, of_kind, strict=True))
            for name, of_kind in zip(THRESHOLDS, thresholds, strict=True)
        },
        "curves": {
            label: fit_curve(told.probabilities[judge[:, column], column], told.tags[judge[:, column], column])
            for column, label in enumerate(gold.labels)
        },
        "options": {"linear": options.linear._asdict(), "nets": options.nets._asdict()},
        "data": {
            "sha256": digests(corpora, FILES),
            "articles": len(answers.articles),
            "passages": len(answers.tags),
            "corrected_passages": int((gold.before != answers.tags)[:, gold.old].any(axis=1).sum()),
            "added_articles": gold.added,
            "added_passages": int(gold.answered[gold.rows(gold.scored, gold.scored + gold.added)].sum()),
            "labels_sha256": digests(labels, sorted(path.name for path in labels.glob("*.jsonl"))),
            "written_sha256": digests(WRITTEN, sorted(path.name for path in WRITTEN.glob("*.jsonl"))),
            "written_articles": sum(article.publisher == OURS for article in gold.articles),
            "written_passages": sum(len(a.labels) for a in gold.articles if a.publisher == OURS),
            "copies_with_asked_headings": sum(a.publisher != OURS for a in gold.articles[gold.scored + gold.added :]),
            "weak_paragraphs": sum(bool(row.text) for row in weak),
            "taught_texts": len(taught.texts),
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
        **({"further": further} if further else {}),
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
    folder: Path, gold: Gold, pool: Pool, features: np.ndarray, versions: Sequence[np.ndarray], fitted: Fitted
) -> Rows:
    parts = np.full(len(gold.articles), LEARNT)
    parts[: gold.scored + gold.added] = ADDED
    parts[: gold.scored] = SCORED
    save_rows(folder, gold.articles, gold.tags, gold.known, parts, pool, features, versions, fitted.terms, gold.labels)
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


def _passages(gold: Gold, readings: dict[int, np.ndarray]) -> Passages:
    """The passages as `ablate` wants them: with the labels that are known of every scored one."""
    origins = ["corpus"] * gold.scored + ["added"] * gold.added
    origins += ["written" if article.publisher == OURS else "asked" for article in gold.articles[len(origins) :]]
    sizes = [len(article.labels) for article in gold.articles]
    publishers = {
        int(fold): {article.publisher for article in gold.articles if article.fold == fold}
        for fold in np.unique(gold.folds)
    }
    headed, each, old = headed_of(gold.articles), np.repeat(origins, sizes), gold.old
    answered = np.asarray(gold.known[:, old].all(axis=1))
    said = {fold: reading[:, old] for fold, reading in readings.items()}
    names = tuple(gold.labels[column] for column in old)
    return Passages(names, gold.tags[:, old], gold.folds, gold.news, headed, answered, each, publishers, said)


def _of(taught: Taught, gold: Gold) -> Taught:
    """What the teachers said of the labels that `ablate` measures."""
    names = tuple(gold.labels[column] for column in gold.old)
    return taught._replace(logits=taught.logits[:, :, gold.old], labels=names)


def _arrays(linear: Linear, nets: Nets, calibration: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "idf": linear.idf,
        **table_arrays(linear.table),
        "intercept": linear.intercept,
        "weak_intercept": linear.weak_intercept,
        "weak_mix": linear.weak_mix,
        **nets._asdict(),
        "calibration": calibration,
    }
