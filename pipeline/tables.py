"""The Parquet parts of a run, one shard at a time: no table is ever in memory as a whole."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.arrow_files import open_parquet
from pipeline.write import labels_among, schemas

Row = dict[str, Any]
#: Rows decoded at a time; with threads and read-ahead off, a report of 5,000 pages peaks at 156 MB instead of 190 MB.
BATCH_ROWS = 1024


def part_paths(folder: Path, table: str) -> list[Path]:
    """The finished parts of a table in the order of their names; those under a dot name are not finished."""
    return sorted(path for path in (folder / table).glob("*.parquet") if not path.name.startswith("."))


def run_labels(folder: Path) -> tuple[str, ...]:
    """The labels of a run's tagger, told from the columns of its sections; none where no shard is done."""
    for path in part_paths(folder, "sections"):
        with open_parquet(path) as part:
            return labels_among(part.schema_arrow.names)
    return ()


def read_batches(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of some parts, batch by batch; a part that is not there has no rows."""
    for path in paths:
        if path.exists():
            with open_parquet(path, pre_buffer=False) as part:
                yield from part.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)


def read_rows(paths: Sequence[Path], columns: Sequence[str]) -> Iterator[Row]:
    """The same, row by row."""
    for batch in read_batches(paths, columns):
        yield from batch.to_pylist()


def count_rows(folder: Path, table: str) -> int:
    """Rows of a table, from the parts' footers."""
    rows = 0
    for path in part_paths(folder, table):
        with open_parquet(path) as part:
            rows += part.metadata.num_rows
    return rows


def read_pages(folder: Path) -> Iterator[tuple[Row, dict[str, list[Row]]]]:
    """Every page with its rows of sections, passages and dropped blocks, in the order of the parts.

    A shard writes one part of the same name into each table, so that the parts of one shard are all one has to hold.
    A page that was not cut into sections (a list, or one in another language) gets its kept blocks as passages without
    section, tags or probabilities.
    """
    columns_of = {name: schema.names for name, schema in schemas(run_labels(folder)).items()}
    for path in part_paths(folder, "pages"):
        by_page: dict[str, dict[str, list[Row]]] = {}
        for table in ("sections", "passages", "dropped"):
            rows: dict[str, list[Row]] = defaultdict(list)
            columns = [name for name in columns_of[table] if (table, name) != ("sections", "text")]
            for row in read_rows([folder / table / path.name], columns):
                rows[row["page_id"]].append(row)
            by_page[table] = rows
        for row in read_rows([path], columns_of["pages"]):
            blocks = {table: rows.get(row["page_id"], []) for table, rows in by_page.items()}
            if row["text"] and not blocks["sections"] and not blocks["passages"]:
                blocks["passages"] = uncut_passages(
                    row, {block["position"] for block in blocks["dropped"]}, columns_of["passages"]
                )
            yield row, blocks


def uncut_passages(row: Row, dropped: Container[int], columns: Sequence[str]) -> list[Row]:
    """The lines of a page's text as rows of `passages` with its columns; they stand where nothing was `dropped`."""
    lines = row["text"].split("\n")
    positions = (position for position in itertools.count() if position not in dropped)
    empty = dict.fromkeys(columns)
    return [
        {**empty, "page_id": row["page_id"], "position": position, "kind": "paragraph", "tags": [], "text": line}
        for position, line in zip(positions, lines, strict=False)
    ]
