"""What a site repeats: keys, copies, counts, and the file people edit."""

import json
from random import Random

import pytest

from pipeline.clean.site import (
    MIN_COUNT,
    NO_TABLE,
    SiteTable,
    block_key,
    count_site,
    count_sites,
    page_keys,
    read_tables,
    site_columns,
    table_rows,
)
from pipeline.model_store import ModelError
from pipeline.parse import parse
from pipeline.records import RawPage

CHROME = ["Most read this week", "Sign up for the weekly letter"]


def page(number: int, prose: str, site: str | None = "a.example"):
    text = "\n\n".join([*CHROME, prose, f"{number} readers"])
    return parse(RawPage(f"p{number}", f"p{number}", text, False, site=site))


def story(topic: str) -> str:
    return (
        f"The {topic} clinic has told its patients what to do when {topic} pain comes back in the middle of the night."
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Read 12 times", "read 98 times"),
        ("A" * 200, "a" * 120),
    ],
)
def test_blocks_with_one_key(one, other):
    assert block_key(one) == block_key(other)


def test_what_distinct_pages_share_is_counted():
    table = count_sites(page(n, story(word)) for n, word in enumerate(("knee", "back", "hip", "neck"), 1))["a.example"]
    assert table == SiteTable(4, {key: 4 for key in sorted([*map(block_key, CHROME), "0 readers"])})


def test_copies_of_a_page_count_as_one():
    pages = [page(n, story("knee")) for n in range(10, 30)]
    assert count_sites(pages)["a.example"] == SiteTable(1, {})


def test_rare_blocks_are_left_out():
    pages = [page(n, story(word)) for n, word in zip((1, 22), ("knee", "back"), strict=True)]
    table = count_sites(pages)["a.example"]
    assert table.pages == 2 < MIN_COUNT and not table.counts


def test_the_order_of_the_pages_does_not_matter():
    pages = [page_keys(page(n, story(f"{word}{n % 7}"))) for n, word in enumerate(["knee", "back", "hip"] * 20)]
    table = count_site(pages)
    Random(0).shuffle(pages)
    assert count_site(pages) == table and table.pages == MIN_COUNT


def test_a_page_without_a_site_has_no_keys():
    assert page_keys(page(1, story("knee"), site=None)) is None


def test_columns_say_count_and_share():
    blocks = page(5, story("knee")).blocks
    columns = site_columns(blocks, SiteTable(10, {block_key(CHROME[0]): 8}))
    assert columns["site_share"].tolist() == [0.8, 0, 0, 0]
    assert not any(column.any() for column in site_columns(blocks, NO_TABLE).values())


def test_tables_survive_the_file(tmp_path):
    tables = {"a.example": SiteTable(9, {"most read": 9, "0 readers": 3}), "b.example": SiteTable(4, {"share": 4})}
    path = tmp_path / "sites.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in table_rows(tables)), encoding="utf-8")
    assert read_tables(path) == tables


def test_a_person_may_add_a_line_as_it_stands_on_the_page(tmp_path):
    path = tmp_path / "sites.jsonl"
    path.write_text('{"site": "a.example", "pages": 5, "count": 5, "text": "Read  1,204 Times"}\n', encoding="utf-8")
    assert read_tables(path)["a.example"].counts == {"read 0,000 times": 5}


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"site": "a.example"}', '{"site": 1, "pages": "x", "count": 1, "text": "t"}']
)
def test_a_broken_file_is_named_with_its_line(tmp_path, line):
    path = tmp_path / "sites.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ModelError, match="sites.jsonl, line 1: is no row of a site table"):
        read_tables(path)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(ModelError, match="save-site-table"):
        read_tables(tmp_path / "none.jsonl")
