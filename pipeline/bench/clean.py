"""`bench clean`: word F1 and CPU time of this cleaner and of other tools on the same pages, in one run."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.bench.tools import TOOLS, Extract, version
from pipeline.clean import clean, load_cleaner
from pipeline.decode import decode
from pipeline.learn.measures import interval, word_f1
from pipeline.learn.rows import CorpusError, read_rows
from pipeline.parse import NoText, parse
from pipeline.records import RawPage

OURS = "healthsift"
#: A page below this F1 is one that a tool wrecked.
WRECKED = 0.5


class Page(NamedTuple):
    """One page of the benchmark."""

    page_id: str
    url: str | None
    content: bytes
    group: str  # "article", "forum", ...
    health: bool
    truth: str


class Timed(NamedTuple):
    """What a tool gave for every page."""

    name: str
    f1: np.ndarray  # word F1, shape (n_pages,)
    milliseconds: float  # CPU time a page, decoding included, comparison not
    failures: int  # pages on which it raised


def bench_clean(corpus: Path, predictions: Path, limit: int | None, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measure all tools that are installed.

    Parameters
    ----------
    corpus : Path
        The folder of the cleaning benchmarks.
    predictions : Path
        `html.jsonl` of `train cleaner --predictions`: our articles, each by a model that had not seen the page's
        domain. The shipped model has seen all pages; it gives our CPU time, and no figure of quality.
    limit : int or None
        At most so many pages.
    say : callable
        Told a line for each tool.

    Returns
    -------
    list of dict
        A row a tool, ours first: name, version, f1 by group with its 95 % interval, pages below `WRECKED`, CPU
        milliseconds a page, and the paired difference of ours to it on articles.

    Raises
    ------
    CorpusError
        If the benchmark or the predictions cannot be read, or a page has no prediction.
    """
    pages = list(_pages(corpus, limit))
    texts = {row["id"]: row["text"] for row in read_rows(predictions)}
    missing = [page.page_id for page in pages if page.page_id not in texts]
    if missing:
        raise CorpusError(f"{predictions}: has no article for page {missing[0]} and {len(missing) - 1} others; make it "
                          "with: train cleaner --predictions DIR")  # fmt: skip
    cleaner = load_cleaner()

    def ours(page: Page) -> str:
        try:
            return clean(parse(RawPage(page.page_id, page.page_id, page.content, url=page.url)), cleaner).text
        except NoText:
            return ""

    say(f"{OURS}: {len(pages)} pages")
    measured = _run(OURS, pages, ours)
    measured = measured._replace(f1=np.array([word_f1(texts[page.page_id], page.truth) for page in pages]))
    rows = [_row(measured, measured, pages, None)]
    for tool in TOOLS:
        found = version(tool)
        if found is None:
            say(f"{tool.name}: is not installed; pip install healthsift[bench]")
            continue
        say(f"{tool.name} {found}")
        rows.append(_row(_run(tool.name, pages, _decoded(tool.build())), measured, pages, found))
    return rows


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The rows as a Markdown table."""
    yield "| tool | articles, word F1 | below 0.5 | ours is better by | all pages | health pages | CPU ms a page |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        f1, better = row["f1"], row["difference"]
        name = f"**{row['name']}**" if row["version"] is None else f"{row['name']} {row['version']}"
        low, high = f1["article"]["interval"]
        difference = f"{better['mean']:+.3f} ({better['interval'][0]:+.3f} to {better['interval'][1]:+.3f})"
        yield (
            f"| {name} | {f1['article']['mean']:.3f} ({low:.3f} to {high:.3f}) | {row['wrecked']} "
            f"| {'' if row['version'] is None else difference} | {f1['all']['mean']:.3f} | {f1['health']['mean']:.3f} "
            f"| {row['milliseconds']:.1f} |"
        )


def _pages(corpus: Path, limit: int | None) -> Iterator[Page]:
    for number, row in enumerate(read_rows(corpus / "html" / "dev_truth.jsonl.gz")):
        if number == limit:
            return
        path = corpus / "html" / "dev" / f"{row['id']}.html.gz"
        try:
            content = gzip.decompress(path.read_bytes())
        except OSError as error:
            raise CorpusError(f"{path}: cannot be read ({error.strerror})") from error
        truth = row["main_content"] or ""
        yield Page(row["id"], row["url"], content, row["page_type"], bool(row["health"]), truth)


def _decoded(extract: Extract) -> Callable[[Page], str]:
    return lambda page: extract(decode(page.content))


def _run(name: str, pages: Sequence[Page], extract: Callable[[Page], str]) -> Timed:
    with suppress(Exception):
        extract(pages[0])  # what is done once, imports and tables, is not counted
    f1, failures, spent = [], 0, 0.0
    for page in pages:
        started = time.process_time()
        try:
            text = extract(page)
        except Exception:  # another tool may raise whatever it likes: it gave no article
            text = ""
            failures += 1
        spent += time.process_time() - started
        f1.append(word_f1(text, page.truth))
    return Timed(name, np.array(f1), 1000 * spent / len(pages), failures)


def _row(timed: Timed, ours: Timed, pages: Sequence[Page], found: str | None) -> dict[str, Any]:
    groups = {
        "article": np.array([page.group == "article" for page in pages]),
        "all": np.ones(len(pages), dtype=bool),
        "health": np.array([page.health for page in pages]),
    }
    articles = groups["article"]
    return {
        "name": timed.name,
        "version": found,
        "f1": {name: _mean(timed.f1[chosen]) for name, chosen in groups.items() if chosen.any()},
        "wrecked": int((timed.f1[articles] < WRECKED).sum()),
        "difference": _mean(ours.f1[articles] - timed.f1[articles]),
        "milliseconds": round(timed.milliseconds, 2),
        "failures": timed.failures,
    }


def _mean(values: np.ndarray) -> dict[str, Any]:
    return {
        "pages": len(values),
        "mean": round(float(values.mean()), 4),
        "interval": [round(x, 4) for x in interval(values.tolist())],
    }
