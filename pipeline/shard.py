"""One shard of a run, in two passes, and what its pages go through.

    parse_shard   sources -> parsed pages kept beside, the keys of their blocks for counting
    clean_shard   parsed pages, what their sites repeat -> one part of every table, signatures

Both depend on nothing but their arguments and the files they name, so that any worker can do any shard.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow.compute as pc

from pipeline.blame import Begun
from pipeline.clean import Cleaner, clean, load_cleaner
from pipeline.clean.site import NO_TABLE, SiteTable, page_keys
from pipeline.duplicates import read_signatures, signature, write_signatures
from pipeline.keep import keep_pages, kept_pages
from pipeline.limits import KILLED, Limits, start_timer, stop_timer
from pipeline.parse import DEFAULT_PARSER, parse
from pipeline.places import Places, read_json, write_json
from pipeline.read import PageError, Source, read
from pipeline.records import Article, ParsedPage, RawPage, TaggedSection
from pipeline.sites import keep_keys, tables_digest
from pipeline.split import split
from pipeline.tables import read_batches, read_rows
from pipeline.tag import Tagger, load_tagger, tag
from pipeline.tag.demand import Demand, meet
from pipeline.write import Row, Rows, TableWriter, page_rows

#: Only pages of these kinds, in this language, are tagged.
TAGGED_KINDS = frozenset(("article", "forum"))
TAGGED_LANGUAGE = "en"
#: So many pages' rows are held before they are written.
BATCH_PAGES = 100
STAGES = ("read", "parse", "keep", "clean", "split", "tag", "write")

Seconds = defaultdict[str, float]
Found = TypeVar("Found")


class Shard(NamedTuple):
    """A share of a run's sources."""

    name: str  # of its parts and its markers
    sources: tuple[Source, ...]
    limit: int | None = None  # at most so many pages


class Settings(NamedTuple):
    """How every page of a run is treated."""

    parser: str = DEFAULT_PARSER  # one of `pipeline.parse.PARSERS`
    limits: Limits = Limits()
    buckets: int = 1  # into which the sites are dealt
    demand: Demand = Demand()  # what is asked of the tagger
    guarded: bool = False  # in a process of its own, which the CPU limit may kill


class Models(NamedTuple):
    """What the stages need, loaded once a process."""

    cleaner: Cleaner
    tagger: Tagger


def load_models(folders: tuple[Path, Path]) -> Models:
    """Cleaner and tagger; raises ModelError."""
    cleaner, tagger = folders
    return Models(load_cleaner(cleaner), load_tagger(tagger))


def parse_shard(shard: Shard, places: Places, settings: Settings) -> dict[str, Any]:
    """Read and parse the pages of a shard; keep them, and the keys of their blocks; then say that it is done.

    Of a shard that is set aside in `places.retry` only those pages that are to be done again.

    Returns
    -------
    dict
        What is said: how many ``pages``, the rows of ``errors``, the ``sites``, and CPU ``seconds`` by stage.
    """
    seconds: Seconds = defaultdict(float)
    errors: list[Row] = []
    sites: set[str] = set()
    pages = 0
    retry = places.retry(shard.name)
    done = _accounted(places.folder, shard.name, read_json(retry)["retry"]) if retry.exists() else frozenset()

    def parse_one(raw: RawPage) -> ParsedPage | PageError:
        return parse_page(raw, settings, seconds)

    with Begun(places.begun(shard.name, "parse")) as begun:
        kept, keys = places.kept(shard.name), places.keys(shard.name)
        with keep_pages(kept) as keep, keep_keys(keys, add_to=retry.exists()) as keep_key:
            for place, found in _read_all(shard, seconds, settings, begun, done):
                if isinstance(found, RawPage):
                    page = _guarded(place, found, parse_one, settings, begun, "parse")
                else:
                    page = found
                if isinstance(page, PageError):
                    errors.append(_error_row(page))
                    continue
                started = time.process_time()
                keep(page)
                if known := page_keys(page):
                    keep_key(known)
                    sites.add(known.site)
                pages += 1
                seconds["keep"] += time.process_time() - started
        marker = {"pages": pages, "errors": errors, "sites": sorted(sites), "seconds": _rounded(seconds)}
        write_json(places.parsed(shard.name), marker)
    return marker


