"""The cleaning benchmarks as training examples: pages with a label for every block.

The folder holds `html/` (pages, reference texts, folds) and `text/` (dumps with a label for every line).
What counts as an answer there (titles, kinds, names of the dump tool) never reaches the page.
"""

from __future__ import annotations

import bisect
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.clean.site import NO_TABLE, SiteTable, count_sites
from pipeline.learn.align import coverage
from pipeline.learn.corpus import WRITTEN
from pipeline.learn.dumps import dump, rewrap, torn_dump
from pipeline.learn.rows import read_rows
from pipeline.parse import NoText, parse
from pipeline.parse.metadata import site_of
from pipeline.records import ParsedPage, RawPage

#: A block is content if so much of it stands in its place in the reference.
MIN_COVERAGE = 0.6
FOLDS = 5
#: The group of dumps made of HTML pages.
PRINTED = "printed"
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
    table: SiteTable = NO_TABLE  # what the scored pages of its site have in common
    maker: str = ""  # farm pages: the template that made it


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
        page = parse_or_empty(RawPage(row["id"], str(path), gzip.decompress(path.read_bytes()), True, url=row["url"]))
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


def with_tables(examples: Sequence[Example]) -> list[Example]:
    """The examples with the table of their site, counted over all scored pages of it; labels have no part in it."""
    tables = count_sites(example.page for example in examples if example.scored)
    return [example._replace(table=tables.get(example.page.site or "", NO_TABLE)) for example in examples]


def read_text(bench: Path, folds: str = "site") -> list[Example]:
    """The dumps; a block is content if most words of its lines are.

    Dumps made for training only are added: every HTML page, one line a block or one line a text node; and the farm
    pages with other articles in their chrome, one written for the project and one of an HTML page of the same fold.

    Parameters
    ----------
    bench : Path
    folds : {"site", "maker"}
        By site, or, for farm pages, by template (chrome never seen).
    """
    rows = {name: list(read_rows(bench / "text" / f"dev_{name}.jsonl.gz")) for name in ("a", "b")}
    templates = sorted({row["dump"] for row in rows["b"]})
    examples = []
    for name in rows:
        for row in rows[name]:
            raw = RawPage(row["id"], row["id"], "\n".join(row["lines"]), False, url=row["url"], site=row["site"])
            neutral = frozenset(row["neutral"])
            example = _dump_example(raw, row["lines"], row["labels"], neutral, f"{name} {row['kind']}")
            if name == "b" and folds == "maker":
                example = example._replace(fold=templates.index(row["dump"]) % FOLDS)
            examples.append(example)
    sources = [source for source in read_html(bench) if not source.suspect and source.page.blocks]
    for source in sources:
        name = source.page.page_id
        if zlib.crc32(name.encode()) % 2:
            made = _made(f"lines-{name}", source.page, *dump(source.page, source.labels))
        else:
            made = _made(f"torn-{name}", source.page, *torn_dump(Path(source.page.source), source.truth))
        examples.append(made._replace(group=PRINTED))
    farm = [example for example in examples if example.group.startswith("b ")]
    return with_tables([*examples, *_rewrapped(rows["b"], farm, sources)])


def _made(name: str, page: ParsedPage, lines: list[str], labels: list[int], fold: int | None = None) -> Example:
    """A dump made for training only; of `page` it has the site."""
    raw = RawPage(name, page.source, "\n".join(lines), False, page.url, page.site)
    made = _dump_example(raw, lines, labels, frozenset(), "made")._replace(scored=False)
    return made if fold is None else made._replace(fold=fold)


def _rewrapped(rows: Sequence[dict[str, Any]], farm: Sequence[Example], sources: Sequence[Example]) -> list[Example]:
    """The chrome of each farm page round other articles, in the fold of the page."""
    written = [
        (article["title"], [(block["kind"], block["text"]) for block in article["blocks"]])
        for path in sorted(WRITTEN.glob("*.jsonl"))
        for article in read_rows(path)
    ]
    inside = {row["source"].removeprefix("wcxb:") for row in rows}
    real: dict[int, list[tuple[str, list[tuple[str, str]]]]] = {fold: [] for fold in range(FOLDS)}
    for source in sources:
        page = source.page
        if source.group == "article" and page.page_id not in inside:
            blocks = [(b.kind, b.text) for b, kept in zip(page.blocks, source.labels, strict=True) if kept]
            real[fold_of_site(page.site or page.page_id)].append((page.title or "", blocks))
    made = []
    for row, example in zip(rows, farm, strict=True):
        style = zlib.crc32(row["id"].encode())
        chrome = (row["lines"], row["labels"], frozenset(row["neutral"]), row["title"])
        for number, articles in enumerate((written, real[example.fold])):
            if articles:
                title, blocks = articles[style % len(articles)]
                lines, labels = rewrap(*chrome, title, blocks, style)
                made.append(_made(f"made{number}-{row['id']}", example.page, lines, labels, example.fold))
    return made


def _dump_example(raw: RawPage, lines: list[str], labels: list[int], neutral: frozenset[int], group: str) -> Example:
    page = parse_or_empty(raw)
    content, counted = _line_labels(page, lines, labels, neutral)
    fold = fold_of_site(site_of(f"http://{raw.site}") or raw.page_id)
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


def fold_of_site(site: str) -> int:
    """The fold of a site that no file gives one."""
    return zlib.crc32(site.encode()) % FOLDS


def parse_or_empty(raw: RawPage) -> ParsedPage:
    """The page; one without blocks where there is no text."""
    try:
        return parse(raw)
    except NoText:
        return ParsedPage(raw.page_id, raw.source, bool(raw.is_html), raw.url, raw.site, None, None, None, None, ())
