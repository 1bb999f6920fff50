"""CSV, Parquet and standard input: rows are pages, columns may be called anything, damage costs its own lines."""

from __future__ import annotations

import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.parse import parse
from pipeline.read import Columns, InputError, PageError, Source, find, ranges, read


def read_file(path, data, **columns):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(read(find([str(path)], Columns(**columns))[0]))


def outcome(found):
    """Ids and contents of pages; ids and names of errors."""
    return [(p.page_id, p.error if isinstance(p, PageError) else p.content) for p in found]


CSV = {
    "plain": ("id,text,url\na,x,https://a.example\nb,y,\n", [("a", "x"), ("b", "y")]),
    "quoted": ('id,text\r\na,"x, ""y""\r\nz"\r\n', [("a", 'x, "y"\r\nz')]),
    "marked as utf-8": (b"\xef\xbb\xbfid,text\na,\xc3\xa9\n", [("a", "é")]),
    "utf-16": ("\ufeffid\ttext\na\té\n".encode("utf-16-le"), [("a", "é")]),
    "semicolons": ("id;text\na;x, y\n", [("a", "x, y")]),
    "without ids": ("text\nx\ny\n", [("t:1", "x"), ("t:2", "y")]),
    "html before text": ("text,html\nx,<p>y</p>\nz,\n", [("t:1", "<p>y</p>"), ("t:2", "z")]),
    "blank lines": ("id,text\n\na,x\n\n", [("a", "x")]),
    "no rows": ("id,text\n", []),
    "a nul": ("id,text\na,x\0y\nb,z\n", [("a", "x\0y"), ("b", "z")]),
    "other encoding": (b"id,text\na,caf\xe9\nb,\xc3\xa9\n", [("a", b"caf\xe9"), ("b", "é")]),
    "too few columns": ("id,text\na\nb,y\n", [("t:1", "BadRow"), ("b", "y")]),
    "too many columns": ("id,text\na,x,x\nb,y\n", [("t:1", "BadRow"), ("b", "y")]),
    "a quote that never ends": ('id,text\na,x\nb,"y\nc,z\nd,z\n', [("a", "x"), ("t:2", "BadCsv"), ("c", "z"), ("d", "z")]),
    "a quote that ends in the next row": ('id,text\nb,"y\nc,"z"\nd,"z"\n', [("t:1", "BadCsv"), ("c", "z"), ("d", "z")]),
    "bare quotes in a page of lines": ('id,text\nb,"y "q" y\nmore\nmore"\nd,"z"\n', [("t:1", "BadCsv"), ("d", "z")]),
    "cut in quotes": ('id,text\na,"x"\nb,"y', [("a", "x"), ("t:2", "BadCsv")]),
    "no pages": ("file,words\na.html,12\n", [("t:1", "NoPages")]),
    "empty": ("", [("t:1", "NoPages")]),
    "empty cells": ("id,text\na,\n", [("a", "")]),
}  # fmt: skip


@pytest.mark.parametrize("name", CSV)
def test_rows_of_csv(tmp_path, name):
    data, expected = CSV[name]
    assert outcome(read_file(tmp_path / "t.csv", data)) == expected


def test_lines_that_are_no_rows_are_named(tmp_path):
    (error, _) = read_file(tmp_path / "t.csv", CSV["bare quotes in a page of lines"][0])
    assert error.message.startswith("lines 2 to 4 are no rows (")


def test_a_large_field_is_read(tmp_path):
    (page,) = read_file(tmp_path / "t.csv", 'text\n"' + "word, \n" * 100_000 + '"\n')
    assert len(page.content) == 700_000


def test_a_cut_csv_gives_its_rows_and_then_an_error(tmp_path):
    text = "id,text\n" + "".join(f"p{n},{n * 7919**9}\n" for n in range(3000))
    *pages, error = read_file(tmp_path / "t.csv.gz", gzip.compress(text.encode())[:-200])
    assert len(pages) > 1000
    assert [p.page_id for p in pages] == [f"p{n}" for n in range(len(pages))]
    assert (error.page_id, error.error) == (f"t:{len(pages) + 1}", "EOFError")


