"""A run's folder in a store.

`folder` gives a `Path` for a folder of this machine. For an address such as `s3://bucket/out` it gives something that
does as much of what a `Path` does as a run needs, by fsspec: so the code that writes a run knows of no stores.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import total_ordering
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from pipeline.read.source import is_address


class Size(NamedTuple):
    """What `stat` tells of a file in a store."""

    st_size: int


@total_ordering
class StorePath:
    """A file or folder in a store; folders are there when something is in them."""

    def __init__(self, address: str) -> None:
        import fsspec

        # others write there too: what was listed before may not be so any more
        self._system, self._name = fsspec.url_to_fs(address, use_listings_cache=False)
        self._name = self._name.rstrip("/")
        self._address = address if address.endswith("://") else address.rstrip("/")

    def __str__(self) -> str:
        return self._address

    def __repr__(self) -> str:
        return f"StorePath({self._address!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return StorePath, (self._address,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StorePath) and self._address == other._address

    def __lt__(self, other: StorePath) -> bool:
        return self._address < other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def __truediv__(self, part: str) -> StorePath:
        return StorePath(f"{self._address}{part}" if self._address.endswith("/") else f"{self._address}/{part}")

    @property
    def name(self) -> str:
        return self._address.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return Path(self.name).stem

    @property
    def parent(self) -> StorePath:
        above = self._address.rpartition("/")[0]
        return StorePath(f"{above}/" if above.endswith(":/") else above)

    def with_name(self, name: str) -> StorePath:
        return self.parent / name

    def resolve(self) -> StorePath:
        return self

    def exists(self) -> bool:
        return bool(self._system.exists(self._name))

    def is_dir(self) -> bool:
        return bool(self._system.isdir(self._name))

    def is_file(self) -> bool:
        return bool(self._system.isfile(self._name))

    def stat(self) -> Size:
        return Size(int(self._system.size(self._name)))

    def iterdir(self) -> Iterator[StorePath]:
        if self.is_dir():
            for name in sorted(self._system.ls(self._name, detail=False)):
                yield self / name.rstrip("/").rpartition("/")[2]

    def glob(self, pattern: str) -> Iterator[StorePath]:
        first, _, rest = pattern.partition("/")
        for path in self.iterdir():
            if fnmatchcase(path.name, first):
                if rest:
                    yield from path.glob(rest)
                else:
                    yield path

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        self._system.makedirs(self._name, exist_ok=exist_ok)

    def open(
        self, mode: str = "r", encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> IO[Any]:
        stream = self._system.open(self._name, mode.replace("b", "") + "b")
        if "b" in mode:
            return cast("IO[Any]", stream)
        return io.TextIOWrapper(stream, encoding or "utf-8", errors, newline)

    def read_bytes(self) -> bytes:
        return bytes(self._system.cat_file(self._name))

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes) -> None:
        self._system.pipe_file(self._name, data)

    def write_text(self, text: str, encoding: str = "utf-8", newline: str | None = None) -> None:
        self.write_bytes(text.encode(encoding))

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self._system.rm_file(self._name)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def replace(self, target: StorePath) -> StorePath:
        names = self._system.find(self._name)  # the file itself, or all that is in the folder
        if names != [self._name]:
            target.rmtree()
        for name in names:
            self._system.mv(name, target._name + name[len(self._name) :])
        self.rmtree()
        return target

    def rmtree(self) -> None:
        """Remove a folder with all that is in it, where it is there."""
        if self.exists():
            self._system.rm(self._name, recursive=True)


def folder(name: str) -> Path:
    """A folder of this machine, or what stands in for one in a store; raises ValueError or ImportError."""
    return cast("Path", StorePath(name)) if is_address(name) else Path(name)


def in_store(path: Path) -> bool:
    """Whether a path lies in a store."""
    return isinstance(path, StorePath)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it, where it is there."""
    if isinstance(path, StorePath):
        path.rmtree()
    else:
        shutil.rmtree(path, ignore_errors=True)
