"""WARC files cut into records, exactly: where each begins, whether it is whole, and where to go on after a damaged one.

fastwarc reads records, but it ends silently where a file is cut, and for good where a record is damaged; so the
borders are found here, by the lengths that the records tell, and each whole record is then handed to it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pipeline.read.members import Members, next_member
from pipeline.read.source import CHUNK_BYTES, MAX_PAGE_BYTES, READ_ERRORS, is_gzip, open_file

#: Types of record that may hold a page; of the others only the length is looked at.
PAGE_TYPES = ("response", "conversion")
#: A record's header is at most so long.
MAX_HEADER_BYTES = 1 << 16
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.I | re.M)
_TYPE = re.compile(rb"^warc-type:[ \t]*(\w+)[ \t]*\r?$", re.I | re.M)
_END = b"\r\n\r\n"


class Frame(NamedTuple):
    """One record, or the place of one that is damaged."""

    number: int  # from the first record of the file, 1
    offset: int | None  # where it begins in the file; None inside a gzip member that holds several
    kind: str = ""  # one of PAGE_TYPES, "" for all others
    data: bytes = b""  # header and block; nothing if it holds no page or is larger than a page may be
    size: int = 0  # of the block, bytes
    damage: str = ""  # what is wrong with it; "" for a whole record


class _Damage(Exception):
    """What is wrong with the record that is being read."""


def frames(path: str, offset: int = 0, number: int = 1) -> Iterator[Frame]:
    """The records of a file from a byte on, where a record, whose number is given, must begin; raises OSError."""
    zipped = is_gzip(path)
    start: int | None = offset
    while start is not None:
        with _open(path, start, zipped) as stream:
            place = 0
            try:
                while True:
                    place = stream.tell()
                    frame = _read_frame(stream)
                    if frame is None:
                        return
                    yield frame._replace(number=number, offset=_begin(stream, place, exactly=True))
                    number += 1
            except (_Damage, *READ_ERRORS) as error:
                begin, exact = _begin(stream, place) or start, _begin(stream, place, exactly=True)
                damage = f"at byte {begin:,} of the file: {error or 'no more bytes'}"
        yield Frame(number, exact, damage=damage)
        number += 1
        start = _next(path, begin + 1, zipped)


def _open(path: str, offset: int, zipped: bool) -> io.BufferedReader:
    stream = open_file(path)
    stream.seek(offset)
    return io.BufferedReader(Members(stream)) if zipped else stream


def _begin(stream: io.BufferedReader, place: int, exactly: bool = False) -> int | None:
    """Where in the file the record at a place of the stream begins; within a gzip member the member, or None."""
    if not isinstance(stream.raw, Members):
        return place
    starts = stream.raw.starts
    while len(starts) > 1 and starts[1][0] <= place:
        starts.popleft()
    if not starts or (exactly and starts[0][0] != place):
        return None
    return starts[0][1]


def _next(path: str, offset: int, zipped: bool) -> int | None:
    """Where the next record seems to begin: a line, or a gzip member, that begins as records do."""
    with open_file(path) as stream:
        return next_member(stream, offset, b"WARC/") if zipped else _next_line(stream, offset, b"\nWARC/1.")


def _next_line(stream: BinaryIO, offset: int, mark: bytes) -> int | None:
    stream.seek(offset)
    window = b""
    while part := stream.read(CHUNK_BYTES):
        window += part
        at = window.find(mark)
        if at >= 0:
            return offset + at + 1
        cut = max(len(window) - len(mark) + 1, 0)
        window, offset = window[cut:], offset + cut
    return None


def _read_frame(stream: BinaryIO) -> Frame | None:
    """The record at which the stream stands, None at the end of the stream; raises what is wrong with it."""
    header = stream.readline(MAX_HEADER_BYTES)
    if not header:
        return None
    if not header.startswith(b"WARC/"):
        raise _Damage("no record begins here")
    while line := stream.readline(MAX_HEADER_BYTES):
        header += line
        if line in (b"\r\n", b"\n"):
            break
        if len(header) > MAX_HEADER_BYTES:
            raise _Damage(f"a header of more than {MAX_HEADER_BYTES:,} bytes")
    else:
        raise _Damage("cut short within a record's header")
    length = _LENGTH.search(header)
    if not length:
        raise _Damage("a record without a Content-Length")
    size = int(length[1])
    type_ = _TYPE.search(header)
    kind = type_[1].decode().lower() if type_ else ""
    kind = kind if kind in PAGE_TYPES else ""
    data = _read_block(stream, size, keep=bool(kind) and size <= MAX_PAGE_BYTES)
    end = stream.read(len(_END))
    if end != _END and not (_END.startswith(end) and not stream.read(1)):  # the last line ends may be missing
        raise _Damage(f"the record's Content-Length, {size:,}, is not its length")
    return Frame(0, None, kind, header + data if data else b"", size)


def _read_block(stream: BinaryIO, size: int, keep: bool) -> bytes:
    """The block if it is to be kept; it is read in any case."""
    parts: list[bytes] = []
    left = size
    while left:
        part = stream.read(min(left, CHUNK_BYTES))
        if not part:
            raise _Damage(f"cut short: {size - left:,} bytes of a record's {size:,}")
        left -= len(part)
        if keep:
            parts.append(part)
    return b"".join(parts)
