"""Pages made to break a parser: each becomes a page or an error, and none takes long."""

from __future__ import annotations

import os
import random
import time
from collections import defaultdict
from pathlib import Path

import pytest
from conftest import SAMPLE

from pipeline.clean.site import NO_TABLE
from pipeline.parse import NoText, TooCostly, parse
from pipeline.parse.hostile import MAX_OPEN, hostile_shape
from pipeline.read import PageError, find, read
from pipeline.records import RawPage
from pipeline.shard import Settings, finish_page, parse_page

HEAD = "<!doctype html><html><body><p>Some words.</p>"
SENTENCE = "Cramps at night often come from tired muscles. "
#: name: (page, words that its blocks hold, or the error it becomes)
HOSTILE = {
    "200,000 nested div": (HEAD + "<div>" * 200_000 + "deep", "elements stand open"),
    "200,000 attributes": (HEAD + "<p " + " ".join(f"a{i}=1" for i in range(200_000)) + ">x", "200,000 attributes"),
    "5,000 b and p": (HEAD + "".join(f"<b id=x{i}><p>word" for i in range(5_000)), "5,000 formatting elements"),
    "5 MB of one line": (HEAD + "<p>" + SENTENCE * (5_000_000 // len(SENTENCE)), "tired muscles"),
    "1 million td": (HEAD + "<table><tr>" + "<td>1" * 1_000_000, "1 1 1 1"),
    "absurd colspan": (f"{HEAD}<table><tr><td colspan=99999999999 rowspan=-1>{SENTENCE}<td>x</table>", "tired muscles"),
    "NUL": ("\0" * 1_000_000, "the page is empty"),
    "NUL in tags": (HEAD + "<\0p>\0" * 10_000 + SENTENCE, "tired muscles"),
    "10,000 nested div": (HEAD + "<div>" * 10_000 + SENTENCE, "tired muscles"),
    "10,000 nested span": (HEAD + "<span>" * 10_000 + SENTENCE, "tired muscles"),
    "10,000 nested lists": (HEAD + "<ul><li>" * 5_000 + SENTENCE, "tired muscles"),
    "open tag": (HEAD + SENTENCE + "<a " * 1_000_000, "tired muscles"),
    "open comment": (HEAD + SENTENCE + "<!--" * 500_000, "tired muscles"),
    "only brackets": (HEAD + SENTENCE + "<" * 1_000_000, "tired muscles"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_are_read_or_refused(name):
    source, expected = HOSTILE[name]
    started = time.process_time()
    try:
        found = " ".join(block.text for block in parse(RawPage("p", "p", source)).blocks)
    except NoText as error:
        found = str(error)
    assert expected in found
    assert time.process_time() - started < 5


ORDINARY = {
    "unclosed paragraphs": "<p>word" * 50_000,
    "unclosed items": "<ul>" + "<li>word" * 50_000,
    "many images and breaks": "<div>" + "<img src=x><br>" * 50_000 + "</div>",
    "many closed": "<b>w</b>" * 50_000,
    "drawing": "<svg>" + '<path d="M0 0"/>' * 50_000 + "</svg>",
    "picture in an attribute": '<img src="data:image/png;base64,' + "ab/c" * 200_000 + '">',
    "data in an attribute": "<div data-x='" + '{"a": "some words here"} ' * 20_000 + "'>text</div>",
    "nearly too deep": "<div>" * (MAX_OPEN - 1),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_large_pages_are_not_hostile(name):
    assert hostile_shape(ORDINARY[name]) is None


def test_the_error_says_what_there_is_too_much_of():
    with pytest.raises(TooCostly, match="30,000 elements stand open one in the other"):
        parse(RawPage("p", "p", HEAD + "<section>" * 30_000))


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The page with a few random wounds: bytes changed, pieces cut, doubled, moved, tags thrown in."""
    page = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(page) + 1)
        end = min(len(page), at + rng.choice((1, 3, 40, 2000)))
        piece = bytes(page[at:end])
        kind = rng.randrange(6)
        if kind == 0:
            page[at:end] = rng.randbytes(len(piece))
        elif kind == 1:
            del page[at:end]
        elif kind == 2:
            page[at:at] = piece * rng.choice((2, 2, 50))
        elif kind == 3:
            page[at:at] = rng.choice(
                (b"<", b">", b"</", b"<!--", b"<table>", b"<svg>", b"<b>", b"<script>", b"\0", b"\xff\xfe")
            )
        elif kind == 4:
            to = rng.randrange(len(page) + 1)
            page[to:to] = piece
        else:
            page = page[:at] or page
    return bytes(page)


PAGES = [source.path for source in find([str(SAMPLE)]) if source.format == "page"]


@pytest.mark.parametrize("path", PAGES, ids=os.path.basename)
def test_wounded_pages_never_break_a_stage(path, models):
    rng = random.Random(os.path.basename(path))
    page = Path(path).read_bytes()
    for _ in range(8):
        data = mutated(page, rng)
        parsed = parse_page(RawPage("p", "p", data), Settings(), defaultdict(float))
        if isinstance(parsed, PageError):
            assert parsed.error == "NoText", (parsed, data)
        else:
            rows = finish_page(parsed, models, NO_TABLE, defaultdict(float))
            assert not isinstance(rows, PageError), (rows, data)


def test_pages_larger_than_the_limit_are_not_parsed(tmp_path):
    (tmp_path / "large.html").write_bytes(b"<p>word" * 300_000)
    (raw,) = read(find([str(tmp_path)])[0])
    limits = Settings().limits._replace(page_mb=2)
    error = parse_page(raw, Settings(limits=limits), defaultdict(float))
    assert (error.stage, error.error, error.message) == ("read", "TooLarge", "2,100,000 bytes, more than 2 MB")
