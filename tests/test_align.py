"""Labels by alignment: which blocks of a page stand in a reference text."""

from __future__ import annotations

import pytest

from pipeline.learn.align import coverage
from pipeline.learn.measures import interval, line_f1, word_f1

ONE = "The calf hardens in the night and the pain wakes even deep sleepers within seconds."
TWO = "Stretching before bed is the best proven help, and it costs nothing but a minute of time."
THREE = "See a doctor if the cramps come every night or if the leg stays swollen in the morning."
MENU = "Home News Health Doctors Night Morning Help Time"

CASES = [
    # (blocks, reference, which blocks are covered)
    ([MENU, ONE, TWO, "Related", "Copyright"], f"{ONE}\n{TWO}", [0, 1, 1, 0, 0]),
    ([ONE, "Advertisement", TWO], f"{ONE} {TWO}", [1, 0, 1]),
    ([ONE, TWO, THREE], f"{THREE}\n{ONE}\n{TWO}", [1, 1, 1]),  # another order: rescued
    ([ONE, TWO], "", [0, 0]),
    (["...", ONE], ONE, [0, 1]),
    ([ONE.upper()], ONE, [1]),
    (["Signs", ONE, "Signs", TWO], f"{ONE} Signs {TWO}", [0, 1, 1, 1]),  # a short block counts in its place only
]  # fmt: skip


@pytest.mark.parametrize(("blocks", "reference", "expected"), CASES)
def test_coverage(blocks, reference, expected):
    assert [round(share) for share in coverage(blocks, reference)] == expected


def test_menus_do_not_gather_the_words_of_the_article():
    assert coverage([MENU], f"{ONE} {TWO} {THREE} " * 3)[0] < 0.6


def test_long_pages_are_aligned_quickly_enough():
    blocks = [f"paragraph {n} says {n * 7} things about {n % 13} of the night cramps" for n in range(3000)]
    kept = blocks[500:2500]
    found = coverage(blocks, "\n".join(kept))
    assert sum(share > 0.9 for share in found) >= 1990
    assert sum(share > 0.9 for share in found[:490] + found[2510:]) == 0


@pytest.mark.parametrize(
    ("predicted", "reference", "value"),
    [("a b", "A, b!", 1.0), ("", "", 1.0), ("a", "", 0.0), ("", "a", 0.0), ("a a b", "a b b", 2 / 3)],
)
def test_word_f1(predicted, reference, value):
    assert word_f1(predicted, reference) == pytest.approx(value)


def test_line_f1_passes_over_neutral_and_empty_lines():
    lines, labels = ["Title", "One", "", "---", "Two", "Menu"], [0, 1, 1, 1, 1, 0]
    assert line_f1([0, 1, 4], lines, labels, neutral=[0]) == (1.0, True)
    assert line_f1([1, 5], lines, labels, neutral=[0]) == (0.5, False)
    assert line_f1([], lines, labels, neutral=[0]) == (0.0, False)


def test_interval_holds_the_mean_and_is_seeded():
    values = [0.2, 0.4, 0.9, 1.0] * 20
    low, high = interval(values)
    assert low < 0.625 < high
    assert (low, high) == interval(values)
