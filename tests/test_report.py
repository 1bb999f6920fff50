"""The report: what it shows, what it says it leaves out, and that no page can act in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup, Tag

from pipeline.report import write_report
from pipeline.webpage import PARTS, TAGS, is_web_address, mark_evidence
from pipeline.write import SCHEMAS

Row = dict[str, Any]
ATTACK = "document.title='taken'"
HOSTILE = f"""</p></title></style></script><script>{ATTACK}</script>"><img src=x onerror="{ATTACK}">{{{{ 7*7 }}}}"""
NUMB = "Sleeping on a bent wrist squeezes the nerve. Most people notice it at dawn."
CAUSE = {"tag": "causes", "start": 0, "end": 44, "terms": [{"term": "squeezes", "weight": 0.41}]}


def page(page_id: str, **more: Any) -> Row:
    """One row of `pages`: an English article unless told otherwise."""
    usual = {
        "title": f"Title of {page_id}",
        "site": "knees.example",
        "language": "en",
        "page_kind": "article",
    }
    return {
        "page_id": page_id,
        "source": f"{page_id}.html",
        "words": 12,
        "kept": 2,
        "dropped": 1,
        **usual,
        **more,
    }


def section(page_id: str, position: int, heading: str = "", tags: tuple[str, ...] = ()) -> Row:
    scores = {tag: 0.9 if tag in tags else 0.1 for tag in TAGS}
    return {
        "page_id": page_id,
        "position": position,
        "heading": heading,
        "level": 2,
        "tags": list(tags),
        **scores,
    }


def passage(page_id: str, position: int, text: str, tags: Row | None = None, **more: Any) -> Row:
    """One row of `passages`; `tags` maps the tags given to their probabilities."""
    scores = dict.fromkeys(TAGS, 0.05) | (tags or {})
    row = {
        "page_id": page_id,
        "position": position,
        "kind": "paragraph",
        "text": text,
        "tags": list(tags or ()),
    }
    return row | scores | more


def dropped(page_id: str, position: int, reason: str, text: str = "Sign up for our letter") -> Row:
    return {"page_id": page_id, "position": position, "reason": reason, "text": text, "score": 0.0312}


def write_run(folder: Path, tables: dict[str, list[Row]], **run: Any) -> Path:
    """A run's folder; every table stands in it in two parts, the first of them empty."""
    for name, schema in SCHEMAS.items():
        (folder / name).mkdir(parents=True)
        for part, rows in enumerate(([], tables.get(name, []))):
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / name / f"{part}.parquet")
    counts = {name: len(tables.get(name, [])) for name in SCHEMAS}
    (folder / "run.json").write_text(json.dumps({"counts": counts, **run}), "utf-8")
    return folder


SMALL: dict[str, list[Row]] = {
    "pages": [
        page("numb", url="https://knees.example/numb", author="Ada Vale", date="2025-02-03"),
        page("evil", title=HOSTILE, site=HOSTILE, url=f"javascript:{ATTACK}", author=HOSTILE, language='"><b>'),
        page("schlaf", language="de", duplicate_of="numb"),
        page("news", page_kind="list", title="", site=None),
    ],
    "sections": [
        section("numb", 1, "What causes it?", ("causes",)),
        section("numb", 6, "What helps", ("remedies", "warning_signs")),
        section("evil", 0, HOSTILE, ("causes",)),
        section("schlaf", 0),
    ],
    "passages": [
        passage("numb", 3, NUMB, {"causes": 0.93}, evidence=[CAUSE]),
        passage("numb", 7, "Wear a splint.", {"remedies": 0.81, "warning_signs": 0.64}, kind="item"),
        passage("evil", 1, HOSTILE, {"causes": 0.71}, kind='x" onclick="y'),
        passage("evil", 2, "NUL \x00 and bell \x07 and \uffff."),
        passage("schlaf", 0, "Ein Glas Wasser hilft."),
    ],
    "dropped": [
        dropped("numb", 0, "share", "Share this"),
        dropped("numb", 2, "advert"),
        dropped("numb", 4, "headline_list", "Ten better breakfasts"),
        dropped("numb", 5, "headline_list", "Five better beds"),
        dropped("evil", 3, HOSTILE, HOSTILE),
        dropped("news", 0, "share"),
    ],
    "errors": [{"page_id": "bad", "source": "bad.html", "stage": "parse", "error": "TooDeep", "message": HOSTILE}],
}
RUN = {
    "healthsift": "0.1.0",
    "spec": {"inputs": [HOSTILE, "lone \ud800 half"], "engine": "serial", "models": {"cleaner": "ab12"}},
    "started": "2026-03-08T10:00:00+00:00",
    "seconds": 75.2,
    "stage_seconds": {"read": 0.1, "parse": 0.3},
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_run(tmp_path_factory.mktemp("run"), SMALL, **RUN))


@pytest.fixture(scope="module")
def soup(report: Path) -> BeautifulSoup:
    return read(report)