def clean_shard(
    shard: Shard, places: Places, models: Models, tables: Mapping[str, SiteTable], settings: Settings
) -> dict[str, Any]:
    """Clean, split and tag the parsed pages of a shard; write its parts and signatures, then its marker.

    Of a shard that is set aside in `places.retry`, what came to something stays as it is, and these pages are added.

    Parameters
    ----------
    shard : Shard
    places : Places
    models : Models
    tables : mapping of str to SiteTable
        What its sites repeat; a site that is not there repeats nothing.
    settings : Settings

    Returns
    -------
    dict
        The marker: ``counts`` of rows by table, ``errors`` by class, CPU ``seconds`` by stage, the ``sites``, and the
        digest of their ``tables``.
    """
    models = models._replace(tagger=meet(models.tagger, settings.demand))
    parsed = read_json(places.parsed(shard.name))
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    seconds: Seconds = defaultdict(float, parsed["seconds"])
    writer = TableWriter(places.folder, shard.name, models.tagger.labels)
    signed: list[tuple[int, bytes]] = []
    batch: Rows = {}

    def add(rows: Rows) -> None:
        for name, new in rows.items():
            batch.setdefault(name, []).extend(new)
            counts[name] += len(new)
        errors.update(row["error"] for row in rows.get("errors", ()))

    sites = set(parsed["sites"])
    retry = places.retry(shard.name)
    with Begun(places.begun(shard.name, "clean")) as begun:
        if retry.exists():
            before = read_json(retry)
            sites.update(before["sites"])
            errors.update({name: n for name, n in before["errors"].items() if name != before["retry"]})
            for stage, spent in before["seconds"].items():
                seconds[stage] += spent
            counts.update(_copy_parts(writer, places.folder, shard.name, before["retry"]))
            signed = read_signatures(places.signatures(shard.name))
        add({"errors": parsed["errors"]})
        kept = _timed(kept_pages(places.kept(shard.name)), "keep", seconds)
        for number, page in enumerate(kept, 1):
            table = tables.get(page.site or "", NO_TABLE)
            finish = partial(finish_page, models=models, table=table, seconds=seconds)
            rows = _guarded(str(number), page, finish, settings, begun, "clean")
            started = time.process_time()
            if isinstance(rows, PageError):
                rows = {"errors": [_error_row(rows)]}
            elif sign := signature(rows["pages"][0]["text"]):
                signed.append((counts["pages"], sign))
            add(rows)
            if number % BATCH_PAGES == 0:
                writer.add(batch)
                batch.clear()
            seconds["write"] += time.process_time() - started
        started = time.process_time()
        writer.add(batch)
        if retry.exists():  # from here on the parts are not what it says; if this is broken off, all is done again
            retry.unlink()
            places.parsed(shard.name).unlink()
        writer.close()
        write_signatures(places.signatures(shard.name), [row for row, _ in signed], [sign for _, sign in signed])
        seconds["write"] += time.process_time() - started
        marker = {
            "counts": dict(counts),
            "errors": dict(errors),
            "seconds": _rounded(seconds),
            "sites": sorted(sites),
            "tables": tables_digest(tables),
        }
        write_json(places.marker(shard.name), marker)
    return marker


def parse_page(raw: RawPage, settings: Settings, seconds: Seconds) -> ParsedPage | PageError:
    """Parse one page; whatever goes wrong is its error. CPU seconds are added to `seconds`."""
    size, page_mb = len(raw.content), settings.limits.page_mb
    if size > page_mb << 20:
        message = f"{size:,} {'bytes' if isinstance(raw.content, bytes) else 'characters'}, more than {page_mb} MB"
        return PageError(raw.page_id, raw.source, "read", "TooLarge", message)
    started = time.process_time()
    try:
        return parse(raw, settings.parser)
    except Exception as error:  # the rim of one page: the run goes on, and the page keeps its cause
        return PageError(raw.page_id, raw.source, "parse", type(error).__name__, str(error))
    finally:
        seconds["parse"] += time.process_time() - started


def finish_page(page: ParsedPage, models: Models, table: SiteTable, seconds: Seconds) -> Rows | PageError:
    """Clean, split and tag one page; whatever goes wrong is its error. CPU seconds are added to `seconds` by stage."""
    stage, started = "clean", time.process_time()

    def begin(following: str) -> None:
        nonlocal stage, started
        now = time.process_time()
        seconds[stage] += now - started
        stage, started = following, now

    try:
        article = clean(page, models.cleaner, table)
        begin("split")
        sections = split(kept_blocks(article)) if is_tagged(article) else []
        begin("tag")
        tagged = tag(page.title, sections, models.tagger)
        begin("write")
        return page_rows(article, tagged, models.tagger.labels)
    except Exception as error:  # the rim of one page
        return PageError(page.page_id, page.source, stage, type(error).__name__, str(error))
    finally:
        begin(stage)


