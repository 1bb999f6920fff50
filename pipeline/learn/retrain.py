"""Train the tagger anew from the rows that ship with it and a user's own labels; promote it if it is not worse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.drift import REFERENCE
from pipeline.label.store import NAMES_FILE, STORE, read_label_names
from pipeline.learn.corpus import GoldArticle
from pipeline.learn.own_labels import read_own
from pipeline.learn.refit import Base, Refitted, from_rows, refit
from pipeline.learn.rows import CorpusError
from pipeline.learn.shipped_rows import FOLDER, load_rows, some_rows
from pipeline.learn.tag_card import write_card
from pipeline.learn.tag_scores import macro_f1, tags_to_array
from pipeline.learn.tagger import DEFAULTS, TaggerOptions
from pipeline.learn.widen import widened
from pipeline.model_store import SHIPPED, model_digest, save_model
from pipeline.tag import load_tagger, tag
from pipeline.tag.context import feature_names
from pipeline.tag.model import THRESHOLDS, Tagger, load_tagger_model, table_arrays
from pipeline.tag.reader import Reader

#: A model that is worse on the shipped passages by no more than this is taken: 17 labels moved them by 0.0013.
NOISE = 0.002
#: One own passage counts as many shipped ones unless told otherwise.
WEIGHT = 2.0


def retrain_tagger(
    out: Path,
    own: Sequence[Path] = (),
    weight: float = WEIGHT,
    names: Path = STORE,
    force: bool = False,
    share: float = 1.0,
    say: Callable[[str], None] = lambda line: None,
    options: TaggerOptions = DEFAULTS,
) -> dict[str, Any]:
    """Train from the shipped rows and the own labels, and write the model folder if the model is not worse.

    Parameters
    ----------
    out
        The model folder. The one before is taken from there, or, where there is none with rows, from `models`.
    own
        Files of labelled articles, as `label attach` writes them.
    weight
        How many shipped passages one own passage counts for.
    names
        Folder with `labels.toml`, which must name the labels of the model before, and may name further ones; it may be
        missing.
    force
        Write the model even where it is worse.
    share
        Learn from this share of the shipped articles only, to try things out; the model before is then trained anew,
        too, to be held against.
    say
        Called with one line at each step.
    options
        Of both levels.

    Returns
    -------
    dict
        The scores, as they stand in the manifest.

    Raises
    ------
    LabelError, CorpusError
        If the own labels cannot be used, or the model is worse.
    ModelError
        If there is no whole model with rows.
    """
    folder = out if (out / FOLDER).is_dir() else SHIPPED / "tagger"
    model, before = load_tagger_model(folder), load_tagger(folder)
    labels = _labels(names, before.labels)
    terms = model.words["terms"]
    base = Base(terms, *widened(before.linear, before.reader, before.labels, labels), labels)
    rows = some_rows(load_rows(folder / FOLDER, terms), share)
    articles = read_own(own, base.labels, rows)
    mine = sum(sum(article.answered) for article in articles)
    say(f"{len(rows.own):,} passages of {folder / FOLDER}" + (f", {mine} of {', '.join(map(str, own))}" * bool(own)))
    refitted = refit(rows, base, articles, weight, *options, say)
    known = model.manifest.get("from_rows", {})
    if share < 1 and own:
        say("the same without your passages")
        narrow = widened(before.linear, before.reader, before.labels, rows.labels)
        alone = refit(rows, Base(terms, *narrow, rows.labels), [], weight, *options, say)
        known = {**from_rows(alone, rows), "share": share}
        before = before._replace(
            labels=rows.labels,
            linear=alone.linear,
            reader=narrow[1],
            nets=alone.nets,
            calibration=alone.calibration,
            thresholds=alone.thresholds[0],
            plain_thresholds=alone.thresholds[1],
        )
    same = known.get("rows") == rows.digest and known.get("share", 1.0) == share
    say(_compared(refitted, known["macro_f1"]["all"] if same else None, force))
    own_scores = _own_scores(refitted, articles, before, base.labels)
    for label, (was, now) in own_scores.items():
        say(f"on your passages, {label}: F1 {'nothing' if was is None else was} before, {now} out of fold")
    for label, figures in refitted.further.items():
        told = "{f1} (precision {precision}, recall {recall})".format_map(figures)
        say(f"{label} is new: F1 {told} on {figures['passages']} passages, {figures['carried']} of which carry it")
    manifest = {
        **model.manifest,
        "labels": list(base.labels),
        "features": list(feature_names(base.labels)),
        **{
            name: dict(zip(base.labels, of_kind, strict=True))
            for name, of_kind in zip(THRESHOLDS, refitted.thresholds, strict=True)
        },
        "curves": refitted.curves,
        "scores": {**model.manifest["scores"], **refitted.scores},
        "from_rows": {**from_rows(refitted, rows), "share": share},
        **({"further": refitted.further} if refitted.further else {}),
        "own": {
            "files": [path.name for path in own],
            "articles": len(articles),
            "passages": mine,
            "weight": weight,
            "macro_f1_before": known["macro_f1"] if same else None,
            "f1_before_and_now": own_scores,
        },
    }
    kept = {name: array for name, array in model.arrays.items() if name.startswith("reader_")}
    kept |= _reader_output(base.reader, kept)
    arrays = {**kept, **tagger_arrays(refitted)}
    if folder != out:
        shutil.copytree(folder / FOLDER, out / FOLDER, dirs_exist_ok=True)
    save_model(out, "tagger", arrays, model.words, manifest)
    _keep_reference(folder, out, model.digest, before.labels, further=base.labels != before.labels)
    write_card(out)
    return refitted.scores


def tagger_arrays(refitted: Refitted) -> dict[str, np.ndarray]:
    """The arrays of the model folder."""
    linear = refitted.linear
    arrays = {name: getattr(linear, name) for name in ("idf", "intercept", "weak_intercept", "weak_mix")}
    return {**arrays, **table_arrays(linear.table), **refitted.nets._asdict(), "calibration": refitted.calibration}


def _reader_output(reader: Reader, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The reader's answers to all labels as the model stores them; the rest of it stays as it is."""
    names = ("output", "output_bias")
    return {f"reader_{name}": getattr(reader, name).astype(stored[f"reader_{name}"].dtype) for name in names}


