"""The command line: python -m pipeline clean | tag | run | explain | export | compare | label | train | evaluate."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import __version__
from pipeline.bench.command import add_bench_commands
from pipeline.engine import RunOptions, run
from pipeline.export import FORMS, export
from pipeline.label.command import add_label_commands
from pipeline.learn import FOLDS
from pipeline.limits import Limits
from pipeline.model_store import SHIPPED, ModelError
from pipeline.parse import DEFAULT_PARSER, PARSERS
from pipeline.read import STDIN, Columns, InputError, PageError, Source, find, read
from pipeline.runlog import LOGS, start_log
from pipeline.streams import UsageError, input_lines, output, write_line
from pipeline.tag.demand import Demand, cost, meet, recalls
from pipeline.workers import RunError

if TYPE_CHECKING:  # these bring numpy or pandas, which most commands need not load
    from pipeline.batch import Batch
    from pipeline.clean.site import SiteTable
    from pipeline.records import ParsedPage

DONE, FAILED, WRONG_USE = 0, 1, 2
#: A run ends with status 1 if more than this share of its pages failed.
MAX_FAILED = 0.10
#: What the columns of tables hold, by field of `Columns`.
COLUMN_HELP = {
    "id": "page's id", "html": "page as HTML", "text": "page as text", "url": "page's address",
    "site": "name of its site", "title": "page's title",
}  # fmt: skip

#: What a limit bounds, by field of `Limits`.
LIMIT_HELP = {
    "page_mb": "megabytes of one page, unpacked; a larger one is an error",
    "cpu_seconds": "CPU seconds of one page; a worker that takes longer is killed",
    "worker_mb": "megabytes of memory of one worker of the local engine",
    "tries": "give a page up when so many workers died at it",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 done; 1 done, but too many pages failed or a floor was missed; 2 wrong use, or unreadable input or model.
    """
    parser = build_parser()
    options = parser.parse_args(argv)
    try:
        return int(options.command(options))
    except (InputError, ModelError, RunError, UsageError) as error:
        print(f"pipeline {options.verb}: {error}", file=sys.stderr)
        return WRONG_USE
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        return DONE
    except KeyboardInterrupt:
        print(f"pipeline {options.verb}: stopped; the same command goes on from here", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Clean scraped health-news pages, split them, tag causes, remedies and warning signs.",
    )
    parser.add_argument("--version", action="version", version=f"healthsift {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, command: Any, help_: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help_, description=help_[0].upper() + help_[1:] + ".")
        sub.set_defaults(command=command)
        return sub

    sub = verb("run", _run, "process pages into tables and a report; goes on where it was broken off")
    _input_options(sub)
    sub.add_argument(
        "-o", "--out", required=True, type=Path, metavar="DIR", help="folder for tables, report and run.json"
    )
    sub.add_argument(
        "--engine", default=RunOptions().engine, metavar="ENGINE",
        help="serial (one process, not guarded against hostile pages), local (processes of this machine), or "
        "tcp://HOST:PORT of a Dask scheduler; default: %(default)s",
    )  # fmt: skip
    sub.add_argument("--workers", type=_natural, default=0, metavar="N", help="local processes; default: one a core")
    sub.add_argument("--limit", type=_natural, metavar="N", help="only the first N pages")
    sub.add_argument("--replace", action="store_true", help="begin anew where DIR holds another run")
    sub.add_argument(
        "--report-pages", type=_natural, default=RunOptions().report_pages, metavar="N",
        help="at most N pages in the report; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "--max-failed", type=_share, default=MAX_FAILED, metavar="SHARE",
        help="end with status 1 if more pages failed; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "--site-table", type=Path, metavar="FILE", help="what the pages of each site repeat, instead of counting it"
    )
    sub.add_argument(
        "--retry-errors", metavar="CLASS",
        help="do those shards again in which pages failed with this error (see the errors table); limits may be others",
    )  # fmt: skip
    sub.add_argument(
        "--log", choices=LOGS, default=LOGS[0], help="what to show on the way: a bar, or lines; default: %(default)s"
    )
    for name, default in Limits()._asdict().items():
        sub.add_argument(
            f"--{name.replace('_', '-')}", type=_positive if isinstance(default, float) else _natural, default=default,
            metavar="N",
            help=f"{LIMIT_HELP[name]}; default: %(default)s",
        )  # fmt: skip
    _parser_option(sub)
    _model_options(sub, "cleaner", "tagger")
    _demand_options(sub)

    sub = verb("clean", _clean, "clean pages: one JSON line a page, every block with verdict, score and reason")
    _input_options(sub)
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")
    sub.add_argument(
        "--site-table", type=Path, metavar="FILE", help="what the pages of each site repeat, instead of counting it"
    )
    sub.add_argument("--save-site-table", metavar="FILE", help="write what was counted, to read, edit and use again")
    _parser_option(sub)
    _model_options(sub, "cleaner")

    sub = verb("tag", _tag, "split and tag articles that are clean already (what `clean` writes, for one)")
    sub.add_argument("articles", metavar="ARTICLES.jsonl", help="- reads standard input")
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")
    _model_options(sub, "tagger")
    _demand_options(sub)

    sub = verb("explain", _explain, "show one page: every block with its verdict, every passage with its tags, and why")
    sub.add_argument("page", metavar="PAGE", help="a file with one page")
    _parser_option(sub)
    sub.add_argument("--html", metavar="FILE", help="write it as one page for the browser instead of printing it")
    sub.add_argument("--run", type=Path, metavar="DIR", help="with what that run had counted of the page's site")
    _model_options(sub, "cleaner", "tagger")

    sub = verb("export", _export, "write a finished run in forms that others read")
    sub.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    for name, form in FORMS.items():
        sub.add_argument(f"--{name}", metavar=form.metavar, help=form.help)

    sub = verb("train", _train, "train a model from labelled data and write it with its manifest and card")
    sub.add_argument("model", choices=("cleaner", "tagger", "teacher", "reference"), help="which one")
    sub.add_argument(
        "--corpus", type=Path, metavar="DIR",
        help="the labelled data; default: ../shared/bench for the cleaner, for the others ../shared/corpora",
    )  # fmt: skip
    sub.add_argument("-o", "--out", type=Path, metavar="DIR", help="model folder; default: that name in models")
    sub.add_argument("--predictions", type=Path, metavar="DIR", help="also write the out-of-fold answers there")
    sub.add_argument(
        "--labels", type=Path, metavar="DIR",
        help="tagger and teacher: the label store that corrects the corpus and adds to it; default: data/labels",
    )  # fmt: skip
    sub.add_argument(
        "--force", action="store_true", help="tagger: write the new model even where it is worse than the one before"
    )
    sub.add_argument(
        "--folds", choices=FOLDS, default=FOLDS[0],
        help="cleaner: what is held out together; maker: page makers never seen; default: %(default)s",
    )  # fmt: skip

    sub = verb("compare", _compare, "compare two runs, or one run with what its tagger learnt from")
    sub.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run; the second is the later one")
    sub.add_argument("--csv", type=Path, metavar="FILE", help="two runs: also write every comparison there")
    _model_options(sub, "tagger")

    add_bench_commands(verbs)
    add_label_commands(verb("label", None, "label passages, and join labels to texts"))

    sub = verb(
        "evaluate", _evaluate, "score the models on the labelled sample and check every figure against its floor"
    )
    sub.add_argument("--sample", type=Path, default=Path("data/sample"), metavar="DIR", help="default: %(default)s")
    sub.add_argument(
        "--floors", type=Path, default=Path("models/floors.json"), metavar="FILE", help="default: %(default)s"
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    sub.add_argument(
        "--end-to-end", type=Path, metavar="DIR",
        help="also from raw dumps to tags: the folder that holds bench/ and corpora/, as ../shared",
    )  # fmt: skip
    sub.add_argument(
        "--held-out", type=Path, metavar="DIR",
        help="answers of models that had not seen those pages: what `train` --predictions wrote for both models",
    )  # fmt: skip
    sub.add_argument("--repin", action="store_true", help="raise the floors to what was measured; never lowers one")
    _model_options(sub, "cleaner", "tagger")
    return parser


def _demand_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--min-confidence", type=_share, default=Demand().min_confidence, metavar="P",
        help="give no tag whose probability is below P, and mark verdicts less sure than P either way as unsure; "
        "from 0.5; default: the model's thresholds alone",
    )  # fmt: skip
    sub.add_argument(
        "--recall", action="append", default=[], metavar="LABEL=RECALL",
        help="set the label's threshold so that it reached this recall on unseen publishers, and tell what precision "
        "that costs; may be given for each label",
    )  # fmt: skip


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


def _parser_option(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--parser", choices=PARSERS, default=DEFAULT_PARSER,
        help="of HTML; soup is BeautifulSoup over html5lib, slow, to compare with; default: %(default)s",
    )  # fmt: skip


def _model_options(sub: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        sub.add_argument(
            f"--{name}", type=Path, default=SHIPPED / name, metavar="DIR", help=f"another {name} than the shipped one"
        )


def _input_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "inputs", nargs="+", metavar="INPUT",
        help="files and folders: .html .htm .xhtml .txt .jsonl .csv .warc, each also .gz, and .parquet; "
        "- reads standard input: JSON Lines, or one page",
    )  # fmt: skip
    for name, default in Columns()._asdict().items():
        sub.add_argument(
            f"--{name}-column", default=default, metavar="NAME",
            help=f"the column of tables that holds the {COLUMN_HELP[name]}; default: %(default)s",
        )  # fmt: skip


def _columns(options: argparse.Namespace) -> Columns:
    return Columns(*(getattr(options, f"{name}_column") for name in Columns._fields))


def _run(options: argparse.Namespace) -> int:
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


def _clean(options: argparse.Namespace) -> int:
    from pipeline.clean import clean, load_cleaner
    from pipeline.clean.site import NO_TABLE, read_tables, table_rows
    from pipeline.jsonl import clean_row, error_row
    from pipeline.parse import parse

    cleaner = load_cleaner(options.cleaner)
    sources = find(options.inputs, _columns(options))
    tables = read_tables(options.site_table) if options.site_table else _site_tables(sources, options.parser)
    if options.save_site_table:
        with output(options.save_site_table) as stream:
            for row in table_rows(tables):
                write_line(stream, row)

    def rows() -> Iterator[dict[str, Any]]:
        for source in sources:
            for raw in read(source):
                if isinstance(raw, PageError):
                    yield error_row(raw)
                    continue
                try:
                    page = parse(raw, options.parser)
                    yield clean_row(clean(page, cleaner, tables.get(page.site or "", NO_TABLE)))
                except Exception as error:  # the rim of one page: the others go on
                    yield error_row(PageError(raw.page_id, raw.source, "clean", type(error).__name__, str(error)))

    failed = total = 0
    with output(options.out) as stream:
        for row in rows():
            total += 1
            failed += row["error"] is not None
            write_line(stream, row)
    if failed:
        print(f"pipeline clean: {failed} of {total} pages failed; their rows say why", file=sys.stderr)
    return FAILED if failed > MAX_FAILED * total else DONE


def _site_tables(sources: Sequence[Source], parser: str) -> dict[str, SiteTable]:
    """What the pages of each site have in common, by a first reading; standard input can be read only once."""
    from pipeline.clean.site import count_sites
    from pipeline.parse import parse

    def pages() -> Iterator[ParsedPage]:
        for source in sources:
            for raw in read(source) if source.path != STDIN else ():
                if isinstance(raw, PageError):
                    continue
                try:
                    yield parse(raw, parser)
                except Exception:  # the second reading gives it its error row
                    continue

    return count_sites(pages())


def _tag(options: argparse.Namespace) -> int:
    from pipeline.jsonl import read_articles, tag_row
    from pipeline.split import split
    from pipeline.tag import LABELS, load_tagger, tag

    tagger = meet(load_tagger(options.tagger), _demand(options))
    with input_lines(options.articles) as lines, output(options.out) as stream:
        for row, blocks in read_articles(lines, options.articles):
            title = row.get("title") if isinstance(row.get("title"), str) else None
            write_line(stream, tag_row(row, tag(title, split(blocks), tagger), LABELS))
    return DONE


def _explain(options: argparse.Namespace) -> int:
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


def _export(options: argparse.Namespace) -> int:
    targets = {name: getattr(options, name) for name in FORMS if getattr(options, name)}
    if not targets:
        raise UsageError(f"say in which form: {', '.join(f'--{name} {form.metavar}' for name, form in FORMS.items())}")
    if not (options.run / "run.json").exists():
        raise InputError(f"{options.run}: holds no run; make one with: python -m pipeline run INPUT -o {options.run}")
    for name, target in targets.items():
        written = export(options.run, name, target)
        print(f"{target}: {written}", file=sys.stderr if target == "-" else sys.stdout)
    return DONE


def _train(options: argparse.Namespace) -> int:
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
        force=options.force,
        folds=options.folds,
    )
    return DONE


def _compare(options: argparse.Namespace) -> int:
    from pipeline.batch import read_batch
    from pipeline.compare import ALL, change_table, compare, page_sums

    if len(options.runs) > 2:
        raise UsageError(f"takes one run or two, not {len(options.runs)}")
    batches = [read_batch(folder) for folder in options.runs]
    if len(batches) == 1:
        return _drift(options.runs[0], batches[0], options.tagger)
    changes = compare(page_sums(batches[0]), page_sums(batches[1]))
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
    found = drift(batch_sums(batch, tagger), read_reference(model, tagger.digest))
    print(drift_table(found))
    strange = [d.measure for d in found if d.strange]
    if strange:
        print(f"pipeline compare: {folder} is unlike the training data: {', '.join(strange)}", file=sys.stderr)
    return FAILED if strange else DONE


def _evaluate(options: argparse.Namespace) -> int:
    from pipeline.evaluate import evaluate

    return DONE if evaluate(options) else FAILED


def _natural(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0.0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return value
