"""The site tables of a run, on disk: every worker counts or loads the sites it needs, and no others.

    parsed pages --keep_keys--> keys/part-….arrow --count_bucket--> sites/sites-….jsonl --load_tables--> SiteTable

Keys outlive the run that wrote them, so that a run to which pages are added need not read the others again.

Sites are dealt into buckets by a hash of their name. What counts as a repeated block is `clean.site`'s business.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.arrow_files import open_arrow, write_arrow
from pipeline.clean.site import MAX_PAGES, MIN_COUNT, PageKeys, SiteTable, count_site, table_rows, tables_of
from pipeline.places import written

#: So many shards' pages make a bucket, until there are so many buckets.
SHARDS_A_BUCKET, MAX_BUCKETS = 32, 1024
#: Of a larger site only so many pages, those with the smallest digests, are looked at; copies among them do not count.
MAX_CANDIDATES = 4 * MAX_PAGES
BATCH_PAGES = 200

_SCHEMA = pa.schema(
    [("place", pa.uint32()), ("site", pa.string()), ("digest", pa.string()), ("keys", pa.list_(pa.string())),
     ("words", pa.list_(pa.int32()))]  # `place`: a hash of the site; words: of each key that is prose, else 0
)  # fmt: skip
_SITE = re.compile(rb'\{"site": ("(?:[^"\\]|\\.)*")')


def bucket_count(shards: int) -> int:
    """How many buckets a run of so many shards has."""
    return min(MAX_BUCKETS, 1 + shards // SHARDS_A_BUCKET)


def bucket_of(site: str, buckets: int) -> int:
    """The bucket of a site."""
    return _place(site) % buckets


def _place(site: str) -> int:
    return zlib.crc32(site.encode("utf-8", "replace"))


@contextmanager
def keep_keys(path: Path, add_to: bool = False) -> Iterator[Callable[[PageKeys], None]]:
    """Gives a function that adds the keys of a page to a file, which gets its name when all are written.

    With `add_to`, what the file holds already is kept.
    """
    with written(path) as hidden, write_arrow(hidden, _SCHEMA, "zstd") as writer:
        if add_to and path.exists():
            for _, batch in _batches(path, _SCHEMA.names):
                writer.write_batch(batch)
        rows: list[tuple[Any, ...]] = []

        def add(page: PageKeys) -> None:
            words = dict(page.prose)
            rows.append(
                (_place(page.site), page.site, page.digest, page.keys, [words.get(key, 0) for key in page.keys])
            )
            if len(rows) == BATCH_PAGES:
                flush()

        def flush() -> None:
            if rows:
                columns = zip(*rows, strict=True)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))
            rows.clear()

        yield add
        flush()


def count_bucket(keys: Path, bucket: int, buckets: int, out: Path) -> None:
    """Count the sites of one of the buckets, from all files below `keys`, into a file of rows as `clean.site` has them.

    First only names and digests are read, to find the sites that have pages enough; then the keys of these.
    """
    places: dict[str, dict[str, tuple[Path, int, int]]] = defaultdict(dict)  # site -> digest -> file, batch, row
    for path in sorted(keys.glob("*.arrow")):
        for number, batch in _batches(path, ["place", "site", "digest"]):
            for row in np.flatnonzero(batch["place"].to_numpy() % buckets == bucket).tolist():
                found = places[batch["site"][row].as_py()]
                found.setdefault(batch["digest"][row].as_py(), (path, number, row))
                if len(found) > 2 * MAX_CANDIDATES:
                    _keep_smallest(found)
    wanted: dict[tuple[Path, int], list[int]] = defaultdict(list)
    for found in places.values():
        _keep_smallest(found)
        if len(found) >= MIN_COUNT:
            for path, number, row in found.values():
                wanted[path, number].append(row)
    pages: dict[str, list[PageKeys]] = defaultdict(list)
    for (path, number), rows in wanted.items():
        for page in _read_keys(path, number, rows):
            pages[page.site].append(page)
    with written(out) as hidden, hidden.open("w", encoding="utf-8", newline="\n") as stream:
        for site in sorted(pages):
            for line in table_rows({site: count_site(pages.pop(site))}):
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def load_tables(paths: Iterable[Path], sites: Collection[str]) -> dict[str, SiteTable]:
    """The tables of some sites, from files of rows that were checked before; lines of other sites are passed over."""
    names = {json.dumps(site, ensure_ascii=how).encode("utf-8", "replace") for site in sites for how in (False, True)}

    def rows() -> Iterator[dict[str, Any]]:
        for path in paths:
            with path.open("rb") as lines:
                for line in lines:
                    if (match := _SITE.match(line)) and match[1] not in names:
                        continue
                    row = json.loads(line)
                    if row["site"] in sites:
                        yield row

    return tables_of(rows())


def tables_digest(tables: Mapping[str, SiteTable]) -> str:
    """Names what some sites repeat: other counts give another digest."""
    rows = [(site, table.pages, sorted(table.counts.items())) for site, table in sorted(tables.items())]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def _batches(path: Path, columns: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    with open_arrow(path, [_SCHEMA.get_field_index(name) for name in columns]) as file:
        for number in range(file.num_record_batches):
            yield number, file.get_batch(number)


def _read_keys(path: Path, number: int, rows: list[int]) -> Iterator[PageKeys]:
    with open_arrow(path) as file:
        for row in file.get_batch(number).take(pa.array(rows, pa.int64())).to_pylist():
            prose = tuple((key, words) for key, words in zip(row["keys"], row["words"], strict=True) if words)
            yield PageKeys(row["site"], row["digest"], tuple(row["keys"]), prose)


def _keep_smallest(found: dict[str, tuple[Path, int, int]]) -> None:
    for digest in sorted(found)[MAX_CANDIDATES:]:
        del found[digest]
