"""Which page a worker had begun when it died: one line an attempt, in a file that outlives the worker.

Every attempt on a shard overwrites its own line as it goes on to the next page. An attempt that ends, by success or by
an exception, takes its line away; so the lines that are left are the places where workers died, whoever killed
them. A page is to blame only for deaths at that very page, so one lost host or a killed run harms no page.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import TracebackType

from pipeline.store import in_store

#: A line's length in bytes, so that overwriting one leaves the others alone.
LINE_BYTES = 48
#: What the first attempt notes in a store.
SOMEWHERE = "somewhere"


class Begun:
    """The place at which an attempt stands.

    Parameters
    ----------
    path : Path
        The shard's file; its folder is made. Used as a context, it is gone when the attempt succeeds.

    Attributes
    ----------
    deaths : Counter
        How many attempts died at each place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = None if in_store(path) else os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if self._file is not None:
            self._before = os.read(self._file, os.fstat(self._file).st_size)
        else:
            self._before = path.read_bytes() if path.exists() else b""
        lines = self._before.decode("ascii", "replace").splitlines()
        self.deaths = Counter(line.strip() for line in lines)
        self._noted = ""

    def note(self, place: str) -> None:
        """The attempt now goes on to this place."""
        if self._file is None and not self._before:
            place = SOMEWHERE  # to write a file for every page is dear; it is done where a worker died before
            if place == self._noted:
                return
        self._noted = place
        line = place.ljust(LINE_BYTES - 1).encode("ascii") + b"\n"
        if self._file is not None:
            os.pwrite(self._file, line, len(self._before))
        else:
            self.path.write_bytes(self._before + line)

    def __enter__(self) -> Begun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.path.unlink(missing_ok=True)
        elif self._file is not None:
            os.truncate(self._file, len(self._before))
        else:
            self.path.write_bytes(self._before)
        if self._file is not None:
            os.close(self._file)


def deaths(path: Path) -> int:
    """How many attempts on a shard died so far, once they had begun a page."""
    try:
        return path.stat().st_size // LINE_BYTES
    except FileNotFoundError:
        return 0
