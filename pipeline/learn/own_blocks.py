"""A user's keep / drop labels on blocks of their own pages: read, checked, and joined to the pages.

    {"page": "page_id", "text": "Book your first visit today.", "keep": false}

`hash` (as in `data/labels`) may stand for `text`. A label is known by page and text, never by a position, and holds
for every block of the page with this text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.clean.site import NO_TABLE, SiteTable, count_sites
from pipeline.label.store import LabelError
from pipeline.learn.rows import read_rows
from pipeline.parse import parse
from pipeline.read import PageError, find, read
from pipeline.records import ParsedPage
from pipeline.write import text_hash

#: Labelled blocks that a kind of page (HTML, dumps) needs, and pages they must be of: one is held out in turn.
MIN_BLOCKS, MIN_PAGES = 10, 2
MAX_TOLD = 10
_NEEDED = frozenset(("page", "keep"))
_TEXTS = frozenset(("text", "hash"))
_NOTES = frozenset(("reader", "date", "note"))


class BlockLabel(NamedTuple):
    """One answer."""

    page: str
    hash: str  # `text_hash` of the block
    keep: bool
    where: str  # file and line
    text: str  # for messages; "" where only the hash was given


class OwnPage(NamedTuple):
    """A page with labels."""

    page: ParsedPage
    labels: np.ndarray  # bool, shape (n_blocks,): to be kept
    known: np.ndarray  # bool, shape (n_blocks,): somebody has answered
    table: SiteTable  # what the pages of its site have in common


def read_own_blocks(files: Sequence[Path], pages: Sequence[str]) -> list[OwnPage]:
    """The labelled pages, in the order of the pages.

    Parameters
    ----------
    files
        JSON Lines of labels.
    pages
        Files and folders as `clean` takes them. What the pages of a site have in common is counted over all of them.

    Raises
    ------
    LabelError
        If a line is no label, a page is not found, twice there or cannot be parsed, a block is not on it, a block has
        two answers, or there are too few labels.
    InputError
        If there are no such pages.
    """
    labels = [label for path in files for label in _read_labels(path)]
    wanted: dict[str, dict[str, BlockLabel]] = {}
    twice = []
    for label in labels:
        before = wanted.setdefault(label.page, {}).setdefault(label.hash, label)
        if before.keep != label.keep:
            twice.append(f"{before.where} and {label.where}: page {label.page}, block {_named(before)}")
    _refuse(twice, "blocks have two answers; give each one only")
    found: dict[str, ParsedPage] = {}
    tables = count_sites(_parsed(pages, wanted, found))
    _refuse(
        [f"{next(iter(of.values())).where}: page {page}" for page, of in wanted.items() if page not in found],
        f"labelled pages are not in {', '.join(pages)}; a page is named by its id, as `clean` and the tables have it",
    )
    own, lost = [], []
    for name, page in found.items():
        hashes = [text_hash(block.text) for block in page.blocks]
        lost += [
            f"{label.where}: page {name}, block {_named(label)}"
            for digest, label in wanted[name].items()
            if digest not in set(hashes)
        ]
        answers = [wanted[name].get(digest) for digest in hashes]
        kept = np.array([answer is not None and answer.keep for answer in answers], dtype=bool)
        known = np.array([answer is not None for answer in answers], dtype=bool)
        own.append(OwnPage(page, kept, known, tables.get(page.site or "", NO_TABLE)))
    _refuse(lost, "labelled blocks are not on their page; a block is named by its whole text, as `clean` prints it")
    _refuse_few(own, files)
    return own


def _read_labels(path: Path) -> Iterator[BlockLabel]:
    for number, row in enumerate(read_rows(path), 1):
        where = f"{path}:{number}"
        fields: set[str] = set(row) if isinstance(row, dict) else set()
        if not fields >= _NEEDED or len(fields & _TEXTS) != 1 or fields - _NEEDED - _TEXTS - _NOTES:
            raise LabelError(
                f"{where}: a label has page, keep, and either text or hash; reader, date and note may stand there, too"
            )
        text: Any = row.get("text", "")
        digest: Any = row["hash"] if "hash" in row else text_hash(text) if isinstance(text, str) else None
        if not isinstance(row["page"], str) or not isinstance(row["keep"], bool) or not isinstance(digest, str):
            raise LabelError(f"{where}: page and text (or hash) must be strings, and keep true or false")
        yield BlockLabel(row["page"], digest, row["keep"], where, text)


def _parsed(pages: Sequence[str], wanted: Iterable[str], found: dict[str, ParsedPage]) -> Iterator[ParsedPage]:
    """Every page; those that are wanted are left in `found`."""
    wanted = frozenset(wanted)
    for source in find(pages):
        for raw in read(source):
            error = raw if isinstance(raw, PageError) else None
            if not isinstance(raw, PageError):
                try:
                    page = parse(raw)
                except Exception as cause:  # the rim of one page: only labelled ones matter
                    error = PageError(raw.page_id, raw.source, "parse", type(cause).__name__, str(cause))
            if raw.page_id in wanted and error:
                raise LabelError(f"{raw.source}: page {raw.page_id} has labels and cannot be used: {error.message}")
            if raw.page_id in found:
                raise LabelError(
                    f"{raw.source}: page {raw.page_id} has labels, and {found[raw.page_id].source} is it, too"
                )
            if raw.page_id in wanted:
                found[raw.page_id] = page
            if not error:
                yield page


def _refuse(wrong: Sequence[str], what: str) -> None:
    if wrong:
        more = [f"... and {len(wrong) - MAX_TOLD} more"] if len(wrong) > MAX_TOLD else []
        raise LabelError(f"{len(wrong)} {what}:\n  " + "\n  ".join([*wrong[:MAX_TOLD], *more]))


def _refuse_few(own: Sequence[OwnPage], files: Sequence[Path]) -> None:
    blocks: Counter[bool] = Counter()
    pages: Counter[bool] = Counter()
    for one in own:
        blocks[one.page.is_html] += int(one.known.sum())
        pages[one.page.is_html] += 1
    for is_html, kind in ((True, "HTML pages"), (False, "text dumps")):
        few = blocks[is_html] < MIN_BLOCKS or pages[is_html] < MIN_PAGES
        if few and (pages[is_html] or not own):
            raise LabelError(
                f"{', '.join(map(str, files))}: {blocks[is_html]} labelled blocks of {pages[is_html]} {kind}; it takes "
                f"{MIN_BLOCKS} of {MIN_PAGES}. Label more, blocks that are judged rightly among them"
            )


def _named(label: BlockLabel) -> str:
    return repr(label.text[:60]) if label.text else label.hash
