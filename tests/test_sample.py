"""The shipped sample: its truth fits its pages, and its pages are as hard as they promise."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Comment

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
TEXT_PAGES = sorted(SAMPLE.glob("*/*.txt"))
HTML_PAGES = sorted(SAMPLE.glob("*/*.html"))
FEED = [json.loads(line) for line in (SAMPLE / "feed.jsonl").read_text(encoding="utf-8").splitlines()]
FEED_TRUTH = {truth["page_id"]: truth for truth in json.loads((SAMPLE / "feed.truth.json").read_text("utf-8"))}

TAGS = {"causes", "remedies", "warning_signs"}
KINDS = {"heading", "paragraph", "item", "cell", "quote", "caption"}
PAGE_KINDS = {"article", "list", "forum", "other", "none"}
LISTS = ("article", "boilerplate", "neutral")
FIELDS = {"page_id", "title", "date", "author", "language", "page_kind", "sections", *LISTS}
BULLET = re.compile(r"^\s*(?:[-–•*>»]|\d+\.)\s+")
LIST_NAME = re.compile(r"(Related|Ranking|Recommend)", re.IGNORECASE)


def truth_of(page: Path) -> dict:
    return json.loads(page.with_name(page.stem + ".truth.json").read_text(encoding="utf-8"))


def all_truths() -> list:
    pages = [pytest.param(truth_of(page), id=page.stem) for page in TEXT_PAGES + HTML_PAGES]
    return pages + [pytest.param(truth, id=page_id) for page_id, truth in FEED_TRUTH.items()]


def text_cases() -> list:
    """Lines and truth of every text: the pages, and the rows of the feed that hold text."""
    cases = [(page.stem, page.read_text(encoding="utf-8").splitlines(), truth_of(page)) for page in TEXT_PAGES]
    cases += [(row["id"], row["text"].splitlines(), FEED_TRUTH[row["id"]]) for row in FEED if "text" in row]
    return [pytest.param(lines, truth, id=name) for name, lines, truth in cases]


def html_cases() -> list:
    cases = [(page.stem, page.read_bytes(), truth_of(page)) for page in HTML_PAGES]
    cases += [(row["id"], row["html"].encode(), FEED_TRUTH[row["id"]]) for row in FEED if "html" in row]
    return [pytest.param(content, truth, id=name) for name, content, truth in cases]


def folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def squeezed(text: str) -> str:
    """Without any white space: torn lines and table cells leave blanks that mean nothing."""
    return re.sub(r"\s+", "", text)


def body_of(content: bytes) -> str:
    body = BeautifulSoup(content, "html.parser").body
    for element in body.find_all(["script", "style", "noscript", "template"]):
        element.extract()
    for comment in body.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    return body.get_text()


def sections_from(units: list[dict]) -> list[tuple[str, list[dict]]]:
    sections: list[tuple[str, list[dict]]] = []
    for unit in units:
        if unit["kind"] == "heading":
            sections.append((unit["text"], []))
        else:
            if not sections:
                sections.append(("", []))
            sections[-1][1].append(unit)
    return sections


def tags_by_share(passages: list[dict]) -> list[str]:
    """The guide's rule: tags that a third of the section's words carry, most first."""
    words: Counter[str] = Counter()
    total = 0
    for passage in passages:
        count = len(passage["text"].split())
        total += count
        for tag in passage.get("tags", []):
            words[tag] += count
    return [tag for tag, count in words.most_common() if 3 * count >= total]


# ---- the set ----


def test_there_are_enough_pages():
    assert len(TEXT_PAGES) >= 8
    assert len(HTML_PAGES) >= 6
    assert [set(row) - {"text", "html"} for row in FEED] == [{"id", "url", "site", "title"}] * 3


def test_stems_are_unique_and_every_page_has_a_truth():
    stems = [page.stem for page in TEXT_PAGES + HTML_PAGES] + [row["id"] for row in FEED]
    assert len(stems) == len(set(stems))
    truths = {path.name.removesuffix(".truth.json") for path in SAMPLE.rglob("*.truth.json")}
    assert truths == {page.stem for page in TEXT_PAGES + HTML_PAGES} | {"feed"}
    assert list(FEED_TRUTH) == [row["id"] for row in FEED]


@pytest.mark.parametrize("page", [*TEXT_PAGES, *HTML_PAGES, SAMPLE / "feed.jsonl"], ids=lambda page: page.stem)
def test_page_says_that_it_is_a_sample(page):
    assert re.search(rb"written for Healthsift|escrita para Healthsift", page.read_bytes(), re.IGNORECASE)


def test_some_page_is_not_utf8():
    page = SAMPLE / "homestead-living" / "sore-throat.html"
    with pytest.raises(UnicodeDecodeError, match="utf-8"):
        page.read_bytes().decode("utf-8")
    assert "“strep throat”" in page.read_bytes().decode("windows-1252")


# ---- the truth ----


@pytest.mark.parametrize("truth", all_truths())
def test_truth_has_its_shape(truth):
    assert set(truth) == FIELDS
    assert truth["page_kind"] in PAGE_KINDS
    assert truth["date"] is None or re.fullmatch(r"\d{4}-\d\d-\d\d", truth["date"])
    assert bool(truth["article"]) == (truth["page_kind"] == "article")
    assert truth["boilerplate"]
    for unit in (unit for name in LISTS for unit in truth[name]):
        assert unit["kind"] in KINDS
        assert unit["text"] and unit["text"] == folded(unit["text"])


@pytest.mark.parametrize("truth", all_truths())
def test_tags_are_known_and_only_passages_of_english_articles_have_them(truth):
    for unit in truth["article"]:
        if unit["kind"] == "heading" or truth["language"] != "en":
            assert "tags" not in unit
        else:
            assert set(unit["tags"]) <= TAGS and len(unit["tags"]) == len(set(unit["tags"]))
    for section in truth["sections"]:
        assert set(section["tags"]) <= TAGS


@pytest.mark.parametrize("truth", all_truths())
def test_sections_follow_from_the_units(truth):
    expected = [(heading, tags_by_share(passages)) for heading, passages in sections_from(truth["article"])]
    assert [(section["heading"], section["tags"]) for section in truth["sections"]] == expected
    for section, (_, passages) in zip(truth["sections"], sections_from(truth["article"]), strict=True):
        assert section["text_starts"] and passages[0]["text"].startswith(section["text_starts"])


@pytest.mark.parametrize(("lines", "truth"), text_cases())
def test_every_line_is_in_exactly_one_list(lines, truth):
    claimed = Counter()
    for unit in (unit for name in LISTS for unit in truth[name]):
        first, last = unit["lines"]
        claimed.update(range(first, last + 1))
    assert claimed == Counter(number for number, line in enumerate(lines, 1) if line.strip())


@pytest.mark.parametrize(("lines", "truth"), text_cases())
def test_units_stand_at_their_lines(lines, truth):
    for unit in (unit for name in LISTS for unit in truth[name]):
        first, last = unit["lines"]
        assert folded(BULLET.sub("", " ".join(lines[first - 1 : last]))) == unit["text"]


@pytest.mark.parametrize(("lines", "truth"), text_cases())
def test_units_are_in_order(lines, truth):
    for name in LISTS:
        firsts = [unit["lines"][0] for unit in truth[name]]
        assert firsts == sorted(firsts)


@pytest.mark.parametrize(("content", "truth"), html_cases())
def test_html_units_are_in_the_page_in_order(content, truth):
    page = squeezed(body_of(content))
    for name in LISTS:
        position = 0
        for unit in truth[name]:
            text = squeezed(unit["text"])
            position = page.find(text, position)
            assert position >= 0, f"not found, or not in this order: {unit['text']!r}"
            position += len(text)


@pytest.mark.parametrize(("content", "truth"), html_cases())
def test_html_text_is_all_accounted_for(content, truth):
    units = "".join(unit["text"] for name in LISTS for unit in truth[name])
    assert Counter(squeezed(units)) == Counter(squeezed(body_of(content)))


@pytest.mark.parametrize(("content", "truth"), html_cases())
def test_no_article_text_stands_among_the_boilerplate(content, truth):
    article = {unit["text"] for unit in truth["article"]}
    assert article.isdisjoint(unit["text"] for unit in truth["boilerplate"])


# ---- the traps: every text page has every one ----


class TextPage:
    """A text page as the traps look at it."""

    def __init__(self, path: Path):
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.truth = truth_of(path)
        self.article = self.truth["article"]
        self.boilerplate = self.truth["boilerplate"]
        self.chrome = [unit["text"] for unit in self.boilerplate]
        self.headings = [unit["text"] for unit in self.article if unit["kind"] == "heading"]

    def raw(self, unit: dict) -> str:
        return self.lines[unit["lines"][0] - 1].strip()

    def headlines(self, name: str) -> list[dict]:
        """The units of one list of headlines, without its name."""
        found: list[dict] = []
        inside = False
        for unit in self.boilerplate:
            if unit["kind"] == "heading":
                inside = name in unit["text"]
            elif inside and unit["kind"] == "item":
                found.append(unit)
        return found

    def all_headlines(self) -> list[str]:
        return [unit["text"] for name in ("Related", "Ranking", "Recommend") for unit in self.headlines(name)]


def fused_first_line(page: TextPage) -> bool:
    fused = next((text for text in page.chrome if "Home" in text), "")
    return page.truth["title"] in fused and bool(re.search(r"(?i)(file|文件)\s*[:：]", fused))


def title_repeated(page: TextPage) -> bool:
    return [unit["text"] for unit in page.truth["neutral"]] == [page.truth["title"]]


def view_line(page: TextPage) -> bool:
    return bool({"View", "Views"} & set(page.chrome))


def date_line(page: TextPage) -> bool:
    return any(re.match(r"Date[:：]", text) for text in page.chrome)


def introduction_without_heading(page: TextPage) -> bool:
    return page.truth["sections"][0]["heading"] == "" and 1 <= len(sections_from(page.article)[0][1]) <= 3


def question_headings(page: TextPage) -> bool:
    return sum(heading.endswith("?") for heading in page.headings) >= 3


def list_in_the_article(page: TextPage) -> bool:
    return sum(unit["kind"] == "item" for unit in page.article) >= 3


def all_three_tags_and_none(page: TextPage) -> bool:
    primary = {tuple(section["tags"][:1]) for section in page.truth["sections"]}
    return primary == {(), *((tag,) for tag in TAGS)}


def reassuring_end(page: TextPage) -> bool:
    last = " ".join(unit["text"] for unit in sections_from(page.article)[-1][1])
    calm = re.search(r"rarely|seldom|harmless|never|Hardly|nuisance|Not every", last)
    return page.truth["sections"][-1]["tags"] == ["warning_signs"] and bool(calm)


def teaser_after_the_article(page: TextPage) -> bool:
    end = page.article[-1]["lines"][1]
    after = next(unit for unit in page.boilerplate if unit["lines"][0] > end)
    return bool(re.fullmatch(r"\w[^:]+[:：]\S.*", after["text"]))


def counter_line(page: TextPage) -> bool:
    return any(re.fullmatch(r"\w+!? ?[(（][\d,]+[)）]", text) for text in page.chrome)


def bulleted_related_list(page: TextPage) -> bool:
    units = page.headlines("Related")
    return 8 <= len(units) <= 10 and all(BULLET.match(page.raw(unit)) for unit in units)


def bulleted_ranking_list(page: TextPage) -> bool:
    units = page.headlines("Ranking")
    return 8 <= len(units) <= 10 and all(BULLET.match(page.raw(unit)) for unit in units)


def bare_recommendation_list(page: TextPage) -> bool:
    units = page.headlines("Recommend")
    return 8 <= len(units) <= 10 and not any(BULLET.match(page.raw(unit)) for unit in units)


def headline_in_two_lists(page: TextPage) -> bool:
    return max(Counter(page.all_headlines()).values()) > 1


def headline_that_asks(page: TextPage) -> bool:
    return any(text.endswith("?") for text in page.all_headlines())


def headline_near_the_topic(page: TextPage) -> bool:
    article = " ".join(unit["text"] for unit in page.article).lower()
    own = {word for word, count in Counter(re.findall(r"[a-z]{4,}", article)).items() if count >= 3}
    return any(len(own & set(re.findall(r"[a-z]{4,}", text.lower()))) >= 2 for text in page.all_headlines())


def sample_footer(page: TextPage) -> bool:
    return "ritten for Healthsift" in page.chrome[-1]


TRAPS = [
    fused_first_line, title_repeated, view_line, date_line, introduction_without_heading, question_headings,
    list_in_the_article, all_three_tags_and_none, reassuring_end, teaser_after_the_article, counter_line,
    bulleted_related_list, bulleted_ranking_list, bare_recommendation_list, headline_in_two_lists,
    headline_that_asks, headline_near_the_topic, sample_footer,
]  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.__name__)
@pytest.mark.parametrize("path", TEXT_PAGES, ids=lambda path: path.stem)
def test_text_page_has_trap(path, trap):
    assert trap(TextPage(path))


@pytest.mark.parametrize("path", TEXT_PAGES, ids=lambda path: path.stem)
def test_text_page_is_a_whole_article(path):
    words = sum(len(unit["text"].split()) for unit in truth_of(path)["article"])
    assert 700 <= words <= 1200


def test_two_pages_are_torn_and_one_is_wrapped():
    torn, wrapped = [], []
    for path in TEXT_PAGES:
        page = TextPage(path)
        spread = [unit for unit in page.article if unit["lines"][0] != unit["lines"][1]]
        if not spread:
            continue
        (wrapped if max(map(len, page.lines)) <= 80 else torn).append(path.stem)
    assert len(torn) >= 2
    assert len(wrapped) >= 1


def test_some_article_headings_sound_like_names_of_blocks():
    sounding = [heading for path in TEXT_PAGES for heading in TextPage(path).headings if LIST_NAME.match(heading)]
    assert {"Recommendations", "Related conditions"} <= set(sounding)
