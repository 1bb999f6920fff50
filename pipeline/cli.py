"""The command line, its commands and their options; what they do is in `commands`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline import __version__, commands
from pipeline.bench.command import add_bench_commands
from pipeline.engine import RunOptions
from pipeline.export import FORMS
from pipeline.label.command import add_label_commands
from pipeline.learn import FOLDS
from pipeline.limits import Limits
from pipeline.model_store import SHIPPED, ModelError
from pipeline.options import DONE, WRONG_USE, add_command, natural, positive, run_folder, share
from pipeline.parse import DEFAULT_PARSER, PARSERS
from pipeline.read import Columns, InputError
from pipeline.runlog import LOGS
from pipeline.streams import UsageError
from pipeline.tag.demand import Demand
from pipeline.workers import RunError

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

    verb = partial(add_command, verbs)

    sub = verb("run", commands.do_run, "process pages into tables and a report; goes on where it was broken off")
    _input_options(sub)
    sub.add_argument(
        "-o",
        "--out",
        required=True,
        type=run_folder,
        metavar="DIR",
        help="folder for tables, report and run.json; here, or an address in a store (s3://bucket/out)",
    )
    sub.add_argument(
        "--engine", default=RunOptions().engine, metavar="ENGINE",
        help="serial (one process, not guarded against hostile pages), local (processes of this machine), or "
        "tcp://HOST:PORT of a Dask scheduler; default: %(default)s",
    )  # fmt: skip
    sub.add_argument("--workers", type=natural, default=0, metavar="N", help="local processes; default: one a core")
    sub.add_argument("--limit", type=natural, metavar="N", help="only the first N pages")
    sub.add_argument("--replace", action="store_true", help="begin anew where DIR holds another run")
    sub.add_argument(
        "--report-pages", type=natural, default=RunOptions().report_pages, metavar="N",
        help="at most N pages in the report; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "--max-failed", type=share, default=commands.MAX_FAILED, metavar="SHARE",
        help="end with status 1 if more pages failed; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "--site-table", type=Path, metavar="FILE", help="what the pages of each site repeat, instead of counting it"
    )
    sub.add_argument(
        "--retry-errors", metavar="CLASS",
        help="do those pages again that failed with this error (see the errors table); limits may be others",
    )  # fmt: skip
    sub.add_argument(
        "--log", choices=LOGS, default=LOGS[0], help="what to show on the way: a bar, or lines; default: %(default)s"
    )
    for name, default in Limits()._asdict().items():
        sub.add_argument(
            f"--{name.replace('_', '-')}", type=positive if isinstance(default, float) else natural, default=default,
            metavar="N",
            help=f"{LIMIT_HELP[name]}; default: %(default)s",
        )  # fmt: skip
    _parser_option(sub)
    _model_options(sub, "cleaner", "tagger")
    _demand_options(sub)

    sub = verb(
        "clean", commands.do_clean, "clean pages: one JSON line a page, every block with verdict, score and reason"
    )
    _input_options(sub)
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")
    sub.add_argument(
        "--site-table", type=Path, metavar="FILE", help="what the pages of each site repeat, instead of counting it"
    )
    sub.add_argument("--save-site-table", metavar="FILE", help="write what was counted, to read, edit and use again")
    _parser_option(sub)
    _model_options(sub, "cleaner")

    sub = verb("tag", commands.do_tag, "split and tag articles that are clean already (what `clean` writes, for one)")
    sub.add_argument("articles", metavar="ARTICLES.jsonl", help="- reads standard input")
    sub.add_argument("-o", "--out", default="-", metavar="OUT.jsonl", help="default: standard output")
    _model_options(sub, "tagger")
    _demand_options(sub)

    sub = verb(
        "explain",
        commands.do_explain,
        "show one page: every block with its verdict, every passage with its tags, and why",
    )
    sub.add_argument("page", metavar="PAGE", help="a file with one page")
    _parser_option(sub)
    sub.add_argument("--html", metavar="FILE", help="write it as one page for the browser instead of printing it")
    sub.add_argument("--run", type=run_folder, metavar="DIR", help="with what that run had counted of the page's site")
    _model_options(sub, "cleaner", "tagger")

    sub = verb("export", commands.do_export, "write a finished run in forms that others read")
    sub.add_argument("run", type=run_folder, metavar="RUN", help="the folder of a run")
    for name, form in FORMS.items():
        sub.add_argument(f"--{name}", metavar=form.metavar, help=form.help)

    sub = verb("train", commands.do_train, "train a model from labelled data and write it with its manifest and card")
    sub.add_argument("model", choices=("cleaner", "tagger", "teacher", "reader", "reference"), help="which one")
    sub.add_argument(
        "--corpus", type=Path, metavar="DIR",
        help="the labelled data; default: ../shared/bench for the cleaner, for the others ../shared/corpora",
    )  # fmt: skip
    sub.add_argument("-o", "--out", type=Path, metavar="DIR", help="model folder; default: that name in models")
    sub.add_argument("--predictions", type=Path, metavar="DIR", help="also write the out-of-fold answers there")
    sub.add_argument(
        "--labels", type=Path, action="append", default=[], metavar="FILE",
        help="your labels, to learn from beside the rows that ship with the model: tagger: labelled articles, as "
        "`label attach` writes them; cleaner: blocks to keep or to drop (data/labels/README.md); may be given several "
        "times. A folder is another label store than data/labels",
    )  # fmt: skip
    sub.add_argument(
        "--pages", action="append", default=[], metavar="PATH",
        help="cleaner: file or folder with the labelled pages, and others of their sites; may be given several times",
    )  # fmt: skip
    sub.add_argument(
        "--weight", type=positive, metavar="W",
        help="count each of your labels as W shipped ones; default: 2 for the tagger, 5 for the cleaner",
    )  # fmt: skip
    sub.add_argument(
        "--share", type=share, default=1.0, metavar="SHARE",
        help="tagger: learn from this share of the shipped articles only, to try things out; default: %(default)s",
    )  # fmt: skip
    sub.add_argument(
        "--force", action="store_true",
        help="write the new model even where it is worse: the cleaner than its floors, the tagger than the one before",
    )  # fmt: skip
    sub.add_argument(
        "--ablate", action="store_true",
        help="tagger: also train without each source of data and group of features, and put the scores into the card",
    )  # fmt: skip
    sub.add_argument(
        "--folds", choices=FOLDS, default=FOLDS[0],
        help="cleaner: what is held out together; maker: page makers never seen; default: %(default)s",
    )  # fmt: skip

    sub = verb("compare", commands.do_compare, "compare two runs, or one run with what its tagger learnt from")
    sub.add_argument(
        "runs", nargs="+", type=run_folder, metavar="RUN", help="folder of a run; the second is the later one"
    )
    sub.add_argument("--csv", type=Path, metavar="FILE", help="two runs: also write every comparison there")
    _model_options(sub, "tagger")

    add_bench_commands(verb("bench", None, "measure against other tools, and what each stage costs"))
    add_label_commands(verb("label", None, "label passages, and join labels to texts"))

    sub = verb(
        "evaluate",
        commands.do_evaluate,
        "score the models on the labelled sample and check every figure against its floor",
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
        "--min-confidence", type=share, default=Demand().min_confidence, metavar="P",
        help="give no tag whose probability is below P, and mark verdicts less sure than P either way as unsure; "
        "from 0.5; default: the model's thresholds alone",
    )  # fmt: skip
    sub.add_argument(
        "--recall", action="append", default=[], metavar="LABEL=RECALL",
        help="set the label's threshold so that it reached this recall on unseen publishers, and tell what precision "
        "that costs; may be given for each label",
    )  # fmt: skip


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
        help="files and folders, here or in a store (s3://bucket/pages): .html .htm .xhtml .txt .jsonl .csv .warc, "
        "each also .gz, and .parquet; "
        "- reads standard input: JSON Lines, or one page",
    )  # fmt: skip
    for name, default in Columns()._asdict().items():
        sub.add_argument(
            f"--{name}-column", default=default, metavar="NAME",
            help=f"the column of tables that holds the {COLUMN_HELP[name]}; default: %(default)s",
        )  # fmt: skip