def _labels(folder: Path, before: Sequence[str]) -> tuple[str, ...]:
    """The labels of `labels.toml`, those of the model before first."""
    if not (folder / NAMES_FILE).exists():
        return tuple(before)
    names = [label.name for label in read_label_names(folder)]
    missing = sorted(set(before) - set(names))
    if missing:
        raise CorpusError(
            f"{folder / NAMES_FILE}: labels are {', '.join(names)}; the model before has {', '.join(missing)}, too. "
            "Name that there, or train from another model, in the folder of --out"
        )
    return (*before, *(name for name in names if name not in before))


def _compared(refitted: Refitted, before: float | None, force: bool) -> str:
    now = refitted.scores["macro_f1"]["all"]
    told = f"macro-F1 on the folds of the shipped passages: {now}, before: {before if before else 'unknown'}"
    if before is not None and now < before - NOISE and not force:
        raise CorpusError(
            f"{told}. The new model is worse by more than {NOISE} and is not written; --force writes it all the same"
        )
    return told


def _own_scores(
    refitted: Refitted, articles: Sequence[GoldArticle], before: Tagger, labels: Sequence[str]
) -> dict[str, tuple[float | None, float]]:
    """F1 on the own passages by label: of the model before, if it has the label, and of the new recipe out of fold."""
    known = tags_to_array([asked for article in articles for asked in article.asked], labels)
    said = [
        passage.tags
        for article in articles
        for section in tag(article.title, article.sections, before)
        for passage in section.passages
    ]
    wanted = tags_to_array([tags for article in articles for tags in article.labels], labels)
    given = tags_to_array(said, labels)
    scores: dict[str, tuple[float | None, float]] = {}
    for place, label in enumerate(labels):
        if label in refitted.own:
            rows = known[:, place]
            was = round(macro_f1(wanted[rows, place][:, None], given[rows, place][:, None]), 4)
            scores[label] = (was if label in before.labels else None), refitted.own[label]
    return scores


def _keep_reference(folder: Path, out: Path, before: str, labels: Sequence[str], further: bool) -> None:
    """Carry the figures for `compare` over: the words are the same, and confidence in these labels hardly changes."""
    path = folder / REFERENCE
    if path.exists():
        figures = json.loads(path.read_text(encoding="utf-8"))
        if figures["tagger"] == before:
            figures["tagger"] = model_digest(out, "tagger")
            if further:
                figures.setdefault("labels", list(labels))
            (out / REFERENCE).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
