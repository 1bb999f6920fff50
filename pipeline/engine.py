"""run: all pages of some inputs to tables and a report, shard by shard, on one core or all of them.

A shard is done when its marker stands in `shards/`; a run that was broken off goes on where it was. What the run was
asked to do is noted in `run.json`; a folder that holds another run is left alone, unless it is to be replaced.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import __version__
from pipeline.limits import Limits
from pipeline.parse import DEFAULT_PARSER, PARSERS
from pipeline.read import STDIN, Columns, Source, find, ranges
from pipeline.shard import STAGES, Settings, Shard, load_models, marker_path
from pipeline.workers import LOCAL, SERIAL, Job, Marker, RunError, check_engine, cores, drive, open_workers
from pipeline.write import SCHEMAS

#: A shard holds at most so many pages and bytes.
SHARD_PAGES = 200
SHARD_BYTES = 32 * 1024 * 1024


class RunOptions(NamedTuple):
    """What a run can be told."""

    engine: str = LOCAL  # or SERIAL, or the address of a Dask scheduler
    workers: int = 0  # processes of the local engine; 0 = one a core
    limit: int | None = None  # at most so many pages, from the first
    replace: bool = False  # begin anew where the folder holds another run
    report_pages: int = 500  # at most so many pages in the report
    parser: str = DEFAULT_PARSER  # one of PARSERS
    columns: Columns = Columns()  # what the columns of tables are called
    limits: Limits = Limits()


Progress = Callable[[int, int, int], None]  # pages done (errors among them), shards done, shards in all


def run(
    inputs: Sequence[str], out: Path, options: RunOptions, models: tuple[Path, Path], progress: Progress
) -> dict[str, Any]:
    """Process all inputs into the folder `out`.

    Parameters
    ----------
    inputs : sequence of str
        Files and folders; "-" is standard input, which can be read only once: such a run is never resumed.
    out : Path
        Gets five tables, `run.json`, `report.html` and the markers in `shards/`.
    options : RunOptions
    models : tuple of Path
        The folders of cleaner and tagger.
    progress : callable
        Told after each shard.

    Returns
    -------
    dict
        What `run.json` holds.

    Raises
    ------
    InputError
        If an input cannot be used.
    RunError
        If `out` holds another run, or something else.
    ModelError
        If a model cannot be used.
    """
    check_engine(options.engine)
    if options.parser not in PARSERS:
        raise RunError(f"--parser {options.parser}: unknown; known are {', '.join(PARSERS)}")
    started = time.time()
    sources = find(inputs, options.columns)
    shards = list(plan(sources, options.limit))
    loaded = load_models(models)
    digests = loaded.cleaner.digest, loaded.tagger.digest
    del loaded  # workers have their own
    spec = {
        "inputs": list(inputs),
        "sources": _digest(sources),
        "stdin": any(source.path == STDIN for source in sources),
        "columns": options.columns._asdict(),
        "limit": options.limit,
        "parser": options.parser,
        "limits": options.limits._asdict(),
        "models": dict(zip(("cleaner", "tagger"), digests, strict=True)),
        "version": __version__,
    }
    target = _prepare(out, spec, options.replace)
    todo = [shard for shard in shards if not marker_path(target, shard.name).exists()]
    _drop_unfinished(target, todo)
    finished = len(shards) - len(todo)
    unfinished = {shard.name for shard in todo}
    pages = sum(_pages(_marker(target, shard)) for shard in shards if shard.name not in unfinished)
    progress(pages, finished, len(shards))
    settings = Settings(options.parser, options.limits)
    absolute = models[0].resolve(), models[1].resolve()
    job = Job(os.getcwd(), target.resolve(), absolute, digests, settings)
    for marker in _work(todo, options, job):
        finished += 1
        pages += _pages(marker)
        progress(pages, finished, len(shards))
    summary = _finish(target, spec, options, shards, started)
    if target != out:
        shutil.rmtree(out)
        target.replace(out)
    return summary


def plan(sources: Sequence[Source], limit: int | None) -> Iterator[Shard]:
    """Group the sources into shards, in order, so that none holds too much.

    >>> [shard.name for shard in plan([Source("no/such.html", "page", "such", None)], None)]
    ['part-00000']
    """
    if limit is not None:  # a limited run is for trying things out: one shard counts best
        yield Shard("part-00000", tuple(sources), limit)
        return
    group: list[Source] = []
    pages = size = number = 0
    for source in sources:
        for piece in ranges(source, SHARD_PAGES, SHARD_BYTES):
            alone = piece.format != "page"
            bytes_ = SHARD_BYTES if alone else _size(piece)
            if group and (alone or pages == SHARD_PAGES or size + bytes_ > SHARD_BYTES):
                yield Shard(f"part-{number:05d}", tuple(group))
                number += 1
                group, pages, size = [], 0, 0
            group.append(piece)
            pages += 1
            size += bytes_
    if group:
        yield Shard(f"part-{number:05d}", tuple(group))


def _work(todo: Sequence[Shard], options: RunOptions, job: Job) -> Iterator[Marker]:
    """The markers of the shards as they are done. Standard input is this process's own, no worker's."""
    here = [shard for shard in todo if any(source.path == STDIN for source in shard.sources)]
    elsewhere = [shard for shard in todo if shard not in here]
    for engine, shards in ((SERIAL, here), (options.engine, elsewhere)):
        if shards:
            count = min(options.workers or cores(), len(shards))
            job = job._replace(settings=job.settings._replace(guarded=engine != SERIAL))
            with open_workers(engine, count, job) as workers:
                yield from drive(shards, job, workers)


def _prepare(out: Path, spec: dict[str, Any], replace: bool) -> Path:
    """The folder to work in: `out`, or one beside it that is to take its place."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; name a folder with -o")
    if out.exists() and any(out.iterdir()):
        try:
            there = json.loads((out / "run.json").read_text(encoding="utf-8"))["spec"]
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{out}: is not empty and holds no run; name another folder with -o") from None
        if there != spec or spec["stdin"]:
            if not replace and spec["stdin"]:
                raise RunError(
                    f"{out}: holds a run, and a run on standard input cannot go on; use --replace, or another folder"
                )
            if not replace:
                names = ", ".join(key for key in spec if there.get(key) != spec[key])
                raise RunError(f"{out}: holds a run with other {names}; use --replace, or another folder")
            out = out.with_name(f".{out.name}.new")
            shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / "run.json", {"healthsift": __version__, "spec": spec})
    return out


