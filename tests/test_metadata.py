"""Title, date, author, site and url: from the head of a page, or from a dump's first lines."""

from __future__ import annotations

import pytest
from conftest import html_page, text_page

from pipeline.parse.metadata import parse_date, site_of, without_file_marker

DATES = [
    ("2024-03-08T10:00:00Z", "2024-03-08"),
    ("Date: March 04, 2025", "2025-03-04"),
    ("Sept. 5, 2023", "2023-09-05"),
    ("4th of July", None),
    ("12 January 2022", "2022-01-12"),
    ("2023年02月11日", "2023-02-11"),
    ("02-17-2025", "2025-02-17"),
    ("17-02-2025", None),
    ("2024/2/30", None),
    ("call 2024-555-0100", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "day"), DATES)
def test_dates(text, day):
    assert parse_date(text) == day


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://www.health.example.com/a", "example.com"),
        ("http://nhs.uk", "nhs.uk"),
        ("https://a.b.example.co.uk:8080/", "example.co.uk"),
        ("http://192.168.0.1/x", "192.168.0.1"),
        ("https://[broken", None),
        ("localhost", None),
        (None, None),
    ],
)
def test_site(url, site):
    assert site_of(url) == site


def test_head_of_an_html_page():
    head = """<title>Night cramps: what helps | Harbor Health</title><meta property="og:site_name" content="Harbor Health">
      <meta property="article:published_time" content="2024-05-06T07:00:00+02:00"><meta name="author" content="Ada Wren">
      <link rel="canonical" href="https://www.harbor.example/cramps">"""
    page = html_page("<h1>Night cramps: what helps</h1><p>Text.</p>", head)
    assert (page.title, page.date, page.author) == ("Night cramps: what helps", "2024-05-06", "Ada Wren")
    assert (page.url, page.site) == ("https://www.harbor.example/cramps", "harbor.example")


def test_json_ld_fills_the_gaps_and_may_be_broken():
    good = '{"@graph": [{"@type": "NewsArticle", "datePublished": "2021-02-03", "author": [{"name": "Jo Field"}]}]}'
    head = f'<script type="application/ld+json">{{broken</script><script type="application/ld+json">{good}</script>'
    page = html_page("<p>Text.</p>", head)
    assert (page.date, page.author) == ("2021-02-03", "Jo Field")


def test_what_is_shown_below_the_heading_counts_where_the_head_is_silent():
    page = html_page("<h1>Sore throat: what helps</h1><div>November 7, 2023 – by Greta Holloway</div><p>Text.</p>")
    assert (page.date, page.author) == ("2023-11-07", "Greta Holloway")


def test_an_address_without_its_scheme_is_none():
    head = '<link rel="canonical" href="cramps.html"><meta property="og:url" content="https://harbor.example/cramps">'
    assert html_page("<p>Text.</p>", head).url == "https://harbor.example/cramps"
    assert html_page("<p>Text.</p>", '<link rel="canonical" href="/cramps">').url is None


def test_a_page_without_a_head_has_none_of_it():
    page = html_page("<p>Text.</p>")
    assert (page.title, page.date, page.author, page.url, page.site) == (None,) * 5


PROSE = (
    "The calf hardens in the night and wakes even deep sleepers, and nobody knows exactly why the nerve fires at rest."
)
TITLES = [
    ("Home>News>Why calves cramp at night -File: temp/a/nam12.html\nWhy calves cramp at night\nView\n" + PROSE,
     "Why calves cramp at night"),
    ("Home / WellnessWhy calves cramp at night[文件: cache/nam90.txt]\nDate: 2024-01-02\n" + PROSE, "Why calves cramp at night"),
    ("Why calves cramp at night | Harbor Health\nMenu\nSearch\nWhy calves cramp at night\nBy Ada Wren\n" + PROSE,
     "Why calves cramp at night"),
    ("News\nSports\nWhy calves cramp at night\nMay 5, 2024 at nine in the morning\n" + PROSE, "Why calves cramp at night"),
    (PROSE + "\n" + PROSE, None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "title"), TITLES)
def test_title_of_a_dump(source, title):
    assert text_page(source).title == title


def test_date_and_author_of_a_dump():
    page = text_page("Why calves cramp at night\nBy Ada Wren | Harbor Health\nUpdated: March 04, 2025\n" + PROSE)
    assert (page.author, page.date) == ("Ada Wren", "2025-03-04")
    assert text_page("Why calves cramp at night\nAuthor：Jo Field\n" + PROSE).author == "Jo Field"


def test_the_file_marker_is_taken_off():
    assert without_file_marker("Title _文件路径: data/x/nam87.txt") == "Title"
    assert without_file_marker("A file: of papers") == "A file: of papers"
