"""What readers are given and what they give: sources, columns, failures; and how a file is opened."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

#: Pages are read up to this size; a larger page is an error.
MAX_PAGE_BYTES = 64 * 1024 * 1024
#: Bytes that are read at once.
CHUNK_BYTES = 1 << 20
#: The input that stands for standard input.
STDIN = "-"
#: What reading a damaged, cut, vanished or locked file raises (a bad gzip header is an OSError).
READ_ERRORS = (OSError, EOFError, zlib.error)


class InputError(Exception):
    """An input that cannot be used at all; the message says which and what to do."""


class PageError(NamedTuple):
    """A page that came to nothing, a row of the errors table."""

    page_id: str
    source: str
    stage: str
    error: str
    message: str


class Columns(NamedTuple):
    """What the columns of a table (JSON Lines, CSV, Parquet) are called; one of html and text must be there."""

    id: str = "id"
    html: str = "html"
    text: str = "text"
    url: str = "url"
    site: str = "site"
    title: str = "title"


class Source(NamedTuple):
    """One file, or a range of its rows or records."""

    path: str  # STDIN for standard input
    format: str  # a key of FORMATS
    page_id: str  # of a page; the stem of a table, which names its rows without an id
    site: str | None  # the first folder below the input
    offset: int = 0  # JSON Lines, WARC: the byte (of the file as it is) where the range begins ...
    row: int = 1  # ... and the number of its first row or record
    rows: int | None = None  # rows or records in the range, None for all that follow
    columns: Columns = Columns()


def failure(source: Source, error: str, message: str, row: int | None = None) -> PageError:
    """An error of stage `read`: of a whole source, or of one of its rows."""
    if row is None:
        return PageError(source.page_id, source.path, "read", error, message)
    return PageError(f"{source.page_id}:{row}", f"{source.path}:{row}", "read", error, message)


def broken_off(source: Source, error: Exception, row: int, what: str = "row") -> PageError:
    """The error where reading ends before the source does: `row` is the one that could not be read."""
    message = f"damaged or cut short after {what} {row - 1:,} ({error or 'no more bytes'})"
    return failure(source, type(error).__name__, message, row)


def is_address(path: str) -> bool:
    """Whether a path names a file in a store, for fsspec to open: `s3://bucket/page.html`."""
    return "://" in path


def open_file(path: str) -> io.BufferedReader:
    """A file as it is, here or in a store; raises OSError."""
    if not is_address(path):
        return open(path, "rb")
    import fsspec

    return io.BufferedReader(fsspec.open(path, "rb").open())


def arrow_place(path: str) -> tuple[str, Any]:
    """A file's name, and the file system that Arrow finds it in: None for this machine's."""
    if not is_address(path):
        return path, None
    import fsspec
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    system, name = fsspec.url_to_fs(path, use_listings_cache=False)
    return name, PyFileSystem(FSSpecHandler(system))


def state_of(path: str) -> tuple[int, str]:
    """A file's size in bytes, and something that changes with it; raises OSError."""
    if not is_address(path):
        status = os.stat(path)
        return status.st_size, f"{status.st_size}\0{status.st_mtime_ns}"
    import fsspec

    system, name = fsspec.url_to_fs(path)
    return int(system.size(name) or 0), str(system.ukey(name))


def open_bytes(path: str) -> BinaryIO:
    """A file's bytes, or standard input's; a gzip is told by its first bytes, whatever the file is called."""
    if path == STDIN:
        stream: BinaryIO = sys.stdin.buffer
        zipped = stream.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
        return gzip.open(stream) if zipped else stream  # type: ignore[return-value]
    return _Zipped(open_file(path)) if is_gzip(path) else open_file(path)  # type: ignore[return-value]


class _Zipped(gzip.GzipFile):
    """A gzip that closes the stream it reads from."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._stream = stream

    def close(self) -> None:
        super().close()
        self._stream.close()


def is_gzip(path: str) -> bool:
    """Whether a file begins as a gzip does; raises OSError."""
    with open_file(path) as stream:
        return stream.read(2) == b"\x1f\x8b"


def bounded_lines(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Every line with its true length in bytes; of a line longer than MAX_PAGE_BYTES only the beginning."""
    while line := stream.readline(MAX_PAGE_BYTES + 1):
        size, last = len(line), line
        while size > MAX_PAGE_BYTES and not last.endswith(b"\n"):
            last = stream.readline(CHUNK_BYTES)
            if not last:
                break
            size += len(last)
        yield line, size