def _drop_unfinished(folder: Path, todo: Sequence[Shard]) -> None:
    """Remove parts whose shard has no marker: they may be cut."""
    names = {shard.name for shard in todo}
    for table in SCHEMAS:
        for path in (folder / table).glob("*"):
            if path.name.lstrip(".").split(".")[0] in names:
                path.unlink()


def _finish(
    folder: Path, spec: dict[str, Any], options: RunOptions, shards: Sequence[Shard], started: float
) -> dict[str, Any]:
    from pipeline.report import write_report  # imports pandas by way of pyarrow: only here, when the work is done

    counts: Counter[str] = Counter()
    stage_seconds: Counter[str] = Counter()
    for shard in shards:
        marker = _marker(folder, shard)
        counts.update(marker["counts"])
        stage_seconds.update(marker["seconds"])
    summary = {
        "healthsift": __version__,
        "spec": spec,
        "engine": options.engine,
        "started": datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 2),
        "counts": {name: counts[name] for name in ("pages", "sections", "passages", "dropped", "errors")},
        "stage_seconds": {stage: round(stage_seconds[stage], 3) for stage in STAGES},
    }
    _write_json(folder / "run.json", summary)
    write_report(folder, options.report_pages)
    return summary


def _marker(folder: Path, shard: Shard) -> Marker:
    marker: Marker = json.loads(marker_path(folder, shard.name).read_text(encoding="utf-8"))
    return marker


def _pages(marker: Marker) -> int:
    return int(marker["counts"].get("pages", 0) + marker["counts"].get("errors", 0))


def _size(source: Source) -> int:
    try:
        return os.path.getsize(source.path)
    except OSError:
        return 0


def _digest(sources: Sequence[Source]) -> str:
    """Names the sources as they are now: another file, size or time of change gives another digest."""
    digest = hashlib.sha256()
    for source in sources:
        state = source.format
        if source.path != STDIN:
            try:
                status = os.stat(source.path)
                state = f"{status.st_size}\0{status.st_mtime_ns}"
            except OSError as error:  # a dangling link: reading will make it an error row
                state = type(error).__name__
        digest.update(f"{source.path}\0{state}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:12]


def _write_json(path: Path, value: Any) -> None:
    hidden = path.with_name(f".{path.name}")
    hidden.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    hidden.replace(path)
