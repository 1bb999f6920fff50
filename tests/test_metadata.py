"""Title, date, author, site and url: from the head of a page, or from a dump's first lines."""

from __future__ import annotations

import pytest
from conftest import html_page, text_page

from pipeline.parse import parse
from pipeline.parse.dates import parse_date
from pipeline.parse.metadata import site_of, without_file_marker
from pipeline.records import RawPage

DATES = [
    ("2024-03-08T10:00:00Z", "2024-03-08"),
    ("Date: March 04, 2025", "2025-03-04"),
    ("Sept. 5, 2023", "2023-09-05"),
    ("4th of July", None),
    ("12 January 2022", "2022-01-12"),
    ("2023年02月11日", "2023-02-11"),
    ("02-17-2025", "2025-02-17"),
    ("17-02-2025", None),
    ("17.02.2025", "2025-02-17"),
    ("on 17/02/2025", "2025-02-17"),
    ("2024 Jun 30", "2024-06-30"),
    ("5-Mar-2021", "2021-03-05"),
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


def test_published_modified_site_name_and_canonical():
    head = """<meta property="article:modified_time" content="2024-06-01"><meta name="published" content="May 6, 2024">
      <meta property="og:site_name" content="Harbor &amp; Health"><link rel="canonical" href="https://h.example/c">"""
    page = html_page("<h1>Night cramps</h1><p>Text.</p>", head)
    assert (page.date, page.modified) == ("2024-05-06", "2024-06-01")
    assert (page.site_name, page.canonical) == ("Harbor & Health", "https://h.example/c")


@pytest.mark.parametrize(
    ("shown", "published", "modified"),
    [
        ("Published May 6, 2024 | Last updated June 1, 2024", "2024-05-06", "2024-06-01"),
        ("Medically reviewed on June 1, 2024 · Posted May 6, 2024", "2024-05-06", "2024-06-01"),
        ("May 6, 2024", "2024-05-06", None),
        ("Updated: June 1, 2024", "2024-06-01", "2024-06-01"),  # the only day that it tells
    ],
)
def test_words_before_a_date_say_what_it_is(shown, published, modified):
    page = html_page(f"<h1>Night cramps: what helps</h1><p>{shown}</p><p>Text.</p>")
    assert (page.date, page.modified) == (published, modified)
    page = text_page(f"Night cramps: what helps\n{shown}\n{PROSE}")
    assert (page.date, page.modified) == (published, modified)


def test_microdata_and_marked_elements():
    body = """<div class="card">Other: <span itemprop="headline">x</span></div><h1>Night cramps: what helps</h1>
      <div class="meta-author">By <a rel="author" href="/ada">Ada Wren</a>, Staff Writer</div>
      <meta itemprop="datePublished" content="2024-05-06"><meta itemprop="dateModified" content="2024-06-01"><p>Text.</p>"""
    page = html_page(body)
    assert (page.author, page.date, page.modified) == ("Ada Wren", "2024-05-06", "2024-06-01")


AUTHORS = [
    ('<meta name="author" content="hw_admin3">', '<p class="byline">Written by Jo van der Field on May 3, 2024</p>', "Jo van der Field"),
    ('<meta name="author" content="admin">', "", None),
    ('<meta name="author" content="Harbor Health"><meta property="og:site_name" content="Harbor Health">',
     "<p>By Ada Wren and Jo Field | 4 min</p>", "Ada Wren and Jo Field"),
    ('<meta name="author" content="Harbor Health"><meta property="og:site_name" content="Harbor Health">', "", "Harbor Health"),
    ("", "<p>by submitting this form you agree to it</p>", None),
    ("", '<div class="comment-author">Kim Lake</div>', None),
    ("", '<div class="author-box">About Kim Lake</div>', None),
    ("", '<span class="author">Kim Lake Dec 3</span>', "Kim Lake"),
    ("", '<span class="author">KIM LAKE, MD</span>', "KIM LAKE"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "below", "author"), AUTHORS)
def test_the_likeliest_author(head, below, author):
    page = html_page(f"<p>By Use Case</p><h1>Night cramps: what helps</h1>{below}<p>Text.</p>", head)
    assert page.author == author


LD = [
    ('{"@type": "Article", "author": [{"name": "Jo Field"}, {"name": "Ada Wren"}]}', "Jo Field, Ada Wren"),
    ('{"@graph": [{"@type": "Article", "author": {"@id": "#a"}}, {"@id": "#a", "name": "Jo Field"}]}', "Jo Field"),
    ('{"@type": "Review", "author": {"name": "Kim Lake"}}', None),
    ('{"@type": ["Article", "Review"], "author": 7}', None),
    ('{"@type": "Article", "author": {"name": ["Jo Field", "x"]}}', "Jo Field"),
    ('{"@type": "Article", "author": "https://a.example/jo"}', None),
    ("{&quot;author&quot;: &quot;Jo Field&quot;}", "Jo Field"),
]


@pytest.mark.parametrize(("script", "author"), LD)
def test_authors_in_json_ld(script, author):
    assert html_page("<p>Text.</p>", f'<script type="application/ld+json">{script}</script>').author == author


HTML_TITLES = [
    ("<title>Cramps at night | Harbor Health</title>", "<h1>Harbor Health</h1>", "Cramps at night"),
    ("<title>Cramps at night | Harbor Health</title>", "<h1>Harbor Health</h1><h1>Cramps at night</h1>", "Cramps at night"),
    ('<meta property="og:title" content="Cramps at night | Sleep">', "<h1>Welcome!</h1>", "Cramps at night"),
    ('<meta property="og:title" content="Cramps &amp;#x26; pains">', "", "Cramps & pains"),
    ("<title>Harbor</title>", "<h1>Why do calves cramp at night?</h1>", "Why do calves cramp at night?"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "body", "title"), HTML_TITLES)
def test_title_of_an_html_page(head, body, title):
    assert html_page(f"{body}<p>Text.</p>", head).title == title


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
    ("Why calves cramp at night | Harbor\n" + "Sleep\nHeart\n" * 40 + "Why calves cramp at night\nHow we work and why\n" + PROSE + "\n" + PROSE,
     "Why calves cramp at night"),
    ("Menu\nWhy calves cramp at night\nFacebook Twitter Email Print\nThe calf hardens and wakes even deep sleepers.\n" + PROSE,
     "Why calves cramp at night"),
    ("We use cookies to make this page work for everybody.\n" + "Sleep\n" * 9 + "Why calves cramp at night\n" + PROSE + "\n" + PROSE,
     "Why calves cramp at night"),
    ("Harbor Health\n" + "All of our topics\n" + "\n".join(f"How to cook dish {n}" for n in range(9)), "Harbor Health"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "title"), TITLES)
