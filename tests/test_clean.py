"""clean: tokens, features, verdicts, reasons."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SAMPLE, block, html_page, text_page

from pipeline.clean import REASONS, clean, features, judge, page_threshold
from pipeline.clean.features import COLUMNS
from pipeline.clean.pagekind import page_kind
from pipeline.clean.reasons import RULES, Context, alternatives, reason_of
from pipeline.clean.teasers import LABELS, is_teaser
from pipeline.clean.tokens import (
    are_bylines,
    are_titles,
    headings_above,
    length_class,
    page_tokens,
    page_words,
    runs_of,
    split_words,
)
from pipeline.parse import parse
from pipeline.records import RawPage

ARTICLE = """
<nav class="main-menu"><ul><li><a href="/">Home</a></li><li><a href="/news">News</a></li></ul></nav>
<article class="post"><h1>Why calves cramp at night</h1>
<p>The muscle at the back of the lower leg hardens without warning, and the pain wakes even deep sleepers.</p>
<h2>What helps?</h2>
<p>Stretch the calf against a wall for half a minute, three times, every evening before you go to bed.</p>
<ul><li>Drink enough during the day, and more when it is hot.</li><li>Wear shoes that support the foot.</li></ul>
<p>See a doctor if the cramps come every night, or if the leg stays swollen and warm in the morning.</p></article>
<div class="related-posts"><h3>Related</h3><a href="/a">Ten breakfasts that keep you full</a>
<a href="/b">How to choose a pillow</a></div><footer>Copyright 2024 Harbor Health. All rights reserved.</footer>
"""


def test_split_words_folds_case_digits_and_marks():
    assert split_words("Posted: May 12, 2024 – by “Ada”") == ["posted", "may", "00", "0000", "by", "ada"]


def test_length_classes_rise():
    assert [length_class(n) for n in (0, 1, 2, 9, 101)] == [0, 0, 1, 5, 10]


def test_headings_above_html():
    page = html_page("<p>a</p><h2>H</h2><p>b</p><h3>I</h3><p>c</p>")
    assert headings_above(page) == [-1, -1, 1, 1, 3]


def test_headings_above_dumps_are_the_lines_that_lead_a_run_in():
    page = text_page(
        "Related\n- One headline\n- Another headline\nRecommendation\nA headline without a bullet\nAnd another one"
    )
    assert headings_above(page) == [-1, 0, 0, -1, 3, 3]


def test_tokens_tell_the_heading_and_the_whole_of_a_short_text():
    page = html_page("<h2>Related stories</h2><p>Read more</p>")
    tokens = page_tokens(page, page_words(page), headings_above(page))[1]
    assert {"read", "more", "=read more", "^read more", "<related", "<stories"} <= set(tokens)


@pytest.mark.parametrize(
    ("text", "token"), [("Author：Ada Wren", "author:"), ("File under: pain", "file under:"), ("At 10:30", None)]
)
def test_tokens_tell_a_label(text, token):
    page = text_page(text)
    (tokens,) = page_tokens(page, page_words(page), [-1])
    assert [t for t in tokens if t.endswith(":") and not t.startswith("#")] == ([token] if token else [])


def test_titles_are_told_whatever_their_case_and_marks():
    page = html_page("<h1>Why calves cramp</h1><p>WHY CALVES CRAMP!</p><p>Why calves cramp at night</p>")
    assert are_titles(page._replace(title="Why calves cramp"), page_words(page)) == [True, True, False]
    assert are_titles(page._replace(title=None), page_words(page)) == [False] * 3


def test_features_are_finite_and_complete(cleaner):
    for page in (html_page(ARTICLE), text_page("One line\n\n- two\n- three"), html_page("x")):
        table = features(page, cleaner.branch(page))
        assert table.shape == (len(page.blocks), len(COLUMNS))
        assert np.isfinite(table).all()


def column(page, cleaner, name):
    return features(page, cleaner.branch(page))[:, COLUMNS.index(name)].tolist()


def test_some_columns_by_hand(cleaner):
    page = html_page(
        "<h1>A title of some words</h1><p>Same line here.</p><p>Same line here.</p><aside>Tired:Here is how</aside>"
    )
    assert column(page, cleaner, "same_text") == [0, 1, 1, 0]
    assert column(page, cleaner, "same_text_before") == [0, 0, 1, 0]
    assert column(page, cleaner, "is_title") == [1, 0, 0, 0]
    assert column(page, cleaner, "in_aside") == [0, 0, 0, 1]
    assert column(page, cleaner, "glued_colon") == [0, 0, 0, 1]
    assert column(page, cleaner, "kind_heading") == [1, 0, 0, 0]
    assert column(page, cleaner, "position") == [0, 0.25, 0.5, 0.75]


def test_runs_know_what_leads_them_in_and_what_surrounds_them(cleaner):
    prose = "The calf hardens in the night and wakes even the deepest sleepers in the whole house."
    page = text_page(
        f"{prose}\nOther reasons are\n- a knock on the calf\n- salt\n{prose}\nRelated\n- A Headline\n- Another One"
    )
    assert [len(run) for run in runs_of(page)] == [1, 1, 2, 1, 1, 2]
    assert column(page, cleaner, "run_led_in") == [0, 0, 1, 1, 0, 0, 0, 0]
    assert column(page, cleaner, "run_before_prose") == [0, 0, 1, 1, 0, 0, 0, 0]
    assert column(page, cleaner, "run_place") == [0, 0, 0, 0.5, 0, 0, 0, 0.5]
    assert column(page, cleaner, "run_lower")[2] == 1
    assert column(page, cleaner, "run_lower")[6] == 0


def test_the_article_is_kept_and_the_rest_has_reasons(cleaner):
    article = clean(html_page(ARTICLE), cleaner)
    kept = [b.text for b in article.kept]
    assert kept[0].startswith("The muscle")
    assert kept[-1].startswith("See a doctor")
    assert len(kept) == 6
    reasons = {b.text: v.reason for b, v in zip(article.page.blocks, article.verdicts, strict=True) if not v.keep}
    assert reasons["Why calves cramp at night"] == "title"
    assert reasons["Related"] == "headline list"
    assert reasons["Copyright 2024 Harbor Health. All rights reserved."] == "legal notice"
    assert set(reasons.values()) <= set(REASONS)
    assert article.page_kind == "article"


def test_a_page_does_not_depend_on_the_pages_before_it(cleaner):
    pages = [
        parse(RawPage(p.stem, str(p), p.read_bytes()))
        for p in sorted(SAMPLE.glob("*/*.*ml")) + sorted(SAMPLE.glob("*/*.txt"))
    ]
    forwards = [clean(page, cleaner).verdicts for page in pages]
    backwards = [clean(page, cleaner).verdicts for page in reversed(pages)]
    assert forwards == backwards[::-1]


def test_a_page_without_blocks_is_no_article(cleaner):
    article = clean(html_page("<img src=x>"), cleaner)
    assert (article.page_kind, article.verdicts, article.text) == ("none", (), "")


@pytest.mark.parametrize(
    ("words", "score", "reason"), [(6, 0.7, "repeated"), (6, 0.9, ""), (40, 0.9, "repeated"), (2, 0.7, "")]
)
def test_judge_drops_the_title_and_repeats(words, score, reason):
    text = " ".join(["word"] * words)
    page = html_page(f"<h1>Why calves cramp</h1><p>{text}</p><p>And more.</p><p>{text}</p>")
    page = page._replace(title="Why calves cramp")
    table = np.zeros((4, len(COLUMNS)))
    table[0, COLUMNS.index("is_title")] = 1.0
    article = judge(page, table, np.array([0.9, 0.9, 0.9, score]))
    assert [v.reason for v in article.verdicts] == ["title", "", "", reason]


@pytest.mark.parametrize(
    ("text", "teaser"),
    [
        ("Also read: Why we hiccup", True),
        ("READ MORE: Ten breakfasts that keep you full", True),
        ("Related story: Salt and sleep", True),
        ("More from Harborwell: Salt and sleep", True),
        ("You may also like : Salt and sleep", True),
        ("Lea también: Por qué tenemos hipo", True),
        ("À lire aussi » Le sel et le sommeil", True),
        ("Lesen Sie auch: Salz und Schlaf", True),
        ("Czytaj też: Sól i sen", True),
        ("Related:", False),  # a heading of its own
        ("Read the label: salt hides in bread.", False),
        ("Most of us know the feeling. Read more: a book helps.", False),
        ("More than half of them had pain: it came at night.", False),
        ("See: the foot turns in.", False),
        ("Related: " + "word " * 40, False),
    ],
)
def test_a_label_and_a_headline_are_a_teaser(text, teaser):
    assert is_teaser(text) is teaser


def test_the_labels_are_small_letters_and_no_one_stands_in_two_languages():
    labels = [label for words in LABELS.values() for label in alternatives(words)]
    assert len(set(labels)) == len(labels) and all(label == label.lower() for label in labels)


@pytest.mark.parametrize(
    ("line", "keep"),
    [
        ("<p>Also read: <a href='/a'>Why the eyelid twitches at night</a></p>", False),
        ("<p>Also read: the leaflet in the packet, above all what it says of the heart.</p>", True),  # no link
    ],
)
def test_judge_drops_teasers_between_paragraphs(cleaner, line, keep):
    page = html_page(f"<p>{'word ' * 30}</p>{line}<p>{'other ' * 30}</p>")
    verdicts = judge(page, features(page, cleaner.html), np.full(3, 0.9)).verdicts
    assert [v.keep for v in verdicts] == [True, keep, True]
    assert verdicts[1].reason == ("" if keep else "teaser")


@pytest.mark.parametrize(("before", "score", "reason"), [(40, 0.9, ""), (40, 0.3, "title"), (20, 0.9, "title")])
def test_the_title_within_the_article_is_a_heading_of_it(before, score, reason):
    page = html_page(f"<p>{'word ' * before}</p><h2>Why calves cramp</h2><p>Two three.</p>")
    page = page._replace(title="Why calves cramp")
    table = np.zeros((3, len(COLUMNS)))
    table[1, COLUMNS.index("is_title")] = 1.0
    assert judge(page, table, np.array([0.9, score, 0.9])).verdicts[1].reason == reason


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [
        ([0.99, 0.98, 0.02], 0.5),  # sure of it: the usual threshold
        ([0.4, 0.35, 0.01], 0.35),  # unsure: the best expected F1 keeps both
        ([0.1, 0.05, 0.01], 0.2),  # never below the lowest
        ([0.53, 0.3, 0.3], 0.3),
    ],
)
def test_the_threshold_of_a_page(scores, threshold):
    words = "word " * 50
    assert page_threshold(html_page(f"<p>{words}</p>" * 3), np.array(scores)) == threshold
    assert page_threshold(text_page("\n\n".join([words] * 3)), np.array(scores)) == threshold


def test_the_threshold_of_an_empty_page_is_the_usual_one():
    assert page_threshold(html_page(""), np.zeros(0)) == 0.5


def context(**more) -> Context:
    defaults = {
        "is_html": False,
        "places": frozenset(),
        "heading": "",
        "run_length": 1,
        "word_score": 0.0,
        "name_score": 0.0,
        "site_share": 0.0,
    }
    return Context(**{**defaults, **more})


REASON_CASES = [
    ("Home>News>Why calves cramp -File: temp/a.html", {}, "breadcrumb"),
    ("You are here: Home » News", {}, "breadcrumb"),
    ("Like (4712)", {}, "counter"),
    ("View", {}, "counter"),
    ("Praise：66870", {}, "counter"),
    ("39,480 views", {}, "counter"),
    ("Date: March 04, 2025", {}, "date or byline"),
    ("2023年02月11日", {}, "date or byline"),
    ("By Ada Wren", {}, "date or byline"),
    ("Great article, thank you for it", {"places": frozenset(("comments",))}, "comments"),
    ("Leave a reply", {}, "comments"),
    ("Share on Facebook", {}, "share buttons"),
    ("Ranking", {}, "headline list"),
    ("Ten breakfasts that keep you full", {"heading": "Related"}, "headline list"),
    ("Ten breakfasts that keep you full", {"run_length": 8}, "headline list"),
    ("Tired eyes:Here's how screens change your sleep", {}, "teaser"),
    ("Read more: the truth about pillows and sleep", {}, "teaser"),
    ("Copyright © 2024 Harbor Health", {}, "legal notice"),
    ("Sign up for the weekly letter with all that is new in medicine and health.", {}, "promotion"),
    ("Ada Wren has covered health since 2012 and lives on the coast with two dogs.", {}, "about the author"),
    ("1. Wren A, Field J. Calves at night. doi 10.0/x", {}, "references"),
    ("A woman rubs her calf. Photo by Jo Field", {}, "caption"),
    ("Contact", {}, "navigation"),
    ("A promise that stands on page after page, in full sentences.", {"site_share": 0.4}, "part of the site"),
    (
        "A sentence that stands somewhere else on the page.",
        {"is_html": True, "name_score": -3.0},
        "outside the article",
    ),
    ("A sentence that reads like no article at all, to be sure.", {}, "unlike an article"),
]


@pytest.mark.parametrize(("text", "around", "reason"), REASON_CASES)
def test_reasons(text, around, reason):
    assert reason_of(block(text), context(**around)) == reason


def test_every_reason_is_documented_and_reached():
    reasons = {rule.reason for rule in RULES}
    assert reasons | {"title", "repeated"} == set(REASONS)
    assert {reason for _, _, reason in REASON_CASES} == reasons


KINDS = [
    ("<p>" + "A sentence of the article that goes on for a while and says one thing. " * 6 + "</p>", "article"),
    ("<p>Too short.</p>", "none"),
    ("<ul>" + "<li><a href=x>Ten breakfasts that keep you full</a></li>" * 12 + "</ul>", "list"),
]


@pytest.mark.parametrize(("body", "kind"), KINDS)
def test_page_kind(body, kind):
    page = html_page(body)
    assert page_kind(page, [True] * len(page.blocks)) == kind


def test_a_forum_is_told_by_its_address_and_names():
    body = (
        "<div class='post'><p>"
        + "I had the same cramps for years and magnesium did nothing at all. " * 5
        + "</p></div>"
    )
    page = html_page(body * 3)._replace(url="https://health.example/forum/thread-12")
    assert page_kind(page, [True] * len(page.blocks)) == "forum"
    assert page_kind(page._replace(url="https://health.example/news"), [True] * len(page.blocks)) == "article"


BYLINES = [
    ("By Ada Wren", True),
    ("Author: Ada Wren", True),
    ("Words by Ada Wren", True),
    ("Ada Wren", False),  # may be a heading of a page on her
    ("By Ada Wren and Jo Field", False),
    ("By noon Ada Wren had walked ten miles.", False),
    ("Date：2025/03/04", True),
    ("Date: March 4, 2025", True),
    ("Date: March 5, 2025", False),  # not the page's
    ("Dates and figs on March 4, 2025", False),
]


@pytest.mark.parametrize(("text", "expected"), BYLINES)
def test_lines_that_say_author_or_date_and_nothing_else_are_bylines(text, expected):
    page = html_page(f"<p>{text}</p>")._replace(author="Ada Wren", date="2025-03-04")
    assert are_bylines(page) == [expected]
    article = judge(page, np.zeros((1, len(COLUMNS))), np.array([0.9]))
    assert article.verdicts[0].keep != expected
    assert article.verdicts[0].reason == ("date or byline" if expected else "")
