"""JSON Lines: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from pipeline.read.rows import holds_pages, no_pages, page_of_row
from pipeline.read.source import (
    MAX_PAGE_BYTES,
    READ_ERRORS,
    PageError,
    Source,
    bounded_lines,
    broken_off,
    failure,
    is_gzip,
    open_bytes,
)
from pipeline.records import RawPage

#: So many rows are looked at before they are called a table of something else.
PROBE_ROWS = 20
Line = tuple[bytes, int]  # its beginning, and how many bytes it truly has


def read_jsonl(source: Source) -> Iterator[RawPage | PageError]:
    """The rows of a file, or of a range of it."""
    return read_lines(source, _lines(source))


def read_lines(source: Source, lines: Iterable[Line]) -> Iterator[RawPage | PageError]:
    """The rows of a stream of lines; where it breaks off, an error comes last."""
    row, stream = source.row - 1, _until_broken(lines)
    first = list(islice(stream, PROBE_ROWS))
    names = _names_without_pages(source, [line for line in first if not isinstance(line, Exception)])
    if names:
        yield no_pages(source, names)
        return
    for row, line in enumerate(chain(first, stream), source.row):
        if isinstance(line, Exception):
            yield broken_off(source, line, row)
        elif line[1] > MAX_PAGE_BYTES:
            yield failure(source, "TooLarge", f"a line of {line[1]:,} bytes", row)
        elif line[0].strip():
            yield _read_row(line[0], source, row)


def jsonl_ranges(source: Source, max_rows: int, max_bytes: int) -> Iterator[Source]:
    """Ranges of rows; a zipped table stays whole, and so does a table of something else, to be one error."""
    try:
        whole = is_gzip(source.path) or bool(_names_without_pages(source, list(islice(_lines(source), PROBE_ROWS))))
        if whole:
            yield source
            return
        start, first, rows, offset = 0, 1, 0, 0
        with open_bytes(source.path) as stream:
            for _, size in bounded_lines(stream):
                rows += 1
                offset += size
                if rows == max_rows or offset - start >= max_bytes:
                    yield source._replace(offset=start, row=first, rows=rows)
                    start, first, rows = offset, first + rows, 0
    except OSError:  # reading will say it
        yield source
        return
    if rows:
        yield source._replace(offset=start, row=first, rows=rows)


def _lines(source: Source) -> Iterator[Line]:
    with open_bytes(source.path) as stream:
        if source.offset:
            stream.seek(source.offset)
        yield from islice(bounded_lines(stream), source.rows)


def _until_broken(lines: Iterable[Line]) -> Iterator[Line | Exception]:
    """The lines; if reading fails on the way, the failure comes last."""
    try:
        yield from lines
    except READ_ERRORS as error:
        yield error


def _names_without_pages(source: Source, lines: Sequence[Line]) -> list[str]:
    """The columns of rows, two or more, that are all JSON objects without a page; else nothing."""
    try:
        rows = [json.loads(line) for line, _ in lines if line.strip()]
    except (ValueError, RecursionError):
        return []
    if len(rows) < 2 or not all(isinstance(row, dict) and not holds_pages(row, source) for row in rows):
        return []
    return list(rows[0])


def _read_row(line: bytes, source: Source, row: int) -> RawPage | PageError:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # bytes that are no UTF-8 among them
        return failure(source, "BadJson", f"the line is no JSON: {error}", row)
    if not isinstance(record, dict):
        return failure(source, "BadRow", "the line is no JSON object", row)
    return page_of_row(record, source, row)
