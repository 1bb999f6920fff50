"""Where a run keeps what, and how its small files are written."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class Places(NamedTuple):
    """Where a run keeps what."""

    folder: Path

    def marker(self, name: str) -> Path:
        """Says that a shard is done, with its counts."""
        return self.folder / "shards" / f"{name}.json"

    @property
    def plan(self) -> Path:
        """The shards, with what their files were like."""
        return self.folder / "shards" / "plan.jsonl"

    def stale(self, name: str) -> Path:
        """The marker of a shard that is done, unless its sites turn out to repeat something else now."""
        return self.work / "stale" / f"{name}.json"

    def retry(self, name: str) -> Path:
        """The marker of a shard of which the pages are done again that failed with the error `retry`."""
        return self.work / "retry" / f"{name}.json"

    def begun(self, name: str, pass_: str) -> Path:
        """Where the attempts on a shard note the page they begin."""
        return self.folder / "shards" / f".{name}.{pass_}"

    @property
    def work(self) -> Path:
        """What is needed only until the run is done."""
        return self.folder / ".work"

    def parsed(self, name: str) -> Path:
        """Says that a shard is parsed, with the rows of its errors."""
        return self.work / "parsed" / f"{name}.json"

    def kept(self, name: str) -> Path:
        """The parsed pages of a shard."""
        return self.work / "kept" / f"{name}.arrow"

    def keys(self, name: str) -> Path:
        """The keys of their blocks; they stay, for the day when more pages come."""
        return self.folder / "shards" / "keys" / f"{name}.arrow"

    def sites(self, bucket: int) -> Path:
        """The tables of the sites of a bucket."""
        return self.folder / "sites" / f"sites-{bucket:04d}.jsonl"

    def signatures(self, name: str) -> Path:
        """What duplicates are told by."""
        return self.folder / "shards" / "signatures" / f"{name}.parquet"


def read_json(path: Path) -> dict[str, Any]:
    """What a file says."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A hidden name beside `path`, nobody else's, to write under; it becomes `path` unless something is raised."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield hidden
        hidden.replace(path)
    finally:
        hidden.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any], indent: int | None = None) -> None:
    """Write a file that is whole as soon as it has its name."""
    with written(path) as hidden:
        hidden.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def set_aside(path: Path, place: Path) -> None:
    """Move a file into a folder that may have to be made."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path.replace(place)
