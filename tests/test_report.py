"""The report: what it shows, what it says it leaves out, and that no page can act in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bs4 import BeautifulSoup, Tag
from conftest import LABELS

from pipeline.report import FOLDER, write_report
from pipeline.report.overview import periods
from pipeline.webpage import TEMPLATES, is_web_address, mark_evidence, script_json, tag_words, writable
from pipeline.write import TABLES, schemas

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
    scores = {tag: 0.9 if tag in tags else 0.1 for tag in LABELS}
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
    scores = dict.fromkeys(LABELS, 0.05) | (tags or {})
    row = {
        "page_id": page_id,
        "passage_id": f"{page_id}/{position}",
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
    for name, schema in schemas(LABELS).items():
        (folder / name).mkdir(parents=True)
        for part, rows in enumerate(([], tables.get(name, []))):
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / name / f"{part}.parquet")
    counts = {name: len(tables.get(name, [])) for name in TABLES}
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


def pages_of(report: Path) -> dict[str, Row]:
    """The pages as the script of the report gets them, by their ids: their row of the table, and what is drawn."""
    index = json.loads(one(read(report), "#index").get_text())
    files: dict[int, list[Row]] = {}
    for number in range(index["files"]):
        script = report.parent / index["folder"] / f"data-{number}.js"
        if script.exists():
            call = f'healthsiftData("{index["build"]}",{number},'
            source = script.read_text("utf-8")
            assert source.startswith(call) and source.endswith(");\n")
            files[number] = json.loads(source[len(call) : -3])
        else:
            files[number] = json.loads(one(read(report), "#within").get_text())
    rows = [dict(zip(index["fields"], row, strict=True)) for row in index["pages"]]
    return {row["id"]: row | files[row["file"]].pop(0) for row in rows}


@pytest.fixture(scope="module")
def pages(report: Path) -> dict[str, Row]:
    return pages_of(report)


def test_a_small_report_is_one_file(report: Path) -> None:
    assert report.name == "report.html"
    assert [path.name for path in report.parent.glob(".*")] == []
    assert not (report.parent / FOLDER).exists()


def test_a_large_report_has_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages to a file; an earlier report's files go."""
    folder = write_run(tmp_path / "run", {"pages": [page(f"p{n}") for n in range(7)]})
    one_page = len('{"author":"","address":"p0.html","link":false,"note":"","original":"","parts":[]}')
    monkeypatch.setattr("pipeline.report.files.FILE_CHARACTERS", 3 * one_page)
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "data-9.js").write_text("old")
    report = write_report(folder)
    assert sorted(path.name for path in (folder / FOLDER).iterdir()) == ["data-0.js", "data-1.js", "data-2.js"]
    assert [row["file"] for row in pages_of(report).values()] == [0, 0, 0, 1, 1, 1, 2]
    assert read(report).select("#within") == []


