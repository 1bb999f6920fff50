"""How often the blocks of a page stand on other pages of its site: counted beforehand, looked up while cleaning.

    pages --page_keys--> PageKeys --count_site, a site at a time--> SiteTable --site_columns--> features

What a site repeats is rarely the article. Copies of one page would make its article look like a repeated part, so
pages that share most of their prose count as one. A table depends on the set of the pages, never on their order.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.model_store import ModelError
from pipeline.records import Block, ParsedPage

#: A block is known again by so many of its first characters.
KEY_CHARS = 120
#: A block that stands on fewer distinct pages of its site is not in the table.
MIN_COUNT = 3
#: At most so many distinct pages of a site are counted: those with the smallest digests.
MAX_PAGES = 500
#: Prose, which tells one page from another: blocks of at least so many words.
PROSE_WORDS = 12
#: Two pages are copies if they share so much of the prose of the shorter one.
COPY_SHARE = 0.6
#: A prose block on more pages than this tells none of them from another; it is not looked up to find copies.
MAX_COPIES = 50

_DIGITS = str.maketrans("123456789", "000000000")


class SiteTable(NamedTuple):
    """What the pages of one site have in common."""

    pages: int  # distinct pages counted
    counts: Mapping[str, int]  # key of a block -> on how many of them it stands, at least `MIN_COUNT`


#: For a page without a site, or the only one of its site.
NO_TABLE = SiteTable(0, {})


class PageKeys(NamedTuple):
    """What has to be known of a page to count it."""

    site: str
    digest: str  # of the keys: equal for equal pages
    keys: tuple[str, ...]  # of its blocks, each once, sorted
    prose: tuple[tuple[str, int], ...]  # keys of its prose with their words, sorted


def block_key(text: str) -> str:
    """What a block is known by on another page: its beginning in lower case, with 0 for every digit.

    >>> block_key("Read 1,204 times")
    'read 0,000 times'
    """
    return text[:KEY_CHARS].lower().translate(_DIGITS)


def page_keys(page: ParsedPage) -> PageKeys | None:
    """The keys of a page; None for a page of no known site."""
    if not page.site:
        return None
    block_keys = [block_key(block.text) for block in page.blocks]
    sizes = zip(block_keys, (block.text.count(" ") + 1 for block in page.blocks), strict=True)
    prose = {key: words for key, words in sizes if words >= PROSE_WORDS}
    keys = tuple(sorted(set(block_keys)))
    digest = hashlib.blake2b("\n".join(keys).encode("utf-8", "replace"), digest_size=8).hexdigest()
    return PageKeys(page.site, digest, keys, tuple(sorted(prose.items())))


def count_site(pages: Iterable[PageKeys]) -> SiteTable:
    """The table of one site, from the keys of its pages in any order.

    Takes time in proportion to the pages' blocks. All distinct pages are held: of a large site, give only those with
    the smallest digests.
    """
    by_digest: dict[str, PageKeys] = {}
    for page in pages:
        by_digest.setdefault(page.digest, page)
    counted: list[int] = []  # words of prose of each counted page
    holders: dict[str, list[int]] = defaultdict(list)  # prose -> the counted pages it stands on
    counts: Counter[str] = Counter()
    for digest in sorted(by_digest):
        if len(counted) == MAX_PAGES:
            break
        page = by_digest[digest]
        if _is_copy(page, counted, holders):
            continue
        for key, _ in page.prose:
            holders[key].append(len(counted))
        counted.append(sum(words for _, words in page.prose))
        counts.update(page.keys)
    return SiteTable(len(counted), {key: n for key, n in sorted(counts.items()) if n >= MIN_COUNT})


def _is_copy(page: PageKeys, counted: Sequence[int], holders: Mapping[str, list[int]]) -> bool:
    shared: Counter[int] = Counter()
    for key, words in page.prose:
        others = holders.get(key, ())
        if len(others) <= MAX_COPIES:
            shared.update(dict.fromkeys(others, words))
    total = sum(words for _, words in page.prose)
    return any(words >= COPY_SHARE * min(total, counted[other]) for other, words in shared.items())


def count_sites(pages: Iterable[ParsedPage]) -> dict[str, SiteTable]:
    """The tables of all sites among some pages, for a batch that fits in memory."""
    by_site: dict[str, list[PageKeys]] = defaultdict(list)
    for page in pages:
        keys = page_keys(page)
        if keys:
            by_site[keys.site].append(keys)
    return {site: count_site(group) for site, group in sorted(by_site.items())}


def site_columns(blocks: Sequence[Block], table: SiteTable) -> dict[str, np.ndarray]:
    """The features that tell what the site repeats, each of shape (n_blocks,): zeros without a table."""
    if not table.counts:
        return {"site_count": np.zeros(len(blocks)), "site_share": np.zeros(len(blocks))}
    counts = np.array([table.counts.get(block_key(block.text), 0) for block in blocks], dtype=np.float64)
    return {
        "site_count": np.log1p(counts),
        "site_share": counts / max(1, table.pages),
    }


def table_rows(tables: Mapping[str, SiteTable]) -> Iterable[dict[str, Any]]:
    """One row a repeated block, the most frequent first, for people to read and edit."""
    for site, table in sorted(tables.items()):
        for text, count in sorted(table.counts.items(), key=lambda item: (-item[1], item[0])):
            yield {"site": site, "pages": table.pages, "count": count, "text": text}


def tables_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, SiteTable]:
    """The tables that rows as `table_rows` gives them make; the texts may be as they stand on the page."""
    pages: dict[str, int] = {}
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        pages[row["site"]] = max(int(row["pages"]), pages.get(row["site"], 0))
        counts[row["site"]][block_key(" ".join(row["text"].split()))] = int(row["count"])
    return {site: SiteTable(pages[site], counts[site]) for site in pages}


def read_tables(path: Path) -> dict[str, SiteTable]:
    """Read tables from JSON Lines of the rows that `tables_of` takes.

    Raises
    ------
    ModelError
        If the file cannot be read, or a line is not such a row.
    """
    number = 0

    def rows(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
        nonlocal number  # told in the error
        for number, line in enumerate(lines, 1):  # noqa: B007
            yield json.loads(line)

    try:
        with path.open(encoding="utf-8") as lines:
            return tables_of(rows(lines))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f'{path}, line {number}: is no row of a site table, which has {{"site": …, "pages": …, '
                         f'"count": …, "text": …}} ({error!r})') from error  # fmt: skip
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); make one with: clean … --save-site-table FILE"
                         ) from error  # fmt: skip
