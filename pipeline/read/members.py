"""A gzip file member by member: what it holds, as a stream, and where each member begins in the file."""

from __future__ import annotations

import io
import zlib
from collections import deque
from typing import BinaryIO

MAGIC = b"\x1f\x8b\x08"
#: A member's header and the first bytes of its content lie within so many bytes.
_PROBE_BYTES = 1024
_INPUT_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 16


class Members(io.RawIOBase):
    """The inflated bytes of a gzip stream, from where the stream stands.

    `starts` lists for the members begun so far (place in the inflated bytes, place in the file). What is damaged or cut
    raises zlib.error or EOFError.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._offset = stream.tell()  # in the file, of the first byte of `_rest`
        self._rest = b""
        self._place = 0
        self._inflate: zlib._Decompress | None = None
        self.starts: deque[tuple[int, int]] = deque()

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def close(self) -> None:
        self._stream.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = min(len(buffer), _OUTPUT_BYTES)
        while True:
            if not self._rest:
                self._rest = self._stream.read(_INPUT_BYTES)
                if not self._rest:
                    if self._inflate:
                        raise EOFError("the last gzip member has no end")
                    return 0
            if not self._inflate:
                self._begin()
                continue
            before = len(self._rest)
            part = self._inflate.decompress(self._rest, size)
            if self._inflate.eof:
                self._rest, self._inflate = self._inflate.unused_data, None
            else:
                self._rest = self._inflate.unconsumed_tail
            self._offset += before - len(self._rest)
            if part:
                buffer[: len(part)] = part
                self._place += len(part)
                return len(part)

    def _begin(self) -> None:
        """A member begins; zeros between members are padding."""
        data = self._rest.lstrip(b"\0")
        self._offset += len(self._rest) - len(data)
        self._rest = data
        if data:
            self._inflate = zlib.decompressobj(wbits=31)
            self.starts.append((self._place, self._offset))


def next_member(stream: BinaryIO, offset: int, begins: bytes) -> int | None:
    """Where, from an offset on, a member begins whose content begins with the bytes given; None if nowhere."""
    stream.seek(offset)
    window = b""
    while part := stream.read(1 << 20):
        window += part
        at = window.find(MAGIC)
        while at >= 0:
            if len(window) - at < _PROBE_BYTES:
                window += stream.read(_PROBE_BYTES)
            if _inflated(window[at : at + _PROBE_BYTES], len(begins)) == begins:
                return offset + at
            at = window.find(MAGIC, at + 1)
        cut = max(len(window) - len(MAGIC) + 1, 0)
        window, offset = window[cut:], offset + cut
    return None


def _inflated(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, size)
    except zlib.error:
        return b""
