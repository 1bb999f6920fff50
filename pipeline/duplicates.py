"""The same article on several pages: signatures noted page by page, joined when the run is done.

A signature is a MinHash of the article's runs of five words; equal bands of it make two pages candidates (locality
sensitive hashing), and the share of equal values is the likely share of common runs. Of pages that are
nearly equal, the one with the smallest page_id is the original.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from rensa import RMinHash

from pipeline.arrow_files import open_parquet, read_parquet, write_parquet
from pipeline.places import written
from pipeline.write import schemas

#: Words of a run, values of a signature, and of them in a band: pages that share 0.8 of their runs meet in one of the
#: 16 bands with a probability of 0.95.
RUN_WORDS, VALUES, BAND = 5, 128, 8
SEED = 1
#: Pages are nearly equal if they share so much of their runs of words.
MIN_SHARE = 0.8
#: Shorter articles have no signature: a line that stands on many pages does not make these the same article.
MIN_WORDS = 30

_SCHEMA = pa.schema([("row", pa.int64()), ("signature", pa.binary(VALUES * 4))])


def signature(text: str) -> bytes | None:
    """The MinHash of a text, None if it is too short for one."""
    words = text.lower().split()
    if len(words) < MIN_WORDS:
        return None
    minhash = RMinHash(num_perm=VALUES, seed=SEED)
    minhash.update([" ".join(words[i : i + RUN_WORDS]) for i in range(len(words) - RUN_WORDS + 1)])
    return np.array(minhash.digest(), dtype="<u4").tobytes()


def write_signatures(path: Path, rows: Sequence[int], signatures: Sequence[bytes]) -> None:
    """Write the signatures of one part of `pages`, each with its row there."""
    table = pa.table({"row": rows, "signature": signatures}, schema=_SCHEMA)
    with written(path) as hidden:
        with write_parquet(hidden, _SCHEMA, "none") as writer:
            writer.write_table(table)


def read_signatures(path: Path) -> list[tuple[int, bytes]]:
    """What `write_signatures` wrote: rows with their signatures."""
    table = read_parquet(path)
    return list(zip(table["row"].to_pylist(), table["signature"].to_pylist(), strict=True))


def mark_duplicates(pages: Path, signatures: Path, scratch: Path | None) -> int:
    """Fill `duplicate_of` in the parts of `pages`; parts in which nothing changes are left alone.

    Parameters
    ----------
    pages : Path
        The folder of the table.
    signatures : Path
        The folder of files of the same names, as `write_signatures` made them.
    scratch : Path, optional
        A folder for a file of all signatures at once: they are looked up on disk, not held in memory.

    Returns
    -------
    int
        How many pages are duplicates.
    """
    parts = sorted(path for path in pages.glob("*.parquet") if not path.name.startswith("."))
    rows: list[np.ndarray] = []
    with tempfile.TemporaryFile(dir=scratch) as stream:
        for part in parts:
            table = read_parquet(signatures / part.name)
            rows.append(table["row"].to_numpy())
            for value in table["signature"]:
                stream.write(value.as_py())
        stream.flush()
        starts = np.cumsum([0, *map(len, rows)])
        groups = _groups(np.memmap(stream, "<u4", "r").reshape(-1, VALUES)) if starts[-1] else {}
    members = np.array(sorted(groups), dtype=np.int64)
    names: dict[int, tuple[str, int]] = {}  # signature -> its page's id, which may not be its own alone
    for number, part in enumerate(parts):
        own = members[(members >= starts[number]) & (members < starts[number + 1])]
        if len(own):
            ids = read_parquet(part, ["page_id"])["page_id"]
            names.update((int(i), (ids[int(rows[number][i - starts[number]])].as_py(), int(i))) for i in own)
    originals: dict[int, tuple[str, int]] = {}
    for member, group in groups.items():
        originals[group] = min(originals.get(group, names[member]), names[member])
    marked = 0
    for number, part in enumerate(parts):
        own = members[(members >= starts[number]) & (members < starts[number + 1])].tolist()
        copies = {
            int(rows[number][i - starts[number]]): originals[groups[i]][0]
            for i in own
            if originals[groups[i]] != names[i]
        }
        marked += len(copies)
        _mark(part, copies)
    return marked


def _groups(values: np.ndarray) -> dict[int, int]:
    """Of the signatures that are nearly equal to another one, the group of each, named by its smallest index."""
    leader: dict[int, int] = {}

    def find(i: int) -> int:
        while leader.get(i, i) != i:
            leader[i] = i = leader.get(leader[i], leader[i])
        return i

    mix = np.random.default_rng(SEED).integers(1, 1 << 62, BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for band in range(0, VALUES, BAND):
        hashes = np.concatenate(
            [
                (values[first : first + 65536, band : band + BAND].astype(np.uint64) * mix).sum(axis=1, dtype=np.uint64)
                for first in range(0, len(values), 65536)
            ]
        )
        for bucket in _equal(hashes):
            for one, others in _alike(values, bucket):
                for other in others:
                    low, high = sorted((find(one), find(other)))
                    leader[low], leader[high] = low, low
    return {i: find(i) for i in sorted(leader)}


def _equal(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """The places of equal hashes, wherever there are two or more."""
    order = np.argsort(hashes, kind="stable")
    borders = np.flatnonzero(np.diff(hashes[order])) + 1
    begins, ends = np.concatenate([[0], borders]), np.concatenate([borders, [len(order)]])
    for begin, end in zip(begins[ends - begins > 1], ends[ends - begins > 1], strict=True):
        yield order[begin:end]


def _alike(values: np.ndarray, bucket: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Each of the first signatures left in a bucket, with those that are nearly equal to it."""
    while len(bucket) > 1:
        share = (values[bucket[1:]] == values[bucket[0]]).mean(axis=1)
        yield int(bucket[0]), bucket[1:][share >= MIN_SHARE].tolist()
        bucket = bucket[1:][share < MIN_SHARE]


def _mark(part: Path, copies: dict[int, str]) -> None:
    """Write `duplicate_of` of one part anew where it is not so already."""
    schema = schemas(())["pages"]
    place = schema.get_field_index("duplicate_of")
    with open_parquet(part) as file:
        column = [copies.get(row) for row in range(file.metadata.num_rows)]
        if file.read(columns=["duplicate_of"]).column(0).to_pylist() == column:
            return
        at = 0
        with written(part) as hidden, write_parquet(hidden, schema, "zstd") as writer:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number)
                values = pa.array(column[at : at + len(table)], pa.string())
                writer.write_table(table.set_column(place, schema.field(place), values))
                at += len(table)
