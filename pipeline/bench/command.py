"""The command `bench`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from pipeline.learn import CORPUS
from pipeline.options import DONE, add_command, natural


def add_bench_commands(parser: argparse.ArgumentParser) -> None:
    """What stands under `bench`, with its options."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="WHAT", help="what is measured")
    sub = add_command(kinds, "clean", _clean, "quality and CPU time beside other cleaners, on the pages of a benchmark")
    sub.add_argument(
        "--predictions", type=Path, required=True, metavar="FILE",
        help="html.jsonl of `train cleaner --predictions`: our articles by models that had not seen the pages",
    )  # fmt: skip
    sub.add_argument("--limit", type=natural, metavar="N", help="only the first N pages")
    _common(sub)
    sub = add_command(kinds, "speed", _speed, "CPU time by stage and by size of page, as multiples of the bare parse")
    sub.add_argument(
        "--pages", type=natural, default=300, metavar="N", help="drawn with a fixed seed; default: %(default)s"
    )
    sub.add_argument(
        "--repeats", type=natural, default=5, metavar="N", help="the median of N runs counts; default: %(default)s"
    )
    _common(sub)
    sub = add_command(
        kinds, "metadata", _metadata, "title, author and date of a benchmark's pages, beside what trafilatura finds"
    )
    _common(sub)


def _common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--corpus", type=Path, default=CORPUS["cleaner"], metavar="DIR", help="the benchmark; default: %(default)s"
    )
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")


def _clean(options: argparse.Namespace) -> int:
    from pipeline.bench.clean import bench_clean, table

    rows = bench_clean(options.corpus, options.predictions, options.limit, _say)
    print("\n".join(table(rows)))
    _save(options.json, rows)
    return DONE


def _speed(options: argparse.Namespace) -> int:
    from pipeline.bench import speed

    html, dumps = speed.drawn_pages(options.corpus, options.pages), speed.drawn_dumps(options.corpus, options.pages)
    measured = speed.bench_speed(html, dumps, _say, options.repeats)
    print("\n".join(speed.table(measured)))
    _save(options.json, speed.as_json(measured))
    return DONE


def _metadata(options: argparse.Namespace) -> int:
    from pipeline.bench.metadata import measure, table

    rows = measure(options.corpus)
    print(table(rows))
    _save(options.json, [row._asdict() for row in rows])
    return DONE


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _save(path: Path | None, value: Any) -> None:
    if path:
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
