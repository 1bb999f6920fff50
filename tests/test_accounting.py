"""A folder with every format at once, twenty of its files damaged: every record is a page or an error, none is both."""

from __future__ import annotations

import gzip
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_read_warc import GOOD, ZIP, broken_gzip, record

from pipeline.cli import main

PROSE = "Cramps at night often come from tired muscles, and gentle stretching before bed helps most people. "
PAGE = f"<html><body><h1>Night cramps</h1><p>{PROSE * 3}</p></body></html>".encode()
LINES = [json.dumps({"id": f"row {n}", "text": f"{PROSE}{n}"}).encode() + b"\n" for n in range(5)]
CSV = b"id,text\n" + b"".join(f'c{n},"{PROSE}{n}"\n'.encode() for n in range(5))
NOISE = bytes(range(256)) * 400


def parquet(rows=6, group=3) -> bytes:
    out = io.BytesIO()
    table = pa.table({"text": [f"{PROSE}{n}" for n in range(rows)]})
    pq.write_table(table, out, row_group_size=group, use_dictionary=False, compression="none")
    return out.getvalue()


def damaged_parquet() -> bytes:
    data = bytearray(parquet())
    chunk = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(1).column(0)
    data[chunk.data_page_offset : chunk.data_page_offset + 40] = b"\xff" * 40
    return bytes(data)


#: name: (bytes, pages, errors)
WHOLE = {
    "page.html": (PAGE, 1, 0),
    "page.htm.gz": (gzip.compress(PAGE), 1, 0),
    "page.xhtml": (PAGE, 1, 0),
    "text.txt": (PROSE.encode() * 5, 1, 0),
    "rows.jsonl": (b"".join(LINES), 5, 0),
    "rows-zipped.jsonl.gz": (gzip.compress(b"".join(LINES)), 5, 0),
    "table.csv": (CSV, 5, 0),
    "table-zipped.csv.gz": (gzip.compress(CSV), 5, 0),
    "table.parquet": (parquet(), 6, 0),
    "crawl.warc": (b"".join(GOOD), 5, 0),
    "crawl-zipped.warc.gz": (b"".join(ZIP), 5, 0),
    "crawl-one-member.warc.gz": (gzip.compress(b"".join(GOOD)), 5, 0),
}
DAMAGED = {
    "cut.html.gz": (gzip.compress(NOISE)[:-300], 0, 1),
    "empty.html": (b"", 0, 1),
    "empty.txt.gz": (gzip.compress(b""), 0, 1),
    "binary.html": (b"\x89PNG\r\n\x1a\n" + NOISE, 0, 1),
    "nul.txt": (b"\0" * 4000, 0, 1),
    "bad-sum.html.gz": (gzip.compress(PAGE)[:-8] + b"\0" * 8, 0, 1),
    "bad-encoding.html": (PAGE.replace(b"Night", b"N\xff\xfe\xe9ght"), 1, 0),
    "bad-lines.jsonl": (b"".join([*LINES[:2], b"{\n", b"[1]\n", b'{"id": "x"}\n', b'{"text": "\xff"}\n', *LINES[2:]]), 5, 4),
    "cut.jsonl": (b"".join(LINES)[:-20], 4, 1),
    "cut-rows.jsonl.gz": (gzip.compress(b"".join(LINES))[:-12], 4, 1),
    "index.jsonl": (b'{"file": "a.html"}\n' * 900, 0, 1),
    "unclosed.csv": (CSV + b'd1,"no end\nd2,words\nd3,words\n', 7, 1),
    "nul.csv": (CSV + b"d1,wo\0rds\n", 6, 0),
    "short.csv": (CSV + b"d1\nd2,words\n", 6, 1),
    "empty.csv": (b"", 0, 1),
    "cut.parquet": (parquet()[:-30], 0, 1),
    "damaged.parquet": (damaged_parquet(), 3, 1),
    "cut.warc": (b"".join(GOOD)[:-60], 4, 1),
    "bad-length.warc": (b"".join([GOOD[0], record(2, length=9000), *GOOD[2:]]), 4, 1),
    "bad-member.warc.gz": (b"".join([*ZIP[:2], broken_gzip(3), *ZIP[3:]]), 4, 1),
}  # fmt: skip
FILES = WHOLE | DAMAGED


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all")
    (folder / "in").mkdir()
    for name, (data, _, _) in FILES.items():
        (folder / "in" / name).write_bytes(data)
    (folder / "in" / "gone.html").symlink_to(folder / "nowhere")
    status = main(["run", str(folder / "in"), "-o", str(folder / "out"), "--workers", "2"])
    return folder, status


def test_every_record_of_every_file_is_a_page_or_an_error(finished):
    folder, _ = finished
    found = {}
    for table in ("pages", "errors"):
        sources = pd.read_parquet(folder / "out" / table)["source"]
        found[table] = sources.map(lambda s: s.rsplit("/", 1)[1].split(":")[0]).value_counts().to_dict()
    counted = {name: (found["pages"].get(name, 0), found["errors"].get(name, 0)) for name in [*FILES, "gone.html"]}
    assert counted == {name: (pages, errors) for name, (_, pages, errors) in FILES.items()} | {"gone.html": (0, 1)}


def test_the_counts_of_the_run_are_those_of_its_tables(finished):
    folder, status = finished
    counts = json.loads((folder / "out" / "run.json").read_text())["counts"]
    assert counts["pages"] == sum(pages for _, pages, _ in FILES.values())
    assert counts["errors"] == sum(errors for _, _, errors in FILES.values()) + 1
    assert status == 1  # more than a tenth failed


def test_clean_gives_every_record_a_line(finished, capsys):
    folder, _ = finished
    assert main(["clean", str(folder / "in"), "-o", str(folder / "clean.jsonl")]) == 1
    rows = [json.loads(line) for line in (folder / "clean.jsonl").read_text().splitlines()]
    assert len(rows) == sum(pages + errors for _, pages, errors in FILES.values()) + 1
    assert sum(row["error"] is None for row in rows) == sum(pages for _, pages, _ in FILES.values())


def test_nothing_fails_where_nothing_is_damaged(tmp_path, capsys):
    for name, (data, _, _) in WHOLE.items():
        (tmp_path / name).write_bytes(data)
    assert main(["clean", str(tmp_path), "-o", str(tmp_path / "clean.jsonl")]) == 0


def test_twenty_files_are_damaged():
    assert len(DAMAGED) == 20
