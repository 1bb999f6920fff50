"""`bench speed`: what each stage costs, beside the bare parse and other tools, on the same pages in one run.

Absolute times tell of the machine, ratios of the code: everything is quoted as a multiple of what Lexbor takes to parse
the same bytes. All is CPU time of one thread.
"""

from __future__ import annotations

import gc
import gzip
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from selectolax.lexbor import LexborHTMLParser

from pipeline.bench.tools import TOOLS, Extract, version
from pipeline.clean import features, judge, probabilities
from pipeline.clean.second import second_features
from pipeline.decode import decode
from pipeline.learn.rows import read_rows
from pipeline.limits import collect_seldom, one_thread
from pipeline.model_store import SHIPPED
from pipeline.parse import NoText, parse
from pipeline.records import RawPage
from pipeline.shard import Models, load_models, tag_article
from pipeline.write import Rows, TableWriter, page_rows

#: So many pages are drawn, with a fixed seed, so often each is measured; the median counts.
PAGES, REPEATS, SEED = 300, 5, 0
#: Sizes of pages in kB, up to each.
SIZES = (50, 150, 400)
#: Rows are written in batches of so many pages, as `run` does.
BATCH_PAGES = 100
STAGES = ("parse", "features", "first look", "second look", "verdicts", "split and tag", "write")
SLOW = ("trafilatura", "resiliparse")  # tools that `bench speed` times beside


class Costs(NamedTuple):
    """CPU seconds of one group of pages."""

    name: str
    pages: int
    bytes: int
    bare_parse: float
    stages: dict[str, float]
    others: dict[str, float]  # tool -> seconds

    @property
    def total(self) -> float:
        """All stages."""
        return sum(self.stages.values())


def bench_speed(
    html: Sequence[bytes], dumps: Sequence[str], say: Callable[[str], None], repeats: int = REPEATS
) -> list[Costs]:
    """Measure pages as they are, by size, and text dumps.

    Parameters
    ----------
    html : sequence of bytes
    dumps : sequence of str
    say : callable
        Told a line for each group.
    repeats : int
        The median of so many runs is taken for each stage.
    """
    one_thread()
    models = load_models((SHIPPED / "cleaner", SHIPPED / "tagger"))
    groups: list[tuple[str, Sequence[bytes | str]]] = [("HTML", html)]
    limits = [0, *(1000 * size for size in SIZES), 1 << 62]
    names = [f"HTML to {SIZES[0]} kB", *(f"{a} to {b} kB" for a, b in zip(SIZES, SIZES[1:], strict=False)), "larger"]
    for name, low, high in zip(names, limits, limits[1:], strict=False):
        groups.append((name, [page for page in html if low < len(page) <= high]))
    groups.append(("text dumps", dumps))
    measured = []
    for name, pages in groups:
        if pages:
            say(f"{name}: {len(pages)} pages")
            measured.append(measure(name, pages, models, repeats, others=name in ("HTML", "text dumps")))
    return measured


def measure(name: str, pages: Sequence[bytes | str], models: Models, repeats: int, others: bool) -> Costs:
    """What one group of pages costs."""
    html = [page for page in pages if isinstance(page, bytes)]
    _stages(pages[:20], models)  # imports and caches that are filled once
    collect_seldom()  # as in a worker
    gc.collect()
    gc.freeze()  # what the process held before is nothing to go through again and again
    runs = [_stages(pages, models) for _ in range(repeats)]
    bare = [_timed(_bare_parse, html) for _ in range(repeats)] if html else [0.0]
    beside = {}
    for tool in TOOLS if others and html else ():
        if tool.distribution in SLOW and version(tool):
            beside[tool.name] = _timed(_decoding(tool.build()), html)
    stages = {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}
    size = sum(len(page) for page in pages)
    return Costs(name, len(pages), size, statistics.median(bare), stages, beside)


