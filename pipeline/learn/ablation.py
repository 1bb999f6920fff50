"""What each source of data and each group of features brings to the tagger: it is trained without it and scored.

The protocol is that of `pipeline.learn.tagger` but for one shortcut: level 2 for a fold learns from level-1 models
that have seen neither the fold nor one half of the others (there: neither the fold nor one other). So compare rows with
the first one, not with the scores of the card.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipeline.learn.corpus import WeakRow
from pipeline.learn.first_level import LinearOptions, Pool, apply_first_level, fit_first_level, learnable
from pipeline.learn.second_level import NetOptions, cross_fitted, fit_nets
from pipeline.learn.tag_scores import macro_f1
from pipeline.learn.taught import Taught
from pipeline.tag.context import feature_names
from pipeline.tag.layout import Layout
from pipeline.tag.score import second_level


class Passages(NamedTuple):
    """The passages learnt from; those that are scored come first."""

    labels: tuple[str, ...]
    tags: np.ndarray  # bool, shape (n_passages, n_labels)
    folds: np.ndarray  # shape (n_passages,)
    news: np.ndarray  # bool, shape (n_passages,)
    headed: np.ndarray  # bool, shape (n_passages,): the article has a heading
    answered: np.ndarray  # bool, shape (n_passages,): somebody has labelled it
    origins: np.ndarray  # shape (n_passages,): "corpus" (scored), "added", "asked" or "written"
    publishers: dict[int, set[str]]  # of each fold
    readings: dict[int, np.ndarray]  # by fold what the reader says that has not heard of it: (n_passages, n_labels)


class Part(NamedTuple):
    """Something to be left out."""

    name: str
    origins: tuple[str, ...] = ()  # passages not learnt from
    fields: tuple[str, ...] = ()  # what a layout then lacks: indexes of texts
    features: tuple[str, ...] = ()  # columns of level 2 that begin so are 0
    weak: bool = True  # whether weak rows are learnt from
    taught: bool = True  # whether the student is
    read: bool = True  # whether the reader is heard


PARTS = (
    Part("nothing"),
    Part("the reader", read=False),
    Part("student and reader, so all that teachers said", taught=False, read=False),
    Part("the weakly labelled sections", weak=False),
    Part("the articles that readers added", origins=("added",)),
    Part("the articles written for the project, and the copies with asked headings", origins=("written", "asked")),
    Part("headings", fields=("heading",)),
    Part("what stands beside", fields=("previous", "following", "lead_in"), features=("score at", "score of")),
)


def ablate(
    passages: Passages,
    pool: Pool,
    weak: Sequence[WeakRow],
    taught: Taught,
    options: tuple[LinearOptions, NetOptions],
    say: Callable[[str], None],
    parts: Sequence[Part] = PARTS,
) -> list[dict[str, Any]]:
    """Score the tagger without each of `parts`.

    Parameters
    ----------
    passages, pool, weak, taught
        What is learnt from, as `pipeline.learn.tagger` reads it.
    options
        Of level 1 and of level 2.
    say
        Called with one line for each part.

    Returns
    -------
    list of dict
        For each part `without` (its name), macro-F1 over the scored passages `all`, `news` and `explainer`, and
        `spread`, the standard deviation of that of all over the folds. Four decimals.
    """
    rows = []
    for number, part in enumerate(parts, 1):
        say(f"without {part.name} ({number} of {len(parts)})")
        rows.append({"without": part.name, **_scores(_logits(part, passages, pool, weak, taught, options), passages)})
    return rows


def _logits(
    part: Part,
    passages: Passages,
    pool: Pool,
    weak: Sequence[WeakRow],
    taught: Taught,
    options: tuple[LinearOptions, NetOptions],
) -> np.ndarray:
    pool = pool._replace(layouts=[_without(layout, part.fields) for layout in pool.layouts])
    learnt = passages.answered & ~np.isin(passages.origins, part.origins)
    logits = np.zeros(passages.tags.shape, dtype=np.float32)
    names = feature_names(passages.labels)
    silent = [name.startswith(part.features) for name in names]
    for fold in passages.publishers:
        said = taught.by(fold) if part.taught else None
        features = np.zeros((len(learnt), len(names)), dtype=np.float32)
        others = [other for other in passages.publishers if other != fold]
        for answered in ([fold], others[::2], others[1::2]):
            out = sorted({fold, *answered})
            unseen = set().union(*(passages.publishers[one] for one in out))
            may_weak, lesson = learnable(weak, taught, unseen, said)
            train = (learnt & ~np.isin(passages.folds, out))[:, None] & np.ones_like(passages.tags)
            fitted = fit_first_level(
                pool, passages.labels, passages.tags, train, weak, may_weak & part.weak, lesson, options[0]
            )
            rows = np.isin(passages.folds, answered)
            features[rows] = apply_first_level(pool, fitted, passages.readings[fold] * part.read)[1][rows]
        features[:, silent] = 0
        test = passages.folds == fold
        tags = passages.tags[learnt & ~test]
        nets, _ = fit_nets(features[learnt & ~test], tags, np.ones_like(tags), options[1])
        logits[test] = second_level(features[test], nets)
    return logits


def _without(layout: Layout, fields: tuple[str, ...]) -> Layout:
    """The layout with no text in these roles."""
    kept: dict[str, Any] = layout._asdict()
    return Layout(**{**kept, **dict.fromkeys(fields, np.zeros_like(layout.own))})


def _scores(logits: np.ndarray, passages: Passages) -> dict[str, float]:
    scored = passages.origins == "corpus"
    tags, folds, news = passages.tags[scored], passages.folds[scored], passages.news[scored]
    _, given = cross_fitted(logits[scored], tags, folds, np.ones_like(tags), passages.headed[scored])
    groups = {"all": news | True, "news": news, "explainer": ~news}
    by_fold = [macro_f1(tags[folds == fold], given[folds == fold]) for fold in np.unique(folds)]
    f1 = {name: round(macro_f1(tags[rows], given[rows]), 4) for name, rows in groups.items()}
    return {**f1, "spread": round(float(np.std(by_fold)), 4)}
