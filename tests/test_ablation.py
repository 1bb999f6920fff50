"""learn.ablation: the tagger scored without its parts."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import LABELS

from pipeline.learn.ablation import PARTS, Part, Passages, ablate
from pipeline.learn.corpus import GoldArticle
from pipeline.learn.first_level import LinearOptions, pool_texts
from pipeline.learn.second_level import NetOptions
from pipeline.learn.tag_scores import publisher_scores, reliability, tags_to_array
from pipeline.learn.taught import nothing
from pipeline.records import Passage, Section
from pipeline.tag.context import feature_names
from pipeline.tag.layout import Layout

TEXTS = {"Strain brings it on.": 0, "Rest in bed helps.": 1, "See a doctor at once.": 2, "The fund paid for it.": None}


def article(number: int) -> GoldArticle:
    """Four passages, of which three carry a tag each, in turns."""
    order = [*TEXTS][number % 4 :] + [*TEXTS][: number % 4]
    passages = tuple(Passage(place, "paragraph", text) for place, text in enumerate(order))
    labels = tuple(() if TEXTS[text] is None else (LABELS[TEXTS[text]],) for text in order)
    section = Section("", 0, (), passages, 0)
    return GoldArticle(f"a{number}", "news", number % 3, f"p{number % 3}", "", (section,), labels, (), (LABELS,) * 4)


def test_a_part_that_matters_costs_and_one_that_is_not_there_does_not() -> None:
    articles = [article(number) for number in range(24)]
    tags = tags_to_array([carried for one in articles for carried in one.labels], LABELS)
    folds = np.repeat([one.fold for one in articles], 4)
    true = np.ones(len(tags), dtype=bool)
    publishers = {fold: {f"p{fold}"} for fold in range(3)}
    readings = dict.fromkeys(range(3), np.zeros(tags.shape, dtype=np.float32))
    passages = Passages(LABELS, tags, folds, folds < 2, ~true, true, np.full(len(tags), "corpus"), publishers, readings)
    pool = pool_texts(articles, [], [], 2)
    options = LinearOptions(min_texts=2), NetOptions(epochs=60, learning_rate=0.02)
    parts = (
        Part("nothing"),
        Part("what nobody wrote", origins=("written",)),
        Part("level 2", features=feature_names(LABELS)),
    )
    whole, same, bare = ablate(passages, pool, [], nothing(LABELS), options, lambda message: None, parts)
    assert whole["without"] == "nothing" and whole["all"] > 0.8
    assert same == {**whole, "without": "what nobody wrote"}
    assert bare["all"] < whole["all"] - 0.2


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_parts_name_what_there_is(part: Part) -> None:
    assert set(part.fields) <= set(Layout._fields)
    assert all(any(name.startswith(start) for name in feature_names(LABELS)) for start in part.features)
    assert set(part.origins) <= {"added", "asked", "written"}


def test_reliability_by_hand() -> None:
    carried, probability = np.array([0, 1, 1, 1], dtype=bool), np.array([0.02, 0.04, 0.95, 1.0])
    assert reliability(carried, probability) == [[0.03, 0.5, 2], [0.975, 1.0, 2]]


def test_publishers_with_many_passages_have_a_score() -> None:
    names = ["small.org"] * 10 + ["large.org"] * 400
    carried = np.ones((410, 3), dtype=bool)
    given = carried.copy()
    given[:, 2] = False
    assert publisher_scores(names, carried, given) == {"large.org": {"passages": 400, "macro_f1": 0.6667}}
