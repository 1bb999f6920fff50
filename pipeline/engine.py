"""run: all pages of some inputs to tables and a report, shard by shard, in three passes (see `passes`).

A shard is done when its marker stands in `shards/`, and parsed when one stands in `.work/parsed/`; a run that was
broken off goes on where it was. What the run was asked to do is noted in `run.json`; a folder that holds another run
is left alone, unless it is to be replaced. Inputs can be added: then sites are counted anew, and what is done is held
against that (`.work/stale/`) before it counts as done.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import __version__
from pipeline.clean.site import read_tables
from pipeline.limits import Limits
from pipeline.model_store import model_digest
from pipeline.parse import DEFAULT_PARSER, PARSERS
from pipeline.passes import Bucket, Finish, Job, work
from pipeline.places import Places, read_json, set_aside, write_json
from pipeline.plan import add_to, digest, plan, read_plan, write_plan
from pipeline.read import STDIN, Columns, Source, find
from pipeline.shard import Settings, Shard
from pipeline.sites import bucket_count
from pipeline.store import remove_tree
from pipeline.tag import load_tagger
from pipeline.tag.demand import Demand, meet
from pipeline.workers import LOCAL, SERIAL, Marker, RunError, Workers, check_engine, cores, drive, open_workers
from pipeline.write import TABLES


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
    site_table: Path | None = None  # what the pages of each site repeat, instead of counting it
    retry_errors: str | None = None  # do those pages again that failed with this error
    demand: Demand = Demand()  # what is asked of the tagger


Progress = Callable[[int, int, int], None]  # pages done (errors among them), steps done, steps in all
#: Steps that a shard takes in each pass: about as they take time.
PARSE_STEPS, CLEAN_STEPS = 1, 2
log = logging.getLogger("pipeline.run")


def run(
    inputs: Sequence[str], out: Path, options: RunOptions, models: tuple[Path, Path], progress: Progress
) -> dict[str, Any]:
    """Process all inputs into the folder `out`.

    Parameters
    ----------
    inputs : sequence of str
        Files and folders; "-" is standard input, which can be read only once: such a run is never resumed.
    out : Path
        Gets five tables, `run.json`, `report.html`, what the sites repeat in `sites/` and the markers in `shards/`.
    options : RunOptions
    models : tuple of Path
        The folders of cleaner and tagger.
    progress : callable
        Told after each shard of each pass.

    Returns
    -------
    dict
        What `run.json` holds.

    Raises
    ------
    InputError
        If an input cannot be used.
    RunError
        If `out` holds another run, or something else, or workers or files fail.
    ModelError
        If a model or a site table cannot be used.
    """
    check_engine(options.engine)
    if options.parser not in PARSERS:
        raise RunError(f"--parser {options.parser}: unknown; known are {', '.join(PARSERS)}")
    started = time.time()
    sources = find(inputs, options.columns)
    digests = model_digest(models[0], "cleaner"), model_digest(models[1], "tagger")
    if options.demand != Demand():
        meet(load_tagger(models[1]), options.demand)  # a demand that cannot be met ends the run here
    if options.site_table:
        read_tables(options.site_table)  # says what is wrong with it before the work begins
    spec = {
        "inputs": list(inputs),
        "sources": digest(sources),
        "stdin": any(source.path == STDIN for source in sources),
        "columns": options.columns._asdict(),
        "limit": options.limit,
        "parser": options.parser,
        "limits": options.limits._asdict(),
        "site_table": _file_digest(options.site_table) if options.site_table else None,
        "demand": {"min_confidence": options.demand.min_confidence, "recall": dict(options.demand.recall)},
        "models": dict(zip(("cleaner", "tagger"), digests, strict=True)),
        "version": __version__,
    }
    target, shards = _prepare(out, spec, sources, options)
    places = Places(target.resolve())
    buckets, guarded = bucket_count(len(shards)), options.engine != SERIAL
    settings = Settings(options.parser, options.limits, buckets, options.demand, guarded)
    absolute = models[0].resolve(), models[1].resolve()
    table = options.site_table.resolve() if options.site_table else None
    job = Job(os.getcwd(), places, absolute, digests, settings, table)
    if options.retry_errors:
        _set_aside_failed(places, shards, options.retry_errors)
    summary = _work(shards, job, options, {"healthsift": __version__, "spec": spec}, started, progress)
    remove_tree(places.work)
    if target != out:
        remove_tree(out)
        target.replace(out)
    return summary


def _work(
    shards: Sequence[Shard], job: Job, options: RunOptions, known: dict[str, Any], started: float, progress: Progress
) -> dict[str, Any]:
    """All passes over what is not done yet; gives what `run.json` then says."""
    places = job.places
    todo, stale, pages = [], [], 0
    for shard in shards:
        if places.marker(shard.name).exists():
            pages += _pages(read_json(places.marker(shard.name)))
        elif places.stale(shard.name).exists():
            stale.append(shard)
        else:
            todo.append(shard)
    unparsed = [shard for shard in todo if not places.parsed(shard.name).exists()]
    steps = len(shards) * (PARSE_STEPS + CLEAN_STEPS)
    step = steps - (len(unparsed) + len(stale)) * PARSE_STEPS - (len(todo) + len(stale)) * CLEAN_STEPS
    progress(pages, step, steps)
    if not todo and not stale and (done := _finished(places, options)):
        return done
    write_json(places.folder / "run.json", known, indent=1)
    _drop_unfinished(places, todo)
    buckets = [] if options.site_table else [Bucket(f"sites-{n}", n) for n in range(job.settings.buckets)]
    uncounted = [bucket for bucket in buckets if not places.sites(bucket.number).exists()]
    here = [shard for shard in unparsed if any(source.path == STDIN for source in shard.sources)]
    elsewhere = [shard for shard in unparsed if shard not in here]
    pass_seconds: dict[str, float] = {}

    def do(pass_: str, tasks: Sequence[Any], workers: Workers, job: Job = job) -> Iterator[Marker]:
        if not tasks:
            return
        began = time.time()
        log.info("%s: %d tasks", pass_, len(tasks), extra={"fields": {"pass": pass_, "tasks": len(tasks)}})
        work_on = partial(work, job, pass_)
        yield from drive(tasks, work_on, workers, partial(places.begun, pass_=pass_), job.settings.limits.tries)
        pass_seconds[pass_] = round(pass_seconds.get(pass_, 0.0) + time.time() - began, 2)

    processes = min(options.workers or cores(), max(1, len(todo) + len(stale)))
    with (
        open_workers(SERIAL, 1, 0) as this_process,
        open_workers(options.engine, processes, options.limits.worker_mb) as workers,
    ):

        def parse(shards: Sequence[Shard], workers: Workers, job: Job = job) -> None:
            nonlocal step
            for marker in do("parse", shards, workers, job):
                step += PARSE_STEPS
                progress(pages, step, steps)
                _tell("parsed", marker["pages"], len(marker["errors"]), step, steps)

        # standard input is this process's own
        parse(here, this_process, job._replace(settings=job.settings._replace(guarded=False)))
        parse(elsewhere, workers)
        for _ in do("count", uncounted, workers):
            pass
        again: set[str] = set()
        for marker in do("check", stale, workers):
            if marker["changed"]:
                again.add(marker["name"])
            else:
                step += PARSE_STEPS + CLEAN_STEPS
                pages += _pages(marker)
                progress(pages, step, steps)
        changed = [shard for shard in stale if shard.name in again]
        parse([shard for shard in changed if not places.parsed(shard.name).exists()], workers)
        for marker in do("clean", todo + changed, workers):
            step += CLEAN_STEPS
            pages += _pages(marker)
            progress(pages, step, steps)
            _tell("done", marker["counts"].get("pages", 0), marker["counts"].get("errors", 0), step, steps)
        summary = known | {
            "engine": options.engine,
            "started": datetime.datetime.fromtimestamp(started, datetime.UTC).isoformat(timespec="seconds"),
            "pass_seconds": dict(pass_seconds),
        }
        end = Finish([shard.name for shard in shards], summary, started, options.report_pages)
        (summary,) = do("finish", [end], workers)
    log.info("finished", extra={"fields": summary["counts"]})
    return summary


def _tell(what: str, pages: int, errors: int, step: int, steps: int) -> None:
    fields = {"shard": what, "pages": pages, "errors": errors, "step": step, "steps": steps}
    log.info("%d/%d a shard is %s: %d pages, %d errors", step, steps, what, pages, errors, extra={"fields": fields})


def _finished(places: Places, options: RunOptions) -> dict[str, Any] | None:
    """What a run that ended said, if there is nothing to add to it."""
    said = read_json(places.folder / "run.json")
    whole = said.get("report_pages") == options.report_pages and (places.folder / "report.html").exists()
    return said if whole else None


def _prepare(
    out: Path, spec: dict[str, Any], sources: Sequence[Source], options: RunOptions
) -> tuple[Path, list[Shard]]:
    """The folder to work in, `out` or one beside it that is to take its place; and the shards."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; name a folder with -o")
    if out.exists() and any(out.iterdir()):
        try:
            there = read_json(out / "run.json")["spec"]
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{out}: is not empty and holds no run; name another folder with -o") from None
        # what failed for a limit may be done again with another one
        free = {"limits"} if options.retry_errors else set()
        names = [key for key in spec if key not in free and there.get(key) != spec[key]]
        noted = read_plan(Places(out).plan, options.columns)
        if not names and not spec["stdin"]:
            return out, [shard for shard, _ in noted] or _plan(Places(out), sources, options.limit)
        alike = set(names) <= {"inputs", "sources"} and not (spec["stdin"] or options.limit or options.retry_errors)
        if alike and not options.replace:
            if shards := add_to(noted, sources):
                _let_grow(Places(out), shards, counted=options.site_table is None)
                return out, shards
        if not options.replace and spec["stdin"]:
            raise RunError(
                f"{out}: holds a run, and a run on standard input cannot go on; use --replace, or another folder"
            )
        if not options.replace:
            raise RunError(f"{out}: holds a run with other {', '.join(names)}; use --replace, or another folder")
        out = out.with_name(f".{out.name}.new")
        remove_tree(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "run.json", {"healthsift": __version__, "spec": spec}, indent=1)
    return out, _plan(Places(out), sources, options.limit)