def kept_blocks(article: Article) -> list[tuple[int, Any]]:
    """The blocks of the article, each with its index in the page."""
    pairs = zip(article.page.blocks, article.verdicts, strict=True)
    return [(i, block) for i, (block, verdict) in enumerate(pairs) if verdict.keep]


def is_tagged(article: Article) -> bool:
    """Whether pages of this kind and language are tagged; an unknown language counts as English."""
    return article.page_kind in TAGGED_KINDS and article.page.language in (TAGGED_LANGUAGE, None)


def tag_article(article: Article, tagger: Tagger) -> list[TaggedSection]:
    """Split and tag one cleaned page; nothing for a page that is not tagged."""
    return tag(article.page.title, split(kept_blocks(article)), tagger) if is_tagged(article) else []


Page = TypeVar("Page", RawPage, ParsedPage)


def _guarded(
    place: str,
    page: Page,
    work: Callable[[Page], Found | PageError],
    settings: Settings,
    begun: Begun,
    stage: str,
) -> Found | PageError:
    """Do some work on a page under the CPU limit; a page at which too many workers died is left alone."""
    if begun.deaths[place] >= settings.limits.tries:
        return _killed(page.page_id, page.source, stage, settings.limits)
    begun.note(place)
    if not settings.guarded:
        return work(page)
    start_timer(settings.limits.cpu_seconds)
    try:
        return work(page)
    finally:
        stop_timer()


def _accounted(folder: Path, part: str, error: str) -> frozenset[tuple[str, str]]:
    """Id and source of the pages of a part that did not fail with this error."""
    pages = read_rows([folder / "pages" / f"{part}.parquet"], ("page_id", "source"))
    errors = read_rows([folder / "errors" / f"{part}.parquet"], ("page_id", "source", "error"))
    others = (row for row in errors if row["error"] != error)
    return frozenset((row["page_id"], row["source"]) for row in chain(pages, others))


def _copy_parts(writer: TableWriter, folder: Path, part: str, error: str) -> dict[str, int]:
    """Write the rows of the parts there are once more, but for those of an error; gives their numbers by table."""
    counts = {}
    for name, schema in writer.schemas.items():
        batches = read_batches([folder / name / f"{part}.parquet"], schema.names)
        if name == "errors":
            batches = (batch.filter(pc.not_equal(batch["error"], error)) for batch in batches)
        counts[name] = writer.copy(name, batches)
    return counts


def _read_all(
    shard: Shard, seconds: Seconds, settings: Settings, begun: Begun, done: Collection[tuple[str, str]]
) -> Iterator[tuple[str, RawPage | PageError]]:
    """The pages of a shard, each with its place, but for those that are done (id and source).

    Where reading itself kills, the rest of a source is given up.
    """
    left = shard.limit
    for number, source in enumerate(shard.sources):
        pages = _timed(read(source), "read", seconds)
        for row in count(1):
            if left == 0:
                return
            reading = f"{number} {row} read"
            if begun.deaths[reading] >= settings.limits.tries:
                page_id = source.page_id if row == 1 else f"{source.page_id}:{source.row + row - 1}"
                yield reading, _killed(page_id, source.path, "read", settings.limits)
                break
            begun.note(reading)
            found = next(pages, None)
            if found is None:
                break
            left = None if left is None else left - 1
            if (found.page_id, found.source) not in done:
                yield f"{number} {row} page", found


def _timed(items: Iterator[Found], stage: str, seconds: Seconds) -> Iterator[Found]:
    """The same items; the time it takes to get them is noted."""
    while True:
        started = time.process_time()
        item = next(items, None)
        seconds[stage] += time.process_time() - started
        if item is None:
            return
        yield item


def _killed(page_id: str, source: str, stage: str, limits: Limits) -> PageError:
    left_out = "; what follows in this file was left out" if stage == "read" else ""
    message = (
        f"{limits.tries} workers died at it: it takes more than {limits.cpu_seconds} CPU seconds (--cpu-seconds), more "
        f"than {limits.worker_mb} MB (--worker-mb), or breaks a library{left_out}"
    )
    return PageError(page_id, source, stage, KILLED, message)


def _error_row(error: PageError) -> Row:
    return {**error._asdict(), "message": error.message[:2000]}


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(seconds[stage], 4) for stage in STAGES if stage in seconds}
