"""The cleaning benchmarks as training examples: pages with a label for every block.

The folder holds `html/` (pages, reference texts, folds) and `text/` (dumps with a label for every line).
What counts as an answer there (titles, kinds, names of the dump tool) never reaches the page.
"""

from __future__ import annotations

import bisect
import gzip
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.learn.align import coverage
from pipeline.learn.corpus import WRITTEN
from pipeline.learn.dumps import dump, rewrap
from pipeline.learn.rows import read_rows
from pipeline.parse import NoText, parse
from pipeline.parse.metadata import site_of
from pipeline.records import ParsedPage, RawPage

#: A block is content if so much of it stands in its place in the reference.
MIN_COVERAGE = 0.6
FOLDS = 5
#: The files that make the data, for the digest in the manifest.
FILES = ("html/dev_truth.jsonl.gz", "html/folds.jsonl", "text/dev_a.jsonl.gz", "text/dev_b.jsonl.gz")


class Example(NamedTuple):
    """One labelled page."""

    page: ParsedPage
    labels: list[bool]  # for each block: does it belong to the article?
    counted: list[bool]  # for each block: does its label count? (not: the page's own title line of a dump)
    fold: int  # 0 to FOLDS - 1; pages of one site share it
    group: str  # "article", "forum", ... (HTML); "a article", "b health", ... (dumps)
    health: bool
    suspect: bool  # the reference is known to be wrong: scored, but not learnt from
    truth: Any  # HTML: the reference text; dumps: (lines, labels, neutral)
    scored: bool = True  # pages made for training only are learnt from, but not scored


def read_html(bench: Path, folds: str = "domain") -> list[Example]:
    """The HTML pages with blocks labelled by alignment with the reference.

    Parameters
    ----------
    bench : Path
    folds : {"domain", "cluster"}
        By registrable domain, or by clusters of class and id words (page makers never seen).
    """
    fold_of = {row["id"]: row[folds] for row in read_rows(bench / "html" / "folds.jsonl")}
    examples = []
    for row in read_rows(bench / "html" / "dev_truth.jsonl.gz"):
        path = bench / "html" / "dev" / f"{row['id']}.html.gz"
        page = _parse(RawPage(row["id"], str(path), gzip.decompress(path.read_bytes()), True, url=row["url"]))
        reference = row["main_content"] or ""
        covered = coverage([block.text for block in page.blocks], reference)
        labels = [share >= MIN_COVERAGE for share in covered]
        examples.append(
            Example(
                page,
                labels,
                [True] * len(labels),
                fold_of[row["id"]],
                row["page_type"],
                bool(row["health"]),
                bool(row["suspect_truth"]),
                reference,
            )  # fmt: skip
        )
    return examples


def read_text(bench: Path) -> list[Example]:
    """The dumps; a block is content if most words of its lines are. Folds by site.

    Dumps made for training only are added: of those HTML pages that no dump of the benchmark was made from, and
    of the farm pages with articles written for the project in their chrome.
    """
    examples = []
    used: set[str] = set()
    written = [row for path in sorted(WRITTEN.glob("*.jsonl")) for row in read_rows(path)]
    for name in ("a", "b"):
        for row in read_rows(bench / "text" / f"dev_{name}.jsonl.gz"):
            neutral = frozenset(row["neutral"])
            raw = RawPage(row["id"], row["id"], "\n".join(row["lines"]), False, url=row["url"], site=row["site"])
            examples.append(_dump_example(raw, row["lines"], row["labels"], neutral, f"{name} {row['kind']}"))
            used.add(row["id"].split("-")[2] if name == "a" else row["source"].removeprefix("wcxb:"))
            if name == "b" and written:
                style = zlib.crc32(row["id"].encode())
                article = written[style % len(written)]
                blocks = [(block["kind"], block["text"]) for block in article["blocks"]]
                chrome = (row["lines"], row["labels"], neutral, row["title"])
                lines, labels = rewrap(*chrome, article["title"], blocks, style)
                raw = RawPage(f"made-{row['id']}", row["id"], "\n".join(lines), False, url=row["url"], site=row["site"])
                made = _dump_example(raw, lines, labels, neutral, "made")
                examples.append(made._replace(scored=False))
    for source in read_html(bench):
        page = source.page
        if page.page_id in used or source.suspect or not page.blocks:
            continue
        lines, labels = dump(page, source.labels)
        raw = RawPage(f"made-{page.page_id}", page.source, "\n".join(lines), False, page.url, page.site)
        made = _dump_example(raw, lines, labels, frozenset(), "made")
        examples.append(made._replace(scored=False))
    return examples


def _dump_example(raw: RawPage, lines: list[str], labels: list[int], neutral: frozenset[int], group: str) -> Example:
    page = _parse(raw)
    content, counted = _line_labels(page, lines, labels, neutral)
    site = site_of(f"http://{raw.site}") or raw.page_id
    fold = zlib.crc32(site.encode()) % FOLDS
    return Example(page, content, counted, fold, group, group.endswith("health"), False, (lines, labels, neutral))


def lines_of(page: ParsedPage, lines: list[str]) -> list[range]:
    """For each block of a dump the indexes of the lines it covers."""
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    spans = [block.span or (0, 1) for block in page.blocks]
    return [range(bisect.bisect_right(starts, a) - 1, bisect.bisect_right(starts, b - 1)) for a, b in spans]


def _line_labels(
    page: ParsedPage, lines: list[str], labels: list[int], neutral: frozenset[int]
) -> tuple[list[bool], list[bool]]:
    content, counted = [], []
    for covered in lines_of(page, lines):
        words = {0: 0, 1: 0}
        for k in covered:
            if k not in neutral:
                words[labels[k]] += len(lines[k].split())
        content.append(words[1] > words[0])
        counted.append(words[0] + words[1] > 0)
    return content, counted


def _parse(raw: RawPage) -> ParsedPage:
    try:
        return parse(raw)
    except NoText:
        return ParsedPage(raw.page_id, raw.source, bool(raw.is_html), raw.url, raw.site, None, None, None, None, ())
