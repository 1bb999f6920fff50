"""What is measured of a tagger on the folds, and told in its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.learn.out_of_fold import Gold, OutOfFold, headed_of
from pipeline.learn.second_level import cross_fitted
from pipeline.learn.tag_scores import (
    counted_scores,
    macro_f1,
    publisher_scores,
    reliability,
    score_table,
    tags_to_array,
)
from pipeline.records import TaggedPassage
from pipeline.tag import cut, section_tags


def all_scores(gold: Gold, answers: OutOfFold, added: OutOfFold) -> dict[str, Any]:
    """`tagger_scores`, and the same answers held against the labels before correction, and the added articles.

    All of it is of the labels that are known of every scored passage.
    """
    old = gold.old
    answers, added = answers.of(old), added.of(old)
    scores = tagger_scores(answers, [gold.labels[column] for column in old])
    groups = {"all": np.ones_like(answers.news), "news": answers.news, "explainer": ~answers.news}
    scores["before_correction"] = {
        name: round(macro_f1(gold.before[rows][:, old], answers.given[rows]), 4) for name, rows in groups.items()
    }
    known = added.known.all(axis=1)
    if known.any():
        scores["added"] = {
            "passages": int(known.sum()),
            "macro_f1": round(macro_f1(added.tags[known], added.given[known]), 4),
        }
    return scores


def further_scores(gold: Gold, answers: Sequence[OutOfFold]) -> dict[str, dict[str, float]]:
    """Of each other label its scores on the passages that know it, and how many those are."""
    found = {}
    for place in sorted(set(range(len(gold.labels))) - set(gold.old.tolist())):
        tags, known, given, probabilities = (
            np.concatenate([getattr(part, name)[:, place] for part in answers])
            for name in ("tags", "known", "given", "probabilities")
        )
        found[gold.labels[place]] = counted_scores(tags[known], given[known], probabilities[known])
    return found


def tagger_scores(answers: OutOfFold, labels: Sequence[str]) -> dict[str, Any]:
    """Scores of out-of-fold answers to `labels`: `score_table`, macro-F1 of section tags and of level 1 alone."""
    table = score_table(answers.tags, answers.given, answers.probabilities, answers.news, answers.folds, labels)
    known = np.ones_like(answers.tags)
    _, first_given = cross_fitted(answers.first, answers.tags, answers.folds, known, headed_of(answers.articles))
    missed = tags_to_array([tags for article in answers.articles for tags in article.missed], labels)
    groups = {"all": np.ones_like(answers.news), "news": answers.news, "explainer": ~answers.news}
    return {
        **table,
        "sections": _section_scores(answers, labels, turns=False),
        "sections_and_runs": _section_scores(answers, labels, turns=True),
        "reliability": {
            label: reliability(answers.tags[:, column], answers.probabilities[:, column])
            for column, label in enumerate(labels)
        },
        "publishers": publisher_scores(
            [article.publisher for article in answers.articles for _ in article.labels], answers.tags, answers.given
        ),
        "level_1": {name: round(macro_f1(answers.tags[r], first_given[r]), 4) for name, r in groups.items()},
        "labels_lost_to_headings": int(missed.sum()),
    }


def _section_scores(answers: OutOfFold, names: Sequence[str], turns: bool) -> dict[str, float]:
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
                tags = tuple(label for label, on in zip(names, row, strict=True) if on)
                passages.append(TaggedPassage(passage, tags, tuple(scores), ()))
            for part, answered in cut(section, passages) if turns else [(section, tuple(passages))]:
                words = [max(len(passage.text.split()), 1) for passage in part.passages]
                wanted_rows.append(section_tags([next(labels) for _ in words], words))
                given_rows.append(section_tags([one.tags for one in answered], words))
                news.append(article.group == "news")
    wanted, tagged, is_news = tags_to_array(wanted_rows, names), tags_to_array(given_rows, names), np.array(news)
    groups = {"all": np.ones_like(is_news), "news": is_news, "explainer": ~is_news}
    return {name: round(macro_f1(wanted[rows], tagged[rows]), 4) for name, rows in groups.items()}
