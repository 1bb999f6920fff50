"""Parquet, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.read.rows import holds_pages, no_pages, page_of_row, text_or_bytes
from pipeline.read.source import CHUNK_BYTES, PageError, Source, arrow_place, failure
from pipeline.records import RawPage

#: Rows that are held at once.
BATCH_ROWS = 16
#: A row group is cut into at most so many ranges, since each must read the group from its beginning.
RANGES_OF_A_GROUP = 16


def read_parquet(source: Source) -> Iterator[RawPage | PageError]:
    """The rows of a file, or of a range of it; a row group that is damaged is one error, and the next one is read."""
    try:
        file = _open(source.path)
    except (OSError, pa.ArrowException) as error:
        yield failure(source, type(error).__name__, f"no whole Parquet file: {error}")
        return
    with file:
        names = file.schema_arrow.names
        if not holds_pages(names, source):
            yield no_pages(source, names)
            return
        columns = [name for name in source.columns if name in names]
        stop = file.metadata.num_rows + 1 if source.rows is None else source.row + source.rows
        first = 1
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            begin, end = max(first, source.row), min(last, stop)
            row = begin
            try:
                for row, record in _rows(file, group, columns, first, begin, end):
                    yield page_of_row(record, source, row)
                    row += 1
            except (OSError, ValueError, pa.ArrowException) as error:
                yield failure(source, type(error).__name__, f"rows {row:,} to {end - 1:,} are damaged: {error}", row)
            first = last


def parquet_ranges(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    """Ranges of rows: small row groups together, large ones in up to RANGES_OF_A_GROUP pieces."""
    try:
        with _open(source.path) as file:
            names = file.schema_arrow.names
            groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
            sizes = [(group.num_rows, group.total_byte_size) for group in groups]
    except (OSError, pa.ArrowException):  # reading will say it
        yield source
        return
    if not holds_pages(names, source) or not sizes:
        yield source
        return
    first, rows, bytes_ = 1, 0, 0
    for group_rows, group_bytes in sizes:
        if rows and (rows + group_rows > max_rows or bytes_ + group_bytes > max_bytes):
            yield source._replace(row=first, rows=rows)
            first, rows, bytes_ = first + rows, 0, 0
        pieces = min(max(-(-group_rows // max_rows), -(-group_bytes // max_bytes)), RANGES_OF_A_GROUP)
        step = -(-group_rows // max(pieces, 1))
        left = group_rows
        while left > step:
            yield source._replace(row=first, rows=step)
            first, left = first + step, left - step
        rows, bytes_ = rows + left, bytes_ + group_bytes * left // max(group_rows, 1)
    if rows:
        yield source._replace(row=first, rows=rows)


def _open(path: str) -> pq.ParquetFile:
    """Column chunks are read through a small buffer, not whole."""
    where, system = arrow_place(path)
    return pq.ParquetFile(where, filesystem=system, buffer_size=CHUNK_BYTES, pre_buffer=False)


def _rows(
    file: pq.ParquetFile, group: int, columns: list[str], first: int, begin: int, end: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows [begin, end) of a row group whose first row has the number `first`."""
    if begin >= end:
        return
    row = first
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False):
        if row + len(batch) > begin:
            values = [_values(column) for column in batch.columns]
            for i in range(max(begin - row, 0), min(end - row, len(batch))):
                yield row + i, {name: column[i] for name, column in zip(batch.schema.names, values, strict=True)}
        row += len(batch)
        if row >= end:
            return


def _values(column: pa.Array) -> list[Any]:
    """A column's values; strings pass as bytes first, since a file may call strings what is not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    elif pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return [text_or_bytes(value) if isinstance(value, bytes) else value for value in column.to_pylist()]