def test_a_cell_in_another_encoding_becomes_text(tmp_path):
    (page,) = read_file(tmp_path / "t.csv", b"text\nThe caf\xe9 keeps people awake at night.\n")
    assert parse(page).blocks[0].text == "The café keeps people awake at night."


ROW = {"key": "a", "body": "<p>x</p>", "raw": "y", "link": "https://a.example/1", "host": "a", "head": "T"}
NAMES = {"id": "key", "html": "body", "text": "raw", "url": "link", "site": "host", "title": "head"}
TABLES = {
    "t.jsonl": lambda path: path.write_text(json.dumps(ROW) + "\n"),
    "t.csv": lambda path: path.write_text(",".join(ROW) + "\n" + ",".join(ROW.values()) + "\n"),
    "t.parquet": lambda path: pq.write_table(pa.Table.from_pylist([ROW]), path),
}


@pytest.mark.parametrize("name", TABLES)
def test_columns_may_have_other_names(tmp_path, name):
    TABLES[name](tmp_path / name)
    (page,) = read(find([str(tmp_path / name)], Columns(**NAMES))[0])
    assert (page.page_id, page.content, page.is_html) == ("a", "<p>x</p>", True)
    assert (page.url, page.site, page.title) == ("https://a.example/1", "a", "T")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_without_a_usable_column_is_one_error(tmp_path, name):
    TABLES[name](tmp_path / name)
    if name == "t.jsonl":  # one row could be a mistake, two are a table of something else
        (tmp_path / name).write_text((json.dumps(ROW) + "\n") * 5)
    (piece,) = ranges(find([str(tmp_path / name)])[0], 2, 1 << 30)
    (error,) = read(piece)
    assert (error.page_id, error.error, error.source) == ("t:1", "NoPages", str(tmp_path / name))
    assert error.message.endswith("columns are key, body, raw, link, host, head")


def parquet(path, rows, group=1 << 20, **options):
    pq.write_table(
        rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows), path, row_group_size=group, **options
    )
    return find([str(path)])[0]


@pytest.mark.parametrize(("group", "pieces"), [(3, 4), (4, 3), (50, 3), (1, 3)])
def test_ranges_cover_parquet_once(tmp_path, group, pieces):
    source = parquet(tmp_path / "t.parquet", [{"id": n, "text": f"x{n}"} for n in range(11)], group)
    found = list(ranges(source, 4, 1 << 30))
    assert len(found) == pieces
    assert [p for piece in found for p in read(piece)] == list(read(source))
    assert [p.page_id for p in read(source)] == [str(n) for n in range(11)]


def test_a_large_row_group_is_read_a_bounded_number_of_times(tmp_path):
    source = parquet(tmp_path / "t.parquet", [{"text": f"x{n}"} for n in range(1000)])
    found = list(ranges(source, 2, 1 << 30))
    assert len(found) == 16
    assert sum(piece.rows for piece in found) == 1000


