"""One shard of a run: its sources through all the stages, into one part of every table.

`process_shard` depends on nothing but its arguments and the files they name, so that any worker can do any shard.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.blame import Begun
from pipeline.clean import Cleaner, clean, load_cleaner
from pipeline.limits import KILLED, Limits, start_timer, stop_timer
from pipeline.parse import DEFAULT_PARSER, parse
from pipeline.read import PageError, Source, read
from pipeline.records import Article, RawPage, TaggedSection
from pipeline.split import split
from pipeline.tag import LABELS, Tagger, load_tagger, tag
from pipeline.write import Row, Rows, TableWriter, page_rows

#: Only pages of these kinds, in this language, are tagged.
TAGGED_KINDS = frozenset(("article", "forum"))
TAGGED_LANGUAGE = "en"
#: So many pages' rows are held before they are written.
BATCH_PAGES = 100
STAGES = ("read", "parse", "clean", "split", "tag", "write")


class Shard(NamedTuple):
    """A share of a run's sources."""

    name: str  # of its parts and its marker
    sources: tuple[Source, ...]
    limit: int | None = None  # at most so many pages


class Settings(NamedTuple):
    """How every page of a run is treated."""

    parser: str = DEFAULT_PARSER  # one of `pipeline.parse.PARSERS`
    limits: Limits = Limits()
    guarded: bool = False  # in a process of its own, which the CPU limit may kill


class Models(NamedTuple):
    """What the stages need, loaded once a process."""

    cleaner: Cleaner
    tagger: Tagger


def load_models(folders: tuple[Path, Path]) -> Models:
    """Cleaner and tagger; raises ModelError."""
    cleaner, tagger = folders
    return Models(load_cleaner(cleaner), load_tagger(tagger))


class Result(NamedTuple):
    """What became of one page."""

    rows: Rows
    error: PageError | None


_DEFAULT_SETTINGS = Settings()


def process_shard(shard: Shard, folder: Path, models: Models, settings: Settings = _DEFAULT_SETTINGS) -> dict[str, Any]:
    """Read, clean, split and tag the pages of a shard; write its parts, then its marker.

    Parameters
    ----------
    shard : Shard
    folder : Path
        The run's folder.
    models : Models
    settings : Settings

    Returns
    -------
    dict
        The marker: ``counts`` of rows by table, ``errors`` by class, and CPU ``seconds`` by stage.
    """
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    seconds = dict.fromkeys(STAGES, 0.0)
    writer = TableWriter(folder, shard.name)
    batch: Rows = {}
    pages = 0
    with Begun(begun_path(folder, shard.name)) as begun:
        for result in _results(shard, models, seconds, settings, begun):
            started = time.process_time()
            for name, rows in result.rows.items():
                batch.setdefault(name, []).extend(rows)
                counts[name] += len(rows)
            if result.error:
                errors[result.error.error] += 1
            pages += 1
            if pages % BATCH_PAGES == 0:
                writer.add(batch)
                batch = {}
            seconds["write"] += time.process_time() - started
        started = time.process_time()
        writer.add(batch)
        writer.close()
        seconds["write"] += time.process_time() - started
        marker = {
            "counts": dict(counts),
            "errors": dict(errors),
            "seconds": {stage: round(s, 4) for stage, s in seconds.items()},
        }
        path = marker_path(folder, shard.name)
        path.parent.mkdir(exist_ok=True)
        hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        hidden.write_text(json.dumps(marker), encoding="utf-8")
        hidden.replace(path)
    return marker


def marker_path(folder: Path, name: str) -> Path:
    """Where a finished shard notes that it is done."""
    return folder / "shards" / f"{name}.json"


def begun_path(folder: Path, name: str) -> Path:
    """Where the attempts on a shard note the page they begin."""
    return folder / "shards" / f".{name}.begun"


def process_page(raw: RawPage, models: Models, seconds: dict[str, float], settings: Settings) -> Result:
    """One page through parse, clean, split and tag; whatever goes wrong becomes its row in `errors`.

    CPU seconds are added to `seconds` by stage.
    """
    size, page_mb = len(raw.content), settings.limits.page_mb
    if size > page_mb << 20:
        message = f"{size:,} {'bytes' if isinstance(raw.content, bytes) else 'characters'}, more than {page_mb} MB"
        return _failed(PageError(raw.page_id, raw.source, "read", "TooLarge", message))
    stage, started = "parse", time.process_time()

    def begin(following: str) -> None:
        nonlocal stage, started
        now = time.process_time()
        seconds[stage] += now - started
        stage, started = following, now

    try:
        page = parse(raw, settings.parser)
        begin("clean")
        article = clean(page, models.cleaner)
        begin("split")
        sections = split(kept_blocks(article)) if is_tagged(article) else []
        begin("tag")
        tagged = tag(page.title, sections, models.tagger)
        begin("write")
        return Result(page_rows(article, tagged, LABELS), None)
    except Exception as error:  # the rim of one page: the run goes on, and the page keeps its cause
        return _failed(PageError(raw.page_id, raw.source, stage, type(error).__name__, str(error)))
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


def _results(
    shard: Shard, models: Models, seconds: dict[str, float], settings: Settings, begun: Begun
) -> Iterator[Result]:
    left = shard.limit
    for place, found in _read_all(shard.sources, seconds, settings, begun):
        if left is not None:
            if not left:
                return
            left -= 1
        if isinstance(found, PageError):
            yield _failed(found)
        elif begun.deaths[place] >= settings.limits.tries:
            yield _failed(_killed(found.page_id, found.source, "page", settings.limits))
        else:
            begun.note(place)
            if settings.guarded:
                start_timer(settings.limits.cpu_seconds)
            try:
                result = process_page(found, models, seconds, settings)
            finally:
                if settings.guarded:
                    stop_timer()
            yield result


def _read_all(
    sources: Sequence[Source], seconds: dict[str, float], settings: Settings, begun: Begun
) -> Iterator[tuple[str, RawPage | PageError]]:
    """The pages of the sources, each with its place; where reading itself kills, the rest of a source is given up."""
    for number, source in enumerate(sources):
        pages = read(source)
        for row in count(1):
            reading = f"{number} {row} read"
            if begun.deaths[reading] >= settings.limits.tries:
                page_id = source.page_id if row == 1 else f"{source.page_id}:{source.row + row - 1}"
                yield reading, _killed(page_id, source.path, "read", settings.limits)
                break
            begun.note(reading)
            started = time.process_time()
            found = next(pages, None)
            seconds["read"] += time.process_time() - started
            if found is None:
                break
            yield f"{number} {row} page", found


def _killed(page_id: str, source: str, stage: str, limits: Limits) -> PageError:
    left_out = "; what follows in this file was left out" if stage == "read" else ""
    message = (
        f"{limits.tries} workers died at it: it takes more than {limits.cpu_seconds} CPU seconds (--cpu-seconds), more "
        f"than {limits.worker_mb} MB (--worker-mb), or breaks a library{left_out}"
    )
    return PageError(page_id, source, stage, KILLED, message)


def _failed(error: PageError) -> Result:
    row: Row = {**error._asdict(), "message": error.message[:2000]}
    return Result({"errors": [row]}, error)