def table(measured: Sequence[Costs]) -> Iterator[str]:
    """The costs as Markdown tables."""
    yield "| pages | n | kB a page | bare parse, ms | all stages, ms | ratio | pages a second | MB a second |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for cost in measured:
        each, bare = 1000 * cost.total / cost.pages, 1000 * cost.bare_parse / cost.pages
        yield (
            f"| {cost.name} | {cost.pages} | {cost.bytes / cost.pages / 1000:.0f} | {f'{bare:.2f}' if bare else ''} "
            f"| {each:.2f} | {f'{each / bare:.1f}' if bare else ''} | {1000 / each:.0f} "
            f"| {cost.bytes / cost.total / 1e6:.1f} |"
        )
    whole = measured[0]
    yield ""
    yield "| stage | ms a page | times the bare parse |"
    yield "|---|---:|---:|"
    for name, seconds in [*whole.stages.items(), ("all stages", whole.total), *whole.others.items()]:
        yield f"| {name} | {1000 * seconds / whole.pages:.2f} | {seconds / max(whole.bare_parse, 1e-9):.1f} |"
    yield ""
    yield f"Peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB."


def as_json(measured: Sequence[Costs]) -> list[dict[str, Any]]:
    """The costs as plain values, seconds."""
    return [{**cost._asdict(), "total": cost.total} for cost in measured]


def drawn_pages(corpus: Path, number: int = PAGES) -> list[bytes]:
    """Pages of the benchmark, drawn with a fixed seed."""
    names = sorted(row["id"] for row in read_rows(corpus / "html" / "dev_truth.jsonl.gz"))
    chosen = Random(SEED).sample(names, min(number, len(names)))
    return [gzip.decompress((corpus / "html" / "dev" / f"{name}.html.gz").read_bytes()) for name in chosen]


def drawn_dumps(corpus: Path, number: int = PAGES) -> list[str]:
    """Dumps of the benchmark, drawn with a fixed seed."""
    rows = list(read_rows(corpus / "text" / "dev_a.jsonl.gz"))
    return ["\n".join(row["lines"]) for row in Random(SEED).sample(rows, min(number, len(rows)))]


def _decoding(extract: Extract) -> Callable[[bytes], str]:
    return lambda page: extract(decode(page))


def _bare_parse(page: bytes) -> None:
    LexborHTMLParser(page)


def _timed(work: Callable[[bytes], object], pages: Sequence[bytes]) -> float:
    started = time.process_time()
    for page in pages:
        try:
            work(page)
        except Exception:  # another tool's fault costs what it costs
            continue
    return time.process_time() - started


def _stages(pages: Sequence[bytes | str], models: Models) -> dict[str, float]:
    """CPU seconds by stage of one run over the pages, tables written to a folder that is thrown away."""
    spent = dict.fromkeys(STAGES, 0.0)
    now = time.process_time
    with tempfile.TemporaryDirectory() as folder:
        writer = TableWriter(Path(folder), "part", models.tagger.labels)
        batch: Rows = {}
        for number, content in enumerate(pages, 1):
            at = now()
            try:
                page = parse(RawPage(f"page-{number}", "bench", content, isinstance(content, bytes)))
            except NoText:
                continue
            at, spent["parse"] = now(), spent["parse"] + now() - at
            if not page.blocks:  # nothing is left to do for it
                continue
            branch = models.cleaner.branch(page)
            columns = features(page, branch)
            at, spent["features"] = now(), spent["features"] + now() - at
            logits = branch.first.logits(columns)
            at, spent["first look"] = now(), spent["first look"] + now() - at
            logits = branch.second.logits(second_features(page, columns, logits))
            at, spent["second look"] = now(), spent["second look"] + now() - at
            article = judge(page, columns, probabilities(logits))
            at, spent["verdicts"] = now(), spent["verdicts"] + now() - at
            tagged = tag_article(article, models.tagger)
            at, spent["split and tag"] = now(), spent["split and tag"] + now() - at
            for name, rows in page_rows(article, tagged, models.tagger.labels).items():
                batch.setdefault(name, []).extend(rows)
            if number % BATCH_PAGES == 0:
                writer.add(batch)
                batch = {}
            spent["write"] += now() - at
        at = now()
        writer.add(batch)
        writer.close()
        spent["write"] += now() - at
    return spent