def test_title_of_a_dump(source, title):
    assert text_page(source).title == title


def test_the_address_tells_the_title_of_a_dump():
    lines = (
        "Home of sleep\nHow to fall asleep\nWhy calves cramp at night\nWhat our readers say now\n"
        + PROSE
        + "\n"
        + PROSE
    )
    url = "https://h.example/sleep/why-calves-cramp-at-night.html?page=2"
    assert parse(RawPage("p", "p.txt", lines, False, url=url)).title == "Why calves cramp at night"
    assert (
        parse(RawPage("p", "p.txt", lines, False, url="https://h.example/p/20931")).title == "What our readers say now"
    )
    assert (
        parse(RawPage("p", "p.txt", lines, False, url="https://[h.example/a-b-c-d")).title == "What our readers say now"
    )


@pytest.mark.parametrize(
    ("line", "author"),
    [
        ("By Ada WrenMay 5, 20244 min read", "Ada Wren"),
        ("By ADA WREN, Northern Press Agency", "ADA WREN"),
        ("By Ada Wren, Jo Field and Kim Lake", "Ada Wren, Jo Field and Kim Lake"),
        ("Words: Ada Wren", "Ada Wren"),
    ],
)
def test_lines_below_the_heading_name_the_author(line, author):
    assert html_page(f"<h1>Night cramps: what helps</h1><p>{line}</p><p>Text.</p>").author == author


def test_the_last_line_may_tell_the_day():
    page = html_page(f"<h1>Night cramps: what helps</h1>{'<p>Text.</p>' * 20}<p>Last updated: 5 July 2024</p>")
    assert (page.date, page.modified) == ("2024-07-05", "2024-07-05")


def test_date_and_author_of_a_dump():
    page = text_page("Why calves cramp at night\nBy Ada Wren | Harbor Health\nUpdated: March 04, 2025\n" + PROSE)
    assert (page.author, page.date) == ("Ada Wren", "2025-03-04")
    assert text_page("Why calves cramp at night\nAuthor：Jo Field\n" + PROSE).author == "Jo Field"


def test_the_file_marker_is_taken_off():
    assert without_file_marker("Title _文件路径: data/x/nam87.txt") == "Title"
    assert without_file_marker("A file: of papers") == "A file: of papers"