def read(report: Path) -> BeautifulSoup:
    return BeautifulSoup(report.read_text("utf-8"), "html.parser")


def one(root: BeautifulSoup | Tag, selector: str) -> Tag:
    """The only element that fits."""
    found = root.select(selector)
    assert len(found) == 1, f"{len(found)} elements fit {selector}"
    return found[0]


def words(element: Tag) -> str:
    return " ".join(element.get_text(" ").split())


def test_the_report_stands_alone_in_its_folder(report: Path) -> None:
    assert report.name == "report.html"
    assert [path.name for path in report.parent.glob(".*")] == []


def test_each_page_is_in_the_table_and_by_itself(soup: BeautifulSoup) -> None:
    assert [row["data-page"] for row in soup.select("#rows tr")] == ["p1", "p2", "p3", "p4"]
    titles = [words(one(article, "h1")) for article in soup.select("article.page")]
    assert titles == ["Title of numb", " ".join(HOSTILE.split()), "Title of schlaf", "Untitled page"]


def test_the_overview_counts(soup: BeautifulSoup) -> None:
    assert [words(one(soup, f"#count-{name}")) for name in SCHEMAS] == ["4", "4", "5", "6", "1"]
    assert [words(row) for row in soup.select("#tags-passages tbody tr")] == [
        "Causes 2 40 %",
        "Remedies 1 20 %",
        "Warning signs 1 20 %",
        "No tag 2 40 %",
    ]
    assert [words(row) for row in soup.select("#reasons tbody tr")][:2] == [
        "headline list 2 33 %",
        "share 2 33 %",
    ]
    assert words(soup.select("#sites tbody tr")[0]) == "knees.example 2 24 4 2"
    assert words(one(soup, "#errors tbody tr")).startswith("bad parse TooDeep </p>")
    assert "Took 1 min 15 s" in words(one(soup, ".facts"))


def test_blocks_stand_in_the_order_of_the_page(soup: BeautifulSoup) -> None:
    order = soup.select("#p1 .dropped summary, #p1 .section h2, #p1 .passage > p")
    assert [words(element) for element in order] == [
        "1 block dropped: share",
        "What causes it?",
        "1 block dropped: advert",
        NUMB,
        "2 blocks dropped: headline list ×2",
        "What helps",
        "Wear a splint.",
    ]
    assert words(one(soup, "#p1 .section .dropped summary")) == "1 block dropped: advert"
    assert [words(item) for item in soup.select("#p1 .dropped li")][0] == "share 0.03 Share this"


def test_evidence_marks_the_carrying_sentence(soup: BeautifulSoup) -> None:
    mark = one(soup, "#p1 mark")
    assert mark.get_text() == "Sleeping on a bent wrist squeezes the nerve."
    assert mark["title"] == "Causes"
    assert words(one(soup, "#p1 .why dl")) == "Causes squeezes +0.41"


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [("abcdef", "")]),
        ([("causes", 0, 3)], [("abc", "causes"), ("def", "")]),
        (
            [("causes", 0, 4), ("remedies", 2, 6)],
            [("ab", "causes"), ("cd", "causes remedies"), ("ef", "remedies")],
        ),
        ([("causes", 4, 99), ("remedies", 3, 3)], [("abcd", ""), ("ef", "causes")]),
    ],
)
def test_mark_evidence(spans: list[tuple[str, int, int]], expected: list[tuple[str, str]]) -> None:
    evidence = [dict(zip(("tag", "start", "end"), span, strict=True)) for span in spans]
    segments = mark_evidence("abcdef", evidence)
    assert [(segment.text, " ".join(segment.tags)) for segment in segments] == expected


@pytest.mark.parametrize("where", ["#p1 .section > .chips .chip", "#p1 .passage .chip", "#rows .chip"])
def test_every_tag_is_told_in_words(soup: BeautifulSoup, where: str) -> None:
    chips = {re.sub(r"[ \d.]+$", "", words(chip)) for chip in soup.select(where)}
    assert chips == set(TAGS.values())


def test_probabilities_stand_beside_the_passage(soup: BeautifulSoup) -> None:
    first = soup.select("#p1 .passage .scores")[0]
    assert words(one(first, ".chips")) == "Causes 0.93"
    assert words(one(first, ".others")) == "remedies 0.05 warning signs 0.05"
    assert [cells[-1]["data-value"] for cells in (row.select("td") for row in soup.select("#rows tr"))] == [
        "0.64",
        "0.71",
        "",
        "",
    ]


def test_a_page_that_is_not_tagged_says_why(soup: BeautifulSoup) -> None:
    notes = [words(note) for note in soup.select(".note")]
    assert notes == [
        "Not tagged: its language is “de”. Only English is tagged.",
        "The same article as numb .",
        "Not tagged: it is a list of headlines or links. Only articles and forums are tagged.",
    ]
    assert soup.select("#p3 .scores .others") == []