COLUMNS = {
    "binary": (pa.array([b"caf\xe9", b"\xc3\xa9"]), [b"caf\xe9", "é"]),
    "large strings": (pa.array(["x", "é"], pa.large_string()), ["x", "é"]),
    "dictionary": (pa.array(["x", "é"]).dictionary_encode(), ["x", "é"]),
    "strings that are no utf-8": (pa.array([b"caf\xe9", b"x"]).view(pa.string()), [b"caf\xe9", "x"]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_parquet(tmp_path, name):
    column, expected = COLUMNS[name]
    source = parquet(tmp_path / "t.parquet", pa.table({"text": column}))
    assert [p.content for p in read(source)] == expected


def test_numbers_and_nothing_are_no_pages(tmp_path):
    source = parquet(tmp_path / "t.parquet", [{"id": "a", "text": None}, {"id": "b", "text": "x"}])
    assert outcome(read(source)) == [("a", "BadRow"), ("b", "x")]
    source = parquet(tmp_path / "t.parquet", [{"id": "a", "text": 5}])
    assert outcome(read(source)) == [("a", "BadRow")]


def test_a_damaged_row_group_is_an_error_and_the_next_one_is_read(tmp_path):
    path = tmp_path / "t.parquet"
    source = parquet(path, [{"id": n, "text": f"{n * 7919**9}" * 20} for n in range(30)], 10, use_dictionary=False)
    chunk = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = (
        b"\xff" * chunk.total_compressed_size
    )
    path.write_bytes(data)
    found = list(read(source))
    assert [p.page_id for p in found] == [*map(str, range(10)), "t:11", *map(str, range(20, 30))]
    assert found[10].message.startswith("rows 11 to 20 are damaged")


@pytest.mark.parametrize("data", [b"", b"no parquet", b"PAR1" + b"x" * 100])
def test_a_file_that_is_no_parquet_is_one_error(tmp_path, data):
    (tmp_path / "t.parquet").write_bytes(data)
    (piece,) = ranges(find([str(tmp_path / "t.parquet")])[0], 2, 9)
    (error,) = read(piece)
    assert (error.page_id, error.source) == ("t", str(tmp_path / "t.parquet"))
    assert error.message.startswith("no whole Parquet file: ")


STDIN = {
    "rows": (b'{"id": "a", "text": "x"}\n{"text": "y"}\n', [("a", "x"), ("stdin:2", "y")]),
    "rows after blank lines": (b'\n\n{"text": "y"}\n', [("stdin:3", "y")]),
    "zipped rows": (gzip.compress(b'{"text": "y"}\n'), [("stdin:1", "y")]),
    "a bad row": (b'{"text": "y"\n{"text": "z"}\n', [("stdin:1", "BadJson"), ("stdin:2", "z")]),
    "a page": (b"<html>\n<p>x</p>\n", [("stdin", b"<html>\n<p>x</p>\n")]),
    "a text": (b"\nsome words", [("stdin", b"\nsome words")]),
    "nothing": (b"", [("stdin", b"")]),
    "a cut zip": (gzip.compress(bytes(range(256)) * 99)[:-20], [("stdin", "EOFError")]),
}


@pytest.mark.parametrize("name", STDIN)
def test_standard_input(monkeypatch, name):
    data, expected = STDIN[name]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    assert outcome(read(find(["-"])[0])) == expected


def test_standard_input_is_read_once():
    with pytest.raises(InputError, match="only once"):
        find(["-", "-"])


def test_a_line_too_long_is_an_error_and_never_held_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.read.source.MAX_PAGE_BYTES", 100)
    monkeypatch.setattr("pipeline.read.jsonl.MAX_PAGE_BYTES", 100)
    lines = f'{{"id": "a", "text": "{"x" * 300}"}}\n{{"id": "b", "text": "x"}}\n'
    (tmp_path / "t.jsonl").write_text(lines)
    pieces = list(ranges(find([str(tmp_path / "t.jsonl")])[0], 1, 1 << 30))
    assert [found for piece in pieces for found in outcome(read(piece))] == [("t:1", "TooLarge"), ("b", "x")]


HALF = '{"id": "\\ud800a", "text": "x", "url": "\\udfffb", "site": "é\\udfff", "title": "\\ud800"}\n'


def test_half_characters_in_names_become_question_marks(tmp_path):
    (page,) = read_file(tmp_path / "t.jsonl", HALF)
    assert (page.page_id, page.url, page.site, page.title) == ("?a", "?b", "é?", "?")
    (error,) = read(Source("caf\udce9.html", "page", "caf\udce9", None))
    assert (error.page_id, error.source) == ("caf?", "caf?.html")


def test_json_too_deep_is_a_bad_row(tmp_path):
    assert outcome(read_file(tmp_path / "t.jsonl", "[" * 200_000 + "\n")) == [("t:1", "BadJson")]
