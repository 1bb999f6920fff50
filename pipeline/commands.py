"""What the commands do: each takes its options, prints, and gives its exit status."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engine import RunOptions, run
from pipeline.export import FORMS, export
from pipeline.limits import Limits, one_thread
from pipeline.options import DONE, FAILED
from pipeline.read import Columns, InputError, PageError, Source, find, read
from pipeline.records import ParsedPage
from pipeline.runlog import LOGS, start_log
from pipeline.streams import UsageError, input_lines, output, write_line
from pipeline.tag.demand import Demand, cost, meet, recalls

if TYPE_CHECKING:  # these bring numpy or pandas, which most commands need not load
    from pipeline.batch import Batch
    from pipeline.clean.site import SiteTable

#: `clean` ends with status 1 if more than this share of the pages failed, and `run` unless it is told another.
MAX_FAILED = 0.10


def _demand(options: argparse.Namespace) -> Demand:
    """What is asked of the tagger; its cost is told at once."""
    from pipeline.tag import load_tagger

    demand = Demand(options.min_confidence, recalls(options.recall))
    if demand != Demand():
        tagger = load_tagger(options.tagger)
        meet(tagger, demand)
        for line in cost(tagger, demand):
            print(f"pipeline {options.verb}: {line}", file=sys.stderr)
    return demand


def _columns(options: argparse.Namespace) -> Columns:
    return Columns(*(getattr(options, f"{name}_column") for name in Columns._fields))


def do_run(options: argparse.Namespace) -> int:
    """All passes over some inputs."""
    from tqdm import tqdm

    chosen = RunOptions(
        options.engine,
        options.workers,
        options.limit,
        options.replace,
        options.report_pages,
        options.parser,
        _columns(options),
        Limits(*(getattr(options, name) for name in Limits._fields)),
        options.site_table,
        options.retry_errors,
        _demand(options),
    )
    if options.log != LOGS[0]:
        start_log(options.log)
    with tqdm(unit=" steps", file=sys.stderr, smoothing=0, disable=options.log != LOGS[0]) as bar:

        def progress(pages: int, steps: int, all_steps: int) -> None:
            if bar.total is None:  # what was done before says nothing of how long the rest will take
                bar.reset(all_steps)
                bar.initial = bar.n = steps
            bar.update(steps - bar.n)
            bar.set_postfix_str(f"{pages} pages")

        summary = run(options.inputs, options.out, chosen, (options.cleaner, options.tagger), progress)
    counts = summary["counts"]
    pages, errors = counts["pages"], counts["errors"]
    print(f"{pages} pages, {counts['sections']} sections, {counts['passages']} passages, {errors} errors")
    print(options.out / "report.html")
    if errors > options.max_failed * (pages + errors):
        print(f"pipeline run: {errors} of {pages + errors} pages failed; see {options.out / 'errors'}", file=sys.stderr)
        return FAILED
    return DONE


def do_clean(options: argparse.Namespace) -> int:
    """One JSON line a page."""
    from pipeline.clean import clean, load_cleaner
    from pipeline.clean.site import NO_TABLE, read_tables, table_rows
    from pipeline.jsonl import clean_row, error_row

    cleaner = load_cleaner(options.cleaner)
    failed = total = 0
    with tempfile.TemporaryDirectory(prefix="healthsift-") as folder:
        pages = _parsed(find(options.inputs, _columns(options)), options.parser)
        if options.site_table:
            tables = read_tables(options.site_table)
        else:
            tables, pages = _counted(pages, Path(folder) / "pages.arrow")
        if options.save_site_table:
            with output(options.save_site_table) as stream:
                for row in table_rows(tables):
                    write_line(stream, row)
        with output(options.out) as stream:
            for page in pages:
                total += 1
                if isinstance(page, ParsedPage):
                    try:
                        row = clean_row(clean(page, cleaner, tables.get(page.site or "", NO_TABLE)))
                    except Exception as error:  # the rim of one page: the others go on
                        page = PageError(page.page_id, page.source, "clean", type(error).__name__, str(error))
                if isinstance(page, PageError):
                    failed += 1
                    row = error_row(page)
                write_line(stream, row)
    if failed:
        print(f"pipeline clean: {failed} of {total} pages failed; their rows say why", file=sys.stderr)
    return FAILED if failed > MAX_FAILED * total else DONE


def _parsed(sources: Sequence[Source], parser: str) -> Iterator[ParsedPage | PageError]:
    """Every page of the sources, in their order."""
    from pipeline.parse import parse

    for source in sources:
        for raw in read(source):
            if isinstance(raw, PageError):
                yield raw
                continue
            try:
                yield parse(raw, parser)
            except Exception as error:  # the rim of one page: the others go on
                yield PageError(raw.page_id, raw.source, "parse", type(error).__name__, str(error))


def _counted(
    pages: Iterable[ParsedPage | PageError], path: Path
) -> tuple[dict[str, SiteTable], Iterator[ParsedPage | PageError]]:
    """What the pages of each site have in common; and the pages again, which are kept in a file in the meantime."""
    from pipeline.clean.site import count_sites
    from pipeline.keep import keep_pages, kept_pages

    errors: dict[int, PageError] = {}  # by their place among the pages

    def keep_all() -> Iterator[ParsedPage]:
        with keep_pages(path) as keep:
            for place, page in enumerate(pages):
                if isinstance(page, PageError):
                    errors[place] = page
                else:
                    keep(page)
                    yield page

    def again() -> Iterator[ParsedPage | PageError]:
        kept, place = kept_pages(path), 0
        while True:
            if place in errors:
                yield errors[place]
            elif (page := next(kept, None)) is not None:
                yield page
            else:
                return
            place += 1

    return count_sites(keep_all()), again()


def do_tag(options: argparse.Namespace) -> int:
    """One JSON line an article."""
    from pipeline.jsonl import read_articles, tag_row
    from pipeline.split import split
    from pipeline.tag import load_tagger, tag

    one_thread()
    tagger = meet(load_tagger(options.tagger), _demand(options))
    with input_lines(options.articles) as lines, output(options.out) as stream:
        for row, blocks in read_articles(lines, options.articles):
            title = row.get("title") if isinstance(row.get("title"), str) else None
            write_line(stream, tag_row(row, tag(title, split(blocks), tagger), tagger.labels))
    return DONE


def do_explain(options: argparse.Namespace) -> int:
    """One page in the terminal, or as a page for the browser."""
    from pipeline.clean import clean
    from pipeline.clean.site import NO_TABLE
    from pipeline.explain import explain, gather
    from pipeline.parse import NoText, parse
    from pipeline.shard import load_models

    models = load_models((options.cleaner, options.tagger))
    pages = list(read(find([options.page])[0]))
    if len(pages) != 1:
        raise UsageError(f"{options.page}: holds {len(pages)} pages; explain takes a file with one")
    if isinstance(pages[0], PageError):
        raise InputError(f"{options.page}: {pages[0].message}")
    try:
        page = parse(pages[0], options.parser)
    except NoText as error:
        raise InputError(f"{options.page}: {error}") from error
    if options.run:
        site, table = _site_in_run(options.run, page)
        page = page._replace(site=site)
    else:
        table = NO_TABLE
    explanation = gather(clean(page, models.cleaner, table), models, table)
    if options.html:
        from pipeline.explain_page import render

        with output(options.html) as stream:
            stream.write(render(explanation))
        if options.html != "-":
            print(options.html)
        return DONE
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((100, 24)).columns
    print(explain(explanation, width, colour), end="")
    return DONE


def _site_in_run(run_folder: Path, page: ParsedPage) -> tuple[str | None, SiteTable]:
    """The site that a run took a page to be of, and what that run had counted of it."""
    from pipeline.clean.site import NO_TABLE
    from pipeline.sites import load_tables
    from pipeline.tables import part_paths, read_rows

    columns = ("page_id", "source", "site")
    rows = [row for row in read_rows(part_paths(run_folder, "pages"), columns) if row["page_id"] == page.page_id]
    if not rows:
        raise UsageError(f"--run {run_folder}: has no page {page.page_id}; name the folder of a run that read it")
    site = next((row["site"] for row in rows if row["source"] == page.source), rows[0]["site"])
    paths = sorted((run_folder / "sites").glob("sites-*.jsonl"))
    return site, load_tables(paths, {site} if site else ()).get(site, NO_TABLE)


def do_export(options: argparse.Namespace) -> int:
    """A run in other forms."""
    targets = {name: getattr(options, name) for name in FORMS if getattr(options, name)}
    if not targets:
        raise UsageError(f"say in which form: {', '.join(f'--{name} {form.metavar}' for name, form in FORMS.items())}")
    if not (options.run / "run.json").exists():
        raise InputError(f"{options.run}: holds no run; make one with: python -m pipeline run INPUT -o {options.run}")
    for name, target in targets.items():
        written = export(options.run, name, target)
        print(f"{target}: {written}", file=sys.stderr if target == "-" else sys.stdout)
    return DONE


def do_train(options: argparse.Namespace) -> int:
    """A model from labelled data."""
    from pipeline.learn import train

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    train(
        options.model,
        options.corpus,
        options.out,
        report,
        predictions=options.predictions,
        labels=options.labels,
        pages=options.pages,
        weight=options.weight,
        share=options.share,
        force=options.force,
        ablate=options.ablate,
        folds=options.folds,
    )
    return DONE


def do_compare(options: argparse.Namespace) -> int:
    """Two runs, or one and the training data."""
    from pipeline.batch import read_batch
    from pipeline.compare import ALL, change_table, compare, page_sums

    if len(options.runs) > 2:
        raise UsageError(f"takes one run or two, not {len(options.runs)}")
    batches = [read_batch(folder) for folder in options.runs]
    if len(batches) == 1:
        return _drift(options.runs[0], batches[0], options.tagger)
    labels = [label for label in batches[0].labels if label in batches[1].labels]
    for folder, batch in zip(options.runs, batches, strict=True):
        if alone := sorted(set(batch.labels) - set(labels)):
            print(f"not compared, since {folder} alone has it: {', '.join(alone)}")
    changes = compare(page_sums(batches[0], labels), page_sums(batches[1], labels))
    print(change_table(changes))
    real = sum(change.real for change in changes)
    sites = len({change.site for change in changes} - {ALL})
    print(f"{real} of {len(changes)} comparisons ({sites} sites) are more than noise: permutation test over pages,")
    print("false discovery rate 5 %; sites without such a change are not shown")
    if options.csv:
        import pandas as pd

        rows = [{**change._asdict(), "real": change.real} for change in changes]
        pd.DataFrame(rows).to_csv(options.csv, index=False)
    return DONE


def _drift(folder: Path, batch: Batch, model: Path) -> int:
    import json

    from pipeline.drift import batch_sums, drift, drift_table, read_reference
    from pipeline.tag import load_tagger

    tagger = load_tagger(model)
    used = json.loads((folder / "run.json").read_text(encoding="utf-8"))["spec"]["models"]["tagger"]
    if used != tagger.digest:
        raise UsageError(f"{folder}: was tagged by tagger {used}, {model} is {tagger.digest}; name it with --tagger")
    reference = read_reference(model, tagger.digest)
    found = drift(batch_sums(batch, tagger, reference.get("labels", tagger.labels)), reference)
    print(drift_table(found))
    strange = [d.measure for d in found if d.strange]
    if strange:
        print(f"pipeline compare: {folder} is unlike the training data: {', '.join(strange)}", file=sys.stderr)
    return FAILED if strange else DONE


def do_evaluate(options: argparse.Namespace) -> int:
    """Figures and floors."""
    from pipeline.evaluate import evaluate

    return DONE if evaluate(options) else FAILED
