"""CSV, streamed; what is broken costs its own lines, not the rest of the file."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from io import TextIOWrapper
from typing import BinaryIO, NamedTuple

from pipeline.decode import decode
from pipeline.read.rows import holds_pages, no_pages, page_of_row
from pipeline.read.source import MAX_PAGE_BYTES, READ_ERRORS, PageError, Source, broken_off, failure, open_bytes
from pipeline.records import RawPage

#: What may stand between columns; that which the first line has most of does.
DELIMITERS = ",;\t"


class _Damage(NamedTuple):
    """Lines that are no rows, until one fits the header again."""

    row: int
    line: int  # the first one
    cause: str


def read_csv(source: Source) -> Iterator[RawPage | PageError]:
    """The rows of a file whose first line names the columns."""
    csv.field_size_limit(MAX_PAGE_BYTES)
    try:
        stream = open_bytes(source.path)
    except READ_ERRORS as error:
        yield failure(source, type(error).__name__, str(error))
        return
    with stream:
        lines = _Lines(stream)
        header = next(lines, "")
        delimiter = max(DELIMITERS, key=header.count)
        lines.give_back(0)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            names = [_whole(_cell(name)).strip() for name in next(reader, [])]
        except csv.Error as error:
            yield failure(source, "BadCsv", f"the header cannot be read: {error}")
            return
        if lines.failure and not names:
            yield failure(source, type(lines.failure).__name__, str(lines.failure))
        elif not holds_pages(names, source):
            yield no_pages(source, names)
        else:
            yield from _rows(source, lines, reader, names)


def _rows(
    source: Source, lines: _Lines, reader: Iterator[list[str]], names: list[str]
) -> Iterator[RawPage | PageError]:
    row = 0
    damage: _Damage | None = None
    while True:
        lines.taken.clear()
        begin = lines.number + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:  # most often a quote that never ends: all but its first line may be rows
            lines.give_back(1)
            if damage is None:
                row += 1
                damage = _Damage(row, begin, str(error))
            continue
        if cells == [] or (damage and cells is not None and len(cells) != len(names)):
            continue
        if damage:
            message = f"lines {damage.line:,} to {begin - 1:,} are no rows ({damage.cause})"
            yield failure(source, "BadCsv", message, damage.row)
            damage = None
        if cells is None:
            break
        row += 1
        if len(cells) == len(names):
            yield page_of_row(dict(zip(names, map(_cell, cells), strict=True)), source, row)
        else:
            message = f"line {begin:,} has {len(cells)} columns, the header {len(names)}"
            yield failure(source, "BadRow", message, row)
    if lines.failure:
        yield broken_off(source, lines.failure, row + 1)


class _Lines:
    """The lines of a stream as text; some can be given back. Bytes that are no UTF-8 are kept as surrogates."""

    def __init__(self, stream: BinaryIO) -> None:
        self.number = 0  # of the last line given
        self.taken: list[str] = []  # since it was last cleared
        self.failure: Exception | None = None  # where the stream breaks off
        self._again: deque[str] = deque()
        try:
            wide = stream.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")  # type: ignore[attr-defined]
        except READ_ERRORS:
            wide = False  # reading will say it
        encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
        self._text = TextIOWrapper(stream, encoding, errors, newline="\n")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        return line

    def give_back(self, keep: int) -> None:
        """All lines taken but the first ones come again."""
        back = self.taken[keep:]
        self._again.extendleft(reversed(back))
        self.number -= len(back)
        self.taken.clear()

    def _read(self) -> str:
        try:
            return "" if self.failure else self._text.readline(MAX_PAGE_BYTES)
        except READ_ERRORS as error:
            self.failure = error
            return ""


def _cell(value: str) -> str | bytes:
    """A cell as text, or as bytes where it is no UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
    return value


def _whole(value: str | bytes) -> str:
    return decode(value) if isinstance(value, bytes) else value