def test_a_small_report_takes_the_files_of_a_larger_one_away(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", SMALL)
    (folder / FOLDER).mkdir()
    write_report(folder)
    assert not (folder / FOLDER).exists()


def test_each_page_is_in_the_table(pages: dict[str, Row]) -> None:
    assert list(pages) == ["numb", "evil", "schlaf", "news"]
    assert pages["numb"]["title"] == "Title of numb" and pages["news"]["title"] == ""
    assert [pages["numb"][name] for name in ("site", "date", "language", "kind", "words", "kept", "dropped")] == [
        "knees.example", "2025-02-03", "en", "article", 12, 2, 1,
    ]  # fmt: skip
    assert [row["tagged"] for row in pages.values()] == [[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert [row["lowest"] for row in pages.values()] == [0.64, 0.71, None, None]


def test_the_overview_counts(soup: BeautifulSoup) -> None:
    assert [words(one(soup, f"#count-{name}")) for name in TABLES] == ["4", "4", "5", "6", "1"]
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
    assert words(soup.select("#sites tbody tr")[0]) == "knees.example 2 24 4 2 1 1 1 1"
    assert [words(row) for row in soup.select("#stages tbody tr")] == [
        "read 0.10 s 20.00 ms a page",
        "parse 0.30 s 60.00 ms a page",
    ]
    assert words(one(soup, "#errors .kinds")) == "1 TooDeep in parse"
    assert words(one(soup, "#errors tbody tr")).startswith("bad parse TooDeep </p>")
    assert "Took 1 min 15 s" in words(one(soup, ".facts"))


def test_sections_are_counted_by_the_date_of_their_page(soup: BeautifulSoup) -> None:
    labels = [svg["aria-label"] for svg in soup.select("#dates svg")]
    assert labels == [f"{word}: 2025-02 1, the others none" for word in tag_words(LABELS).values()]
    assert "3 pages without a date" in words(one(soup, "#dates"))


@pytest.mark.parametrize(
    ("months", "names", "causes", "undated", "earlier"),
    [
        ({}, [], [], 0, 0),
        ({"": 2, "no date": 3, "2024-13": 1}, [], [], 6, 0),
        ({"2023-11": 1, "2024-02": 2}, ["2023-11", "2023-12", "2024-01", "2024-02"], [1, 0, 0, 2], 0, 0),
        ({"2019-11": 1, "2023-02": 2, "2023-09": 4}, ["2019", "2020", "2021", "2022", "2023"], [1, 0, 0, 0, 6], 0, 0),
        ({"0001-01": 5, "2024-02": 2}, [str(year) for year in range(1989, 2025)], [0] * 35 + [2], 0, 5),
    ],
)  # fmt: skip
def test_periods(months: dict[str, int], names: list[str], causes: list[int], undated: int, earlier: int) -> None:
    found = periods({month: Counter(causes=count, pages=count) for month, count in months.items()}, LABELS)
    assert (found.names, [count for _, count in found.tags[0][2]], found.undated, found.earlier) == (
        names,
        causes,
        undated,
        earlier,
    )
    assert found.most == max(causes, default=0)


def shape(part: Row) -> Any:
    """A part of a page in short."""
    if "dropped" in part:
        return [reason for reason, _, _ in part["dropped"]]
    if "parts" in part:
        return part["heading"], [shape(inner) for inner in part["parts"]]
    return "".join(text for text, *_ in part["text"])


def test_blocks_stand_in_the_order_of_the_page(pages: dict[str, Row]) -> None:
    assert [shape(part) for part in pages["numb"]["parts"]] == [
        ["share"],
        ("What causes it?", [["advert"], NUMB]),
        ["headline_list", "headline_list"],
        ("What helps", ["Wear a splint."]),
    ]
    assert pages["numb"]["parts"][0]["dropped"] == [["share", 0.0312, "Share this"]]


def test_evidence_marks_the_carrying_sentence(pages: dict[str, Row]) -> None:
    passage = pages["numb"]["parts"][1]["parts"][1]
    assert passage["text"] == [
        ["Sleeping on a bent wrist squeezes the nerve.", "causes"],
        [" Most people notice it at dawn."],
    ]
    assert passage["why"] == [["causes", [["squeezes", 0.41]]]]
    assert (passage["id"], passage["tags"], passage["scores"]) == ("numb/3", ["causes"], [0.93, 0.05, 0.05])


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


def test_a_page_that_is_not_tagged_says_why(pages: dict[str, Row]) -> None:
    assert {page_id: row["note"] for page_id, row in pages.items()} == {
        "numb": "",
        "evil": "",
        "schlaf": "Not tagged: its language is “de”. Only English is tagged.",
        "news": "Not tagged: it is a list of headlines or links. Only articles and forums are tagged.",
    }
    assert pages["schlaf"]["parts"][0]["parts"][0]["scores"] is None
    assert pages["schlaf"]["original"] == "numb"


def test_page_text_stays_text(report: Path, soup: BeautifulSoup) -> None:
    assert [script.get("type") for script in soup.select("script")] == ["application/json"] * 2 + [None]
    assert len(soup.select("style")) == 1
    assert soup.select("img, iframe, object, embed, base, link, [style], [src]") == []
    handlers = [name for element in soup.find_all() for name in element.attrs if name.lower().startswith("on")]
    assert handlers == []
    assert {word for script in soup.select("script[type]") for word in re.findall("<", script.get_text())} == set()


def test_data_files_hold_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.report.files.FILE_CHARACTERS", 1)
    write_report(write_run(tmp_path / "run", SMALL))
    sources = [path.read_text("utf-8") for path in (tmp_path / "run" / FOLDER).iterdir()]
    assert len(sources) == 4 and not any("<" in source for source in sources)
    assert any("onerror" in source for source in sources)


def test_only_web_addresses_are_links(soup: BeautifulSoup, pages: dict[str, Row]) -> None:
    assert [link["href"] for link in soup.select("a[href]") if not link["href"].startswith("#")] == []
    assert {page_id: (row["address"], row["link"]) for page_id, row in pages.items()} == {
        "numb": ("https://knees.example/numb", True),
        "evil": (f"javascript:{ATTACK}", False),
        "schlaf": ("schlaf.html", False),
        "news": ("news.html", False),
    }


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


def test_what_utf8_and_html_cannot_carry_is_replaced(report: Path, soup: BeautifulSoup, pages: dict[str, Row]) -> None:
    assert "lone \ufffd half" in words(one(soup, ".facts"))
    assert shape(pages["evil"]["parts"][0])[1][1] == "NUL \ufffd and bell \ufffd and \ufffd."
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\\u00[01]", report.read_bytes())


def test_the_policy_names_the_style_and_the_script(soup: BeautifulSoup) -> None:
    policy = one(soup, "meta[http-equiv=Content-Security-Policy]")["content"]
    for name, element in (("style", one(soup, "style")), ("script", one(soup, "script:not([type])"))):
        digest = hashlib.sha256(element.get_text().encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert "require-trusted-types-for 'script'" in policy


def test_a_limited_report_says_so(tmp_path: Path) -> None:
    report = write_report(write_run(tmp_path / "run", SMALL), max_pages=2)
    limited = read(report)
    assert list(pages_of(report)) == ["numb", "evil"]
    assert words(one(limited, "#limit")).startswith("The first 2 of 4 pages can be opened in this report.")
    assert words(one(limited, "#view-pages .limit")) == "These are the first 2 of the 4 pages of the run."
    assert words(one(limited, "#count-pages")) == "4"


def test_only_sites_that_are_shown_are_links(tmp_path: Path) -> None:
    tables = {"pages": [page("a"), page("b", site="a & b/ü.example"), page("c", site="late.example")]}
    limited = read(write_report(write_run(tmp_path / "run", tables), max_pages=2))
    links = {words(row.td): row.a and row.a["href"] for row in limited.select("#sites tbody tr")}
    assert links == {
        "a & b/ü.example": "#pages&site=a%20%26%20b/%C3%BC.example",
        "knees.example": "#pages&site=knees.example",
        "late.example": None,
    }


def test_a_full_report_names_no_limit(soup: BeautifulSoup) -> None:
    assert soup.select(".limit") == soup.select("noscript .limit")


@pytest.mark.parametrize("with_parts", [True, False])
def test_an_empty_run_renders(tmp_path: Path, with_parts: bool) -> None:
    folder = tmp_path / "run"
    write_run(folder, {})
    if not with_parts:
        for name in TABLES:
            shutil.rmtree(folder / name)
    empty = read(write_report(folder))
    assert words(one(empty, "#count-pages")) == "0"
    assert pages_of(folder / "report.html") == {}
    assert "No page failed." in words(one(empty, "#errors"))


def test_parts_under_a_dot_name_are_not_read(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"pages": [page("whole")]})
    (folder / "pages" / ".2.parquet").write_bytes(b"half a par")
    assert list(pages_of(write_report(folder))) == ["whole"]


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


def contrast(one_colour: str, other: str) -> float:
    low, high = sorted((luminance(one_colour), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_reaches_wcag_aa(theme: int) -> None:
    """Text at least 4.5 to 1; coloured lines and bars, and the edges of fields, at least 3 to 1."""
    style = (TEMPLATES / "base.css").read_text("utf-8")
    palette = dict(re.findall(r"--([\w-]+): (#\w{6})", style.split(":root {")[theme + 1]))
    tags = ("causes", "remedies", "warning")
    texts = [(text, ground) for text in ("ink", "quiet") for ground in ("paper", "sheet")]
    texts += [(f"{tag}-ink", f"{tag}-wash") for tag in tags] + [("ink", f"{tag}-wash") for tag in tags]
    texts += [("warning-ink", "paper"), *((f"{tag}-ink", "sheet") for tag in tags)]
    marks = [(tag, ground) for tag in tags for ground in ("paper", "sheet")]
    marks += [("edge", "paper"), *((tag, f"{tag}-wash") for tag in tags)]
    ratios = {
        (pair, least): contrast(*(palette[name] for name in pair))
        for pairs, least in ((texts, 4.5), (marks, 3))
        for pair in pairs
    }
    assert {pair: ratio for (pair, least), ratio in ratios.items() if ratio < least} == {}


@pytest.mark.parametrize(
    "character", [chr(n) for n in (*range(32), *range(0x7F, 0xA0), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF)]
)
def test_json_for_scripts_holds_what_writable_leaves(character: str) -> None:
    for text in (f"a {character}b", f"C:\\bin \\u0007 {character}"):
        assert json.loads(script_json({"key": [text]})) == {"key": [writable(text)]}