def _plan(places: Places, sources: Sequence[Source], limit: int | None) -> list[Shard]:
    shards = list(plan(sources, limit))
    write_plan(places.plan, shards)
    return shards


def _let_grow(places: Places, shards: Sequence[Shard], counted: bool) -> None:
    """A run gets more shards: its sites are `counted` anew, and what is done is to be held against that."""
    if counted:
        for path in places.marker("any").parent.glob("*.json"):
            set_aside(path, places.stale(path.stem))
        remove_tree(places.sites(0).parent)
    write_plan(places.plan, shards)


def _set_aside_failed(places: Places, shards: Sequence[Shard], error: str) -> None:
    """Let the pages be done again that failed with this error."""
    known: set[str] = set()
    found = False
    for shard in shards:
        marker = places.marker(shard.name)
        if marker.exists():
            errors = read_json(marker)["errors"]
            known |= set(errors)
            if error in errors:
                found = True
                write_json(places.retry(shard.name), {**read_json(marker), "retry": error})
                places.parsed(shard.name).unlink(missing_ok=True)
                marker.unlink()
        elif places.retry(shard.name).exists():  # that run was broken off
            found = True
    if not found:
        there = f"there are {', '.join(sorted(known))}" if known else "there are none"
        raise RunError(f"--retry-errors {error}: no page failed with it; {there}")


def _drop_unfinished(places: Places, todo: Sequence[Shard]) -> None:
    """Remove parts whose shard has no marker: they may be cut."""
    names = {shard.name for shard in todo if not places.retry(shard.name).exists()}
    for folder in [places.folder / table for table in TABLES] + [places.signatures("any").parent]:
        for path in folder.glob("*"):
            if path.name.lstrip(".").split(".")[0] in names:
                path.unlink()


def _pages(marker: Marker) -> int:
    return int(marker["counts"].get("pages", 0) + marker["counts"].get("errors", 0))


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
