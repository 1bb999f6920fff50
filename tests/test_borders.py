"""Where an article begins and ends: all lines of a dump together, from which score on, and comments under it."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from conftest import html_page, text_page

from pipeline.clean import features, judge
from pipeline.clean.borders import BORDER_COLUMNS, TRUST_BORDERS, TRUST_LINES, along_the_page, border_features, settled
from pipeline.clean.comments import are_comments
from pipeline.clean.features import COLUMNS
from pipeline.learn.bench import Example
from pipeline.learn.borders import fit_borders, plain_table
from pipeline.learn.cleaner import Options, Scores

DUMP = "Home\n\nThe calf cramps at night, and then it lets go.\n\n- Stretch it\n- Walk\n\nRead more"


def worth(way: tuple[int, ...], logits: np.ndarray, borders: np.ndarray) -> float:
    """What a way along the page is worth, said as `along_the_page` says it."""
    changes = [a != b for a, b in pairwise((0, *way))]
    seen = np.where(changes, np.log(borders), np.log(1.0 - borders))
    return TRUST_LINES * float(logits @ np.array(way)) + TRUST_BORDERS * float(seen.sum())


def test_the_best_way_is_the_best_of_all_ways():
    rng = np.random.default_rng(0)
    for _ in range(20):
        logits, borders = rng.normal(0, 3, 6), rng.uniform(0.02, 0.9, 6)
        worths = {way: worth(way, logits, borders) for way in product((0, 1), repeat=6)}
        best = [
            max(w for way, w in worths.items() if way[i]) - max(w for way, w in worths.items() if not way[i])
            for i in range(6)
        ]
        assert along_the_page(logits, borders) == pytest.approx(best)


def test_an_unsure_line_goes_the_way_of_its_neighbours_unless_there_is_a_border():
    logits = np.array([5.0, -0.5, 5.0])
    assert (along_the_page(logits, np.full(3, 0.05)) > 0).tolist() == [True, True, True]
    assert (along_the_page(logits, np.full(3, 0.9)) > 0).tolist() == [True, False, True]


def test_a_border_sees_the_lines_on_both_sides():
    page = text_page(DUMP)
    n = len(page.blocks)
    table = np.zeros((n, len(COLUMNS)), dtype=np.float32)
    table[:, COLUMNS.index("words")] = np.arange(1, n + 1)
    row = dict(zip(BORDER_COLUMNS, border_features(page, table, np.arange(n) - 2.0)[2], strict=True))
    assert (row["words_before"], row["words_behind"]) == (2.0, 3.0)
    assert (row["second_-4"], row["second_-1"], row["second_+0"], row["second_+1"]) == (-6.0, -1.0, 0.0, 1.0)
    assert (row["best_before"], row["best_behind"], row["starts_run"]) == (-1.0, n - 3.0, 1.0)


def test_html_and_pages_that_the_model_is_not_sure_of_stay_as_they_are(cleaner):
    page = text_page(DUMP)
    table = features(page, cleaner.text)
    unsure, sure = np.full(len(page.blocks), -1.0), np.array([-5.0, 5.0, -0.2, 5.0, -5.0])
    assert settled(cleaner.text.borders, page, table, unsure) is unsure
    assert (settled(cleaner.text.borders, page, table, sure) != sure).all()
    assert settled(None, page, table, sure) is sure
    assert cleaner.html.borders is None


def test_borders_do_not_ask_for_what_their_training_lacks(cleaner):
    page = text_page(DUMP)
    blank = Example(page, [], [], 0, "a article", False, False, None)
    logits = np.zeros(len(page.blocks))
    whole = border_features(page, features(page, cleaner.text), logits)
    assert (border_features(page, plain_table(blank), logits) == whole).all()


def test_borders_decide_no_page_of_a_fold_that_they_learnt_from(monkeypatch):
    import pipeline.learn.borders as module

    page = text_page(DUMP)
    labels = [False, True, True, True, False]
    examples = [Example(page, labels, [True] * 5, i % 5, "a article", False, False, None) for i in range(40)]
    scores = [np.where(labels, 0.9, 0.1)] * 40
    sizes = []
    original = module.HistGradientBoostingClassifier.fit

    def fitted(self, table, *rest):
        sizes.append(len(table))
        return original(self, table, *rest)

    monkeypatch.setattr(module.HistGradientBoostingClassifier, "fit", fitted)
    _, decided = fit_borders(examples, Scores(scores, scores), Options(border_trees=3, border_min_leaf=5))
    assert sizes == [32 * 5] * 5 + [40 * 5]
    assert [(p > 0.5).tolist() for p in decided.with_site] == [labels] * 40


@pytest.mark.parametrize(
    ("names", "url", "before", "dropped"),
    [
        ("comments", None, 120, True),
        ("comments", None, 60, False),  # too little before it: it may hold the page
        ("comments", "https://board.example/forum/12", 120, False),  # in a forum they are the page
        ("comment-policy", None, 120, False),
    ],
)
def test_comments_under_an_article(names, url, before, dropped):
    page = html_page(
        f"<p>{'word ' * before}</p><div id={names}><p>Thanks, this helped me a lot.</p></div><p>The end.</p>"
    )
    page = page._replace(url=url)
    assert are_comments(page, [True] * 3) == [False, dropped, False]
    verdicts = judge(page, np.zeros((3, len(COLUMNS))), np.full(3, 0.9)).verdicts
    assert [v.reason for v in verdicts] == ["", "comments" if dropped else "", ""]


@pytest.mark.parametrize(
    ("before", "lines", "url", "dropped"),
    [
        (120, ["{name} says:", "March 4, 2025 at 9:12 pm"], None, True),
        (120, ["{name}", "3 days ago"], None, True),
        (120, ["{name} says:", "March 4, 2025 at 9:12 pm"], "https://board.example/forum/12", False),
        (60, ["{name} says:", "March 4, 2025 at 9:12 pm"], None, False),  # too little before it
        (120, ["{name}", "Cramps, day and night"], None, False),  # not what stands between comments
    ],
)
def test_a_thread_of_comments_under_a_dumped_article(before, lines, url, dropped):
    thread = [line.format(name=name) for name in ("Ada", "Bo", "Cy", "Di") for line in [*lines, "It helped me, too."]]
    thread += ["Try it for a week.", "And tell us."]  # the last of them goes on
    article = ["word " * 40] * (before // 40)
    page = text_page("\n\n".join([*article, *thread, "Word " * 40]))._replace(url=url)
    found = are_comments(page, [True] * len(page.blocks))
    ends = len(page.blocks) - 1
    assert found == [dropped and len(article) <= i < ends for i in range(len(page.blocks))]


def test_a_thread_that_is_most_of_the_page_stays():
    thread = [line for name in ("Ada", "Bo", "Cy", "Di") for line in (f"{name} says:", "It helped me a lot. " * 12)]
    page = text_page("\n\n".join(["word " * 40] * 3 + thread))
    assert not any(are_comments(page, [True] * len(page.blocks)))


def test_a_long_thread_goes_if_a_line_says_what_it_is():
    thread = [line for name in ("Ada", "Bo", "Cy", "Di") for line in (f"{name} says:", "It helped me a lot. " * 12)]
    page = text_page("\n\n".join([*["word " * 40] * 3, "4 Comments on “Cramps”", *thread]))
    found = are_comments(page, [True] * len(page.blocks))
    assert found == [False] * 3 + [True] * 9
