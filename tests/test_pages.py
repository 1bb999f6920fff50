"""Golden pages: one folder of tests/pages is one case, source and expected side by side.

What `parse` gives is required to the letter: title, dates, author, language, site, and every unit of the article as one
block of its kind. What the models make of it is learnt, and its known faults stand in tests/pages/faults.json: pages
that are wrecked or taken for another kind, and how many blocks and tags may be wrong over all pages together. A model
that is better passes; then lower the numbers to what it reaches.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import ROOT

from pipeline.clean import clean
from pipeline.parse import parse
from pipeline.parse.html import parse_html as parse_with_lexbor
from pipeline.parse.soup import parse_html as parse_with_soup
from pipeline.parse.walk import INLINE, KIND_OF, SKIPPED
from pipeline.records import Article, ParsedPage, RawPage
from pipeline.shard import tag_article

PAGES = ROOT / "tests" / "pages"
FAULTS = json.loads((PAGES / "faults.json").read_text(encoding="utf-8"))
FIELDS = ("title", "date", "modified", "author", "language", "site_name", "canonical")
#: A page is usable if this share of the article's words was kept, and of the kept words are the article's.
USABLE = 0.7


class Case(NamedTuple):
    slug: str
    page: ParsedPage
    expected: dict[str, Any]

    @property
    def units(self) -> Counter[str]:
        return Counter(text for _, text in self.expected["article"])


def load(folder: Path) -> Case:
    (source,) = folder.glob("source.*")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return Case(folder.name, parse(RawPage(folder.name, str(source), source.read_bytes())), expected)


CASES = [load(path.parent) for path in sorted(PAGES.glob("*/expected.json"))]
by_slug = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)


@pytest.fixture(scope="module")
def articles(cleaner) -> dict[str, Article]:
    return {case.slug: clean(case.page, cleaner) for case in CASES}


def faults(case: Case, article: Article) -> dict[str, list[str]]:
    """What was lost of the article, and what leaked into it."""
    kept = Counter(block.text for block in article.kept)
    return {"lost": sorted((case.units - kept).elements()), "leaked": sorted((kept - case.units).elements())}


def words(texts) -> int:
    return sum(len(text.split()) for text in texts)


def test_there_are_thirty_pages_of_html_and_text():
    kinds = Counter(case.page.is_html for case in CASES)
    assert len(CASES) >= 30
    assert min(kinds.values()) >= 10
    assert {case.expected["page_kind"] for case in CASES} >= {"article", "forum", "list", "none"}


@by_slug
def test_the_page_says_that_it_is_invented(case):
    assert any("Written for Healthsift" in block.text for block in case.page.blocks)


@by_slug
def test_what_the_page_tells_of_itself(case):
    assert {name: getattr(case.page, name) for name in FIELDS} == {name: case.expected[name] for name in FIELDS}


@by_slug
def test_every_unit_of_the_article_is_a_block_of_its_kind(case):
    blocks = Counter((block.kind, block.text) for block in case.page.blocks)
    assert not Counter(map(tuple, case.expected["article"])) - blocks


@by_slug
def test_both_parsers_see_the_same(case):
    (source,) = (PAGES / case.slug).glob("source.*")
    assert case.page == parse(RawPage(case.slug, str(source), source.read_bytes()), "soup")


def test_kinds_of_pages(articles):
    wrong = {c.slug for c in CASES if articles[c.slug].page_kind != c.expected["page_kind"]}
    assert wrong <= set(FAULTS["wrong_kind"])


def test_articles_come_out_usable(articles):
    wrecked = {}
    for case in CASES:
        found = faults(case, articles[case.slug])
        wanted = words(case.units.elements())
        right = wanted - words(found["lost"])
        if right < USABLE * wanted or (wanted and right < USABLE * (right + words(found["leaked"]))):
            wrecked[case.slug] = found
    assert set(wrecked) <= set(FAULTS["wrecked"]), wrecked


def test_sections_that_leave_no_doubt_have_their_tag(articles, models):
    pairs = []
    for case in CASES:
        found = {t.section.heading: t.tags[:1] for t in tag_article(articles[case.slug], models.tagger)}
        pairs += [(case.slug, heading, tag, found.get(heading)) for heading, tag in case.expected["tags"].items()]
    wrong = [pair for pair in pairs if pair[3] != (pair[2],)]
    assert len(pairs) >= 35
    assert len(wrong) <= FAULTS["wrong_tags_at_most"], wrong


def test_no_more_is_wrong_than_is_known(articles):
    """Blocks lost and leaked, of all pages together; the message lists them by page."""
    found = {case.slug: faults(case, articles[case.slug]) for case in CASES if case.expected["article"]}
    wrong = sum(len(texts) for page in found.values() for texts in page.values())
    assert wrong <= FAULTS["wrong_blocks_at_most"], json.dumps(
        {s: f for s, f in found.items() if any(f.values())}, indent=1
    )


# ---- every element in every other ----

OUTER = sorted({*KIND_OF, *INLINE, *"div section article main aside nav header footer figure details summary".split(),
                *"ul ol dl table tbody thead form fieldset label address center x-card".split()} - {"input", "img", "wbr"})  # fmt: skip
#: Their content is never text of the page, or they hold none.
HIDES = SKIPPED | {"input", "img", "wbr"}


def nested(outer: str) -> str:
    """A page with every other element inside `outer`, each with a word of its own."""
    inside = "".join(f"<div><{outer}>before <{i}>w{n}x</{i}> after</{outer}></div>" for n, i in enumerate(OUTER))
    return f"<html><body>{inside}</body></html>"


@pytest.mark.parametrize("outer", OUTER)
def test_every_element_in_every_other(outer):
    page = parse_with_lexbor(nested(outer))
    assert page == parse_with_soup(nested(outer))
    seen = Counter(word for block in page.blocks for word in block.text.split())
    lost = [inner for n, inner in enumerate(OUTER) if not any(f"w{n}x" in word for word in seen) and inner not in HIDES]
    assert lost == []
    assert all(0 <= element.first < element.last <= len(page.blocks) for element in page.elements)
    assert all(0 <= block.element < len(page.elements) for block in page.blocks)


@pytest.mark.parametrize("inner", sorted(set(KIND_OF) - {"tr"}))  # a row's own text is moved out of the table
def test_the_innermost_element_tells_the_kind(inner):
    """Inside a plain box; cells and captions need the table that HTML wants around them."""
    around = {"td": "<table><tr>{}</tr></table>", "th": "<table><tr>{}</tr></table>", "caption": "<table>{}</table>"}
    html = around.get(inner, "<blockquote>{}</blockquote>").format(f"<{inner}>Some words</{inner}>")
    (block,) = parse_with_lexbor(f"<html><body><div>{html}</div></body></html>").blocks
    assert (block.kind, block.text) == (KIND_OF[inner][0], "Some words")