def test_page_text_stays_text(soup: BeautifulSoup) -> None:
    assert one(soup, "#p2 .passage p mark, #p2 .passage:nth-of-type(1) > p").get_text() == HOSTILE
    assert len(soup.select("script")) == 1 and len(soup.select("style")) == 1
    assert soup.select("img, iframe, object, embed, form, base, link, [style]") == []
    handlers = [name for element in soup.find_all() for name in element.attrs if name.lower().startswith("on")]
    assert handlers == []


def test_only_web_addresses_are_links(soup: BeautifulSoup) -> None:
    outside = [link for link in soup.select("a[href]") if not link["href"].startswith("#")]
    assert [link["href"] for link in outside] == ["https://knees.example/numb"]
    assert outside[0]["rel"] == ["noopener", "noreferrer", "nofollow"]
    assert words(one(soup, "#p2 .url")) == f"javascript:{ATTACK}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://knees.example/a?b#c", True),
        ("HTTP://knees.example", True),
        (None, False),
        ("", False),
        ("/relative", False),
        ("//knees.example", False),
        ("https:", False),
        ("http://[broken", False),
        ("javascript:alert(1)", False),
        ("java\nscript://x.example/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("file:///etc/hosts", False),
    ],
)
def test_is_web_address(url: str | None, expected: bool) -> None:
    assert is_web_address(url) is expected


def test_what_utf8_and_html_cannot_carry_is_replaced(report: Path, soup: BeautifulSoup) -> None:
    assert "lone \ufffd half" in words(one(soup, ".facts"))
    assert "NUL \ufffd and bell \ufffd and \ufffd." in words(one(soup, "#p2"))
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", report.read_bytes())


def test_the_policy_names_the_style_and_the_script(soup: BeautifulSoup) -> None:
    policy = one(soup, "meta[http-equiv=Content-Security-Policy]")["content"]
    for name in ("style", "script"):
        digest = hashlib.sha256(one(soup, name).get_text().encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy


def test_a_limited_report_says_so(tmp_path: Path) -> None:
    limited = read(write_report(write_run(tmp_path / "run", SMALL), max_pages=2))
    assert len(limited.select("article.page")) == len(limited.select("#rows tr")) == 2
    assert "the first 2 of 4 pages" in words(one(limited, "#limit"))
    assert words(one(limited, "#count-pages")) == "4"


def test_a_full_report_names_no_limit(soup: BeautifulSoup) -> None:
    assert soup.select("#limit") == []


@pytest.mark.parametrize("with_parts", [True, False])
def test_an_empty_run_renders(tmp_path: Path, with_parts: bool) -> None:
    folder = tmp_path / "run"
    write_run(folder, {})
    if not with_parts:
        for name in SCHEMAS:
            shutil.rmtree(folder / name)
    empty = read(write_report(folder))
    assert words(one(empty, "#count-pages")) == "0"
    assert empty.select("article.page") == []
    assert "No page failed." in words(one(empty, "#errors"))


def test_parts_under_a_dot_name_are_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"pages": [page("whole")]})
    (folder / "pages" / ".2.parquet").write_bytes(b"half a par")
    assert len(read(write_report(folder)).select("article.page")) == 1


def test_a_report_is_replaced(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {})
    (folder / "report.html").write_text("old")
    assert "old" != write_report(folder).read_text("utf-8")


def test_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run.json"):
        write_report(tmp_path)
    with pytest.raises(ValueError, match="max_pages is -1"):
        write_report(write_run(tmp_path / "run", {}), max_pages=-1)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_reaches_wcag_aa(theme: int) -> None:
    """Text at least 4.5 to 1, coloured borders and bars at least 3 to 1."""
    palette = dict(re.findall(r"--([\w-]+): (#\w{6})", PARTS.read_text("utf-8").split(":root {")[theme + 1]))
    texts = [(text, ground) for text in ("ink", "quiet") for ground in ("paper", "sheet")]
    texts += [(f"{tag}-ink", f"{tag}-wash") for tag in ("causes", "remedies", "warning")]
    texts += [("ink", f"{tag}-wash") for tag in ("causes", "remedies", "warning")]
    marks = [(tag, "paper") for tag in ("causes", "remedies", "warning")]
    for pairs, least in ((texts, 4.5), (marks, 3)):
        for one_colour, other in pairs:
            low, high = sorted((luminance(palette[one_colour]), luminance(palette[other])))
            assert (high + 0.05) / (low + 0.05) >= least, (one_colour, other)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_in_a_browser_our_script_runs_and_no_other(report: Path, tmp_path: Path) -> None:
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    quiet = "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=3000"
    command = ["chromium", *flags.split(), *quiet.split(), f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        [*command, f"{report.as_uri()}#p2"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    dom = BeautifulSoup(done.stdout, "html.parser")
    assert words(one(dom, "title")) == "Healthsift report: 4 pages"
    assert one(dom, "html")["class"] == ["js"]
    assert words(one(dom, "#shown")) == "4 of 4 shown"
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
