"""Train the tagger anew from the rows that ship with it and a user's own labels; promote it if it is not worse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.drift import REFERENCE
from pipeline.label.store import NAMES_FILE, STORE, read_label_names
from pipeline.learn.corpus import GoldArticle
from pipeline.learn.first_level import LinearOptions
from pipeline.learn.own_labels import read_own
from pipeline.learn.refit import Base, Refitted, from_rows, refit
from pipeline.learn.rows import CorpusError
from pipeline.learn.second_level import NetOptions
from pipeline.learn.shipped_rows import FOLDER, load_rows, some_rows
from pipeline.learn.tag_card import write_card
from pipeline.learn.tag_scores import macro_f1, tags_to_array
from pipeline.model_store import SHIPPED, model_digest, save_model
from pipeline.tag import load_tagger, tag
from pipeline.tag.model import THRESHOLDS, Tagger, load_tagger_model

#: A model that is worse on the shipped passages by no more than this is taken: 17 labels moved them by 0.0013.
NOISE = 0.002
#: One own passage counts as many shipped ones unless told otherwise.
WEIGHT = 2.0


class RetrainOptions(NamedTuple):
    """Options of both levels; the passages' weights are the user's."""

    linear: LinearOptions = LinearOptions()
    nets: NetOptions = NetOptions()


DEFAULTS = RetrainOptions()


def retrain_tagger(
    out: Path,
    own: Sequence[Path] = (),
    weight: float = WEIGHT,
    names: Path = STORE,
    force: bool = False,
    share: float = 1.0,
    say: Callable[[str], None] = lambda line: None,
    options: RetrainOptions = DEFAULTS,
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
        Folder with `labels.toml`, which must name the labels of the model before; it may be missing.
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
    base = Base(model.words["terms"], before.linear, before.reader, _labels(names, model.manifest["labels"]))
    rows = some_rows(load_rows(folder / FOLDER, base.terms), share)
    articles = read_own(own, base.labels, rows)
    mine = sum(sum(article.answered) for article in articles)
    say(f"{len(rows.own):,} passages of {folder / FOLDER}" + (f", {mine} of {', '.join(map(str, own))}" * bool(own)))
    refitted = refit(rows, base, articles, weight, *options, say)
    known = model.manifest.get("from_rows", {})
    if share < 1 and own:
        say("the same without your passages")
        alone = refit(rows, base, [], weight, *options, say)
        known = {**from_rows(alone, rows), "share": share}
        before = before._replace(
            linear=alone.linear,
            nets=alone.nets,
            calibration=alone.calibration,
            thresholds=alone.thresholds[0],
            plain_thresholds=alone.thresholds[1],
        )
    same = known.get("rows") == rows.digest and known.get("share", 1.0) == share
    say(_compared(refitted, known["macro_f1"]["all"] if same else None, force))
    own_scores = _own_scores(refitted, articles, before, base.labels)
    for label, (was, now) in own_scores.items():
        say(f"on your passages, {label}: F1 {was} before, {now} out of fold")
    manifest = {
        **model.manifest,
        "labels": list(base.labels),
        **{
            name: dict(zip(base.labels, of_kind, strict=True))
            for name, of_kind in zip(THRESHOLDS, refitted.thresholds, strict=True)
        },
        "curves": refitted.curves,
        "scores": {**model.manifest["scores"], **refitted.scores},
        "from_rows": {**from_rows(refitted, rows), "share": share},
        "own": {
            "files": [path.name for path in own],
            "articles": len(articles),
            "passages": mine,
            "weight": weight,
            "macro_f1_before": known["macro_f1"] if same else None,
            "f1_before_and_now": own_scores,
        },
    }
    arrays = {**model.arrays, **tagger_arrays(refitted)}
    if folder != out:
        shutil.copytree(folder / FOLDER, out / FOLDER, dirs_exist_ok=True)
    save_model(out, "tagger", arrays, model.words, manifest)
    _keep_reference(folder, out, model.digest)
    write_card(out)
    return refitted.scores


def tagger_arrays(refitted: Refitted) -> dict[str, np.ndarray]:
    """The arrays of the model folder."""
    linear = refitted.linear
    arrays = {name: getattr(linear, name) for name in ("idf", "intercept", "weak_intercept", "weak_mix")}
    table = linear.table.astype(np.float16)
    return {**arrays, "table": table, **refitted.nets._asdict(), "calibration": refitted.calibration}


def _labels(folder: Path, before: Sequence[str]) -> tuple[str, ...]:
    """The labels of `labels.toml`, those of the model before first."""
    if not (folder / NAMES_FILE).exists():
        return tuple(before)
    names = {label.name for label in read_label_names(folder)}
    if names != set(before):
        raise CorpusError(
            f"{folder / NAMES_FILE}: labels are {', '.join(sorted(names))}; the model and the tables of a run have "
            f"{', '.join(sorted(before))}, and can be trained for these only"
        )
    return tuple(before)


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
) -> dict[str, tuple[float, float]]:
    """F1 on the own passages by label: of the model before, and of the new recipe out of fold."""
    known = np.array([known for article in articles for known in article.answered], dtype=bool)
    said = [
        passage.tags
        for article in articles
        for section in tag(article.title, article.sections, before)
        for passage in section.passages
    ]
    wanted = tags_to_array([tags for article in articles for tags in article.labels], labels)[known]
    given = tags_to_array(said, labels)[known]
    return {
        label: (round(macro_f1(wanted[:, [place]], given[:, [place]]), 4), refitted.own[label])
        for place, label in enumerate(labels)
        if label in refitted.own
    }


def _keep_reference(folder: Path, out: Path, before: str) -> None:
    """Carry the figures for `compare` over: the words are the same, and confidence hardly changes."""
    path = folder / REFERENCE
    if path.exists():
        figures = json.loads(path.read_text(encoding="utf-8"))
        if figures["tagger"] == before:
            figures["tagger"] = model_digest(out, "tagger")
            (out / REFERENCE).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
