"""Which shards a run has: cut from its sources, noted beside the markers, and added to when more inputs come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.places import written
from pipeline.read import STDIN, Columns, Source, ranges
from pipeline.read.source import state_of
from pipeline.shard import Shard

#: A shard holds at most so many pages and bytes.
SHARD_PAGES = 200
SHARD_BYTES = 32 * 1024 * 1024


def plan(sources: Sequence[Source], limit: int | None, first: int = 0) -> Iterator[Shard]:
    """Group the sources into shards, in order, so that none holds too much; `first` is the number of the first.

    >>> [shard.name for shard in plan([Source("no/such.html", "page", "such", None)], None)]
    ['part-00000']
    """
    if limit is not None:  # a limited run is for trying things out: one shard counts best
        yield Shard("part-00000", tuple(sources), limit)
        return
    group: list[Source] = []
    pages = size = 0
    number = first
    for source in sources:
        for piece in ranges(source, SHARD_PAGES, SHARD_BYTES):
            alone = piece.format != "page"
            bytes_ = SHARD_BYTES if alone else _size(piece)
            if group and (alone or pages == SHARD_PAGES or size + bytes_ > SHARD_BYTES):
                yield Shard(f"part-{number:05d}", tuple(group))
                number += 1
                group, pages, size = [], 0, 0
            group.append(piece)
            pages += 1
            size += bytes_
    if group:
        yield Shard(f"part-{number:05d}", tuple(group))


def write_plan(path: Path, shards: Sequence[Shard]) -> None:
    """Note the shards: one JSON line each, with what their files were like."""
    with written(path) as hidden, hidden.open("w", encoding="utf-8", errors="surrogateescape") as stream:
        for shard in shards:
            pieces = [source[:-1] for source in shard.sources]  # the columns are those of the whole run
            row = {"name": shard.name, "limit": shard.limit, "sources": pieces, "digest": digest(shard.sources)}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_plan(path: Path, columns: Columns) -> list[tuple[Shard, str]]:
    """The shards that were noted, each with the digest of its files; none where nothing was."""
    if not path.exists():
        return []
    found = []
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        for line in stream:
            row = json.loads(line)
            sources = tuple(Source._make([*piece, columns]) for piece in row["sources"])
            found.append((Shard(row["name"], sources, row["limit"]), row["digest"]))
    return found


def add_to(noted: Sequence[tuple[Shard, str]], sources: Sequence[Source]) -> list[Shard] | None:
    """The shards that were noted, as they were, and others for the sources that are in none of them.

    None where a source of theirs is not among the sources, or is not as it was: then the run is another one.
    """
    there = set(sources)
    covered = {piece._replace(offset=0, row=1, rows=None) for shard, _ in noted for piece in shard.sources}
    if not noted or not covered <= there or any(digest(shard.sources) != known for shard, known in noted):
        return None
    old = [shard for shard, _ in noted]
    number = 1 + max(int(shard.name.rpartition("-")[2]) for shard in old)
    return old + list(plan([source for source in sources if source not in covered], None, number))


def digest(sources: Sequence[Source]) -> str:
    """Names the sources as they are now: another file, size or time of change gives another digest."""
    found = hashlib.sha256()
    for source in sources:
        state = source.format
        if source.path != STDIN:
            try:
                _, state = state_of(source.path)
            except OSError as error:  # a dangling link: reading will make it an error row
                state = type(error).__name__
        found.update(f"{source.path}\0{state}\n".encode("utf-8", "surrogateescape"))
    return found.hexdigest()[:12]


def _size(source: Source) -> int:
    try:
        return state_of(source.path)[0]
    except OSError:
        return 0
