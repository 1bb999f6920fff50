"""read: files and folders to raw pages; nothing is lost, and what is wrong is said."""

from __future__ import annotations

import gzip
import json

import pytest

from pipeline.read import InputError, PageError, Source, find, format_of, ranges, read, stem_of


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "site-a").mkdir()
    (tmp_path / "site-b" / "deep").mkdir(parents=True)
    (tmp_path / "site-a" / "one.html").write_text("<p>one</p>")
    (tmp_path / "site-b" / "deep" / "two.txt.gz").write_bytes(gzip.compress(b"two"))
    (tmp_path / "three.htm").write_text("three")
    (tmp_path / "notes.md").write_text("not a page")
    (tmp_path / ".hidden.html").write_text("hidden")
    return tmp_path


def test_a_folder_is_read_whole_and_in_order(folder):
    found = [(s.page_id, s.site, s.format) for s in find([str(folder)])]
    assert found == [("three", None, "page"), ("one", "site-a", "page"), ("two", "site-b", "page")]


def test_pages_with_one_stem_are_called_by_their_paths(folder):
    (folder / "site-b" / "one.txt").write_text("another")
    assert [s.page_id for s in find([str(folder)])] == ["three", "site-a/one.html", "site-b/one.txt", "two"]


def test_gzip_is_told_by_content(folder):
    (folder / "plain.txt.gz").write_bytes(b"not zipped at all")
    pages = {p.page_id: p.content for s in find([str(folder)]) for p in read(s)}
    assert pages["two"] == b"two"
    assert pages["plain"] == b"not zipped at all"


@pytest.mark.parametrize(
    ("name", "format_", "stem"),
    [
        ("a.html", "page", "a"),
        ("a.b.HTM.GZ", "page", "a.b"),
        ("a.txt.gz", "page", "a"),
        ("rows.jsonl.gz", "jsonl", "rows"),
        ("a.pdf", None, "a.pdf"),
        ("html", None, "html"),
    ],
)
def test_endings(name, format_, stem):
    assert format_of(name) == format_
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", r"missing: no such file or folder"),
        ("notes.md", r"notes\.md: no known format; known endings are \.html"),
    ],
)
def test_inputs_that_cannot_be_used(folder, name, message):
    with pytest.raises(InputError, match=message):
        find([str(folder / name)])


def test_an_empty_folder_is_wrong_use(tmp_path):
    with pytest.raises(InputError, match="nothing to read"):
        find([str(tmp_path)])


def test_a_cut_gzip_says_how_much_was_read(tmp_path):
    path = tmp_path / "cut.html.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 4000, mtime=0)[:-500])
    (error,) = read(find([str(path)])[0])
    assert isinstance(error, PageError)
    assert (error.page_id, error.stage, error.error) == ("cut", "read", "EOFError")
    assert "cut short after" in error.message


ROWS = [
    ('{"id": "a", "html": "<p>x</p>", "url": "https://a.example/1"}', ("a", True, "https://a.example/1")),
    ('{"text": "plain"}', ("rows:2", None, None)),
    ('{"id": 7, "text": "number"}', ("7", None, None)),
]
BAD_ROWS = [
    ("not json", "BadJson", "no JSON"),
    ("[1, 2]", "BadRow", "no JSON object"),
    ('{"id": "x"}', "BadRow", 'needs a column "html" or "text"'),
    ('{"id": "x", "text": 5}', "BadRow", 'needs a column "html" or "text"'),
]


def test_rows_of_json_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(row for row, _ in ROWS) + "\n")
    assert [(p.page_id, p.is_html, p.url) for p in read(find([str(path)])[0])] == [expected for _, expected in ROWS]


@pytest.mark.parametrize(("line", "error", "message"), BAD_ROWS)
def test_a_bad_row_is_an_error_and_the_next_one_is_read(tmp_path, line, error, message):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(f'{line}\n\n{{"id": "good", "text": "x"}}\n'.encode()))
    bad, good = read(find([str(path)])[0])
    assert (bad.error, bad.source) == (error, f"{path}:1")
    assert message in bad.message
    assert (good.page_id, good.source) == ("good", f"{path}:3")


def test_a_cut_table_gives_its_rows_and_then_an_error(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    lines = "".join(json.dumps({"id": f"p{n}", "text": f"{n * 7919}" * 40}) + "\n" for n in range(3000))
    path.write_bytes(gzip.compress(lines.encode())[:-200])
    *pages, error = read(find([str(path)])[0])
    assert [p.page_id for p in pages] == [f"p{n}" for n in range(len(pages))]
    assert len(pages) > 1000
    assert isinstance(error, PageError)
    assert f"after row {len(pages):,}" in error.message


def test_the_rows_before_an_early_cut_are_not_lost(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    rows = [json.dumps({"id": f"p{n}", "text": f"{n * 7919**9}" * 3}) for n in range(10)]
    path.write_bytes(gzip.compress("\n".join(rows).encode())[:-30])
    *pages, error = read(find([str(path)])[0])
    assert pages
    assert isinstance(error, PageError)


@pytest.mark.parametrize("max_rows", [1, 2, 3, 100])
def test_ranges_cover_a_table_once(tmp_path, max_rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": f"é{n}", "text": "x"}, ensure_ascii=False) + "\n" for n in range(7)))
    pieces = list(ranges(find([str(path)])[0], max_rows, 1 << 30))
    assert len(pieces) == -(-7 // max_rows)
    pages = [page for piece in pieces for page in read(piece)]
    assert [p.page_id for p in pages] == [f"é{n}" for n in range(7)]
    assert [p.source for p in pages] == [f"{path}:{n}" for n in range(1, 8)]


def test_an_index_among_pages_is_one_error(tmp_path):
    path = tmp_path / "index.jsonl"
    path.write_text('{"file": "a.html", "words": 12}\n{"file": "b.html"}\n' * 50)
    (error,) = read(find([str(path)])[0])
    assert (error.error, error.source) == ("NoPages", str(path))
    assert error.message.endswith("columns are file, words")


def test_ranges_are_cut_by_bytes_too(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "text": "x"}\n' * 10)
    assert len(list(ranges(find([str(path)])[0], 100, 50))) == 5


def test_a_file_that_vanished_is_an_error_row(tmp_path):
    (error,) = read(Source(str(tmp_path / "gone.html"), "page", "gone", None))
    assert (error.page_id, error.error) == ("gone", "FileNotFoundError")
