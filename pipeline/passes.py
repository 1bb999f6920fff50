"""What a worker does in each pass of a run: a function of the job and one task, known by its name.

parse   a shard      its sources -> parsed pages and keys of their blocks
count   a bucket     keys of all shards -> what the sites of this bucket repeat
check   a shard      that was done before pages were added -> whether its sites repeat something else now
clean   a shard      parsed pages, what their sites repeat -> one part of every table
finish  the run      duplicates joined, counts summed, the report written
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.clean.site import SiteTable
from pipeline.duplicates import mark_duplicates
from pipeline.places import Places, read_json, write_json
from pipeline.shard import STAGES, Models, Settings, Shard, clean_shard, load_models, parse_shard
from pipeline.sites import bucket_of, count_bucket, load_tables, tables_digest
from pipeline.store import in_store
from pipeline.workers import Marker, RunError
from pipeline.write import TABLES


class Job(NamedTuple):
    """What a worker must know beside its task."""

    base: str  # the folder that relative paths start from
    places: Places
    models: tuple[Path, Path]
    digests: tuple[str, str]  # of the models, which may stand elsewhere on another host
    settings: Settings
    site_table: Path | None = None  # given, instead of counting


class Bucket(NamedTuple):
    """Some of the sites."""

    name: str
    number: int


class Finish(NamedTuple):
    """The end of a run."""

    shards: Sequence[str]  # their names
    summary: dict[str, Any]  # what is known already
    started: float  # when
    report_pages: int
    name: str = "finish"


def parse(job: Job, shard: Shard) -> Marker:
    """Pass 1."""
    return parse_shard(shard, job.places, job.settings)


def count(job: Job, bucket: Bucket) -> Marker:
    """Pass 1 and a half."""
    keys, out = job.places.keys("any").parent, job.places.sites(bucket.number)
    count_bucket(keys, bucket.number, job.settings.buckets, out)
    return {}


def check(job: Job, shard: Shard) -> Marker:
    """Between the passes: a shard whose sites repeat what they did is done, and another one is not."""
    stale, marker = job.places.stale(shard.name), read_json(job.places.stale(shard.name))
    changed = tables_digest(_tables(job, marker["sites"])) != marker["tables"]
    if changed:
        stale.unlink()
    else:
        stale.replace(job.places.marker(shard.name))
    return {"name": shard.name, "changed": changed, "counts": marker["counts"]}


def clean(job: Job, shard: Shard) -> Marker:
    """Pass 2."""
    sites = set(read_json(job.places.parsed(shard.name))["sites"])
    if job.places.retry(shard.name).exists():
        sites.update(read_json(job.places.retry(shard.name))["sites"])
    return clean_shard(shard, job.places, _load(job), _tables(job, sites), job.settings)


def _tables(job: Job, sites: Collection[str]) -> dict[str, SiteTable]:
    """What these sites repeat."""
    if job.site_table:
        paths = [job.site_table]
    else:
        numbers = {bucket_of(site, job.settings.buckets) for site in sites}
        paths = [job.places.sites(number) for number in sorted(numbers)]
    return load_tables(paths, frozenset(sites))


def finish(job: Job, task: Finish) -> Marker:
    """Pass 3; gives what `run.json` says."""
    from pipeline.report import write_report  # brings pandas by way of pyarrow, which nothing else here needs

    places = job.places
    signatures = places.signatures("any").parent
    for path in chain(
        *(places.folder.glob(hidden) for hidden in ("*/.*", "shards/*/.*"))
    ):  # what attempts that died left behind
        if path.is_file():
            path.unlink()
    scratch = None if in_store(places.work) else places.work
    duplicates = mark_duplicates(places.folder / "pages", signatures, scratch)
    counts: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for name in task.shards:
        marker = read_json(places.marker(name))
        counts.update(marker["counts"])
        errors.update(marker["errors"])
        seconds.update(marker["seconds"])
    summary = {
        **task.summary,
        "seconds": round(time.time() - task.started, 2),
        "counts": {name: counts[name] for name in TABLES},
        "duplicates": duplicates,
        "errors": dict(sorted(errors.items())),
        "stage_seconds": {stage: round(seconds[stage], 3) for stage in STAGES},
        "report_pages": task.report_pages,
    }
    write_json(places.folder / "run.json", summary, indent=1)
    write_report(places.folder, task.report_pages)
    return summary


#: The passes, in their order.
PASSES: dict[str, Callable[[Job, Any], Marker]] = {
    "parse": parse, "count": count, "check": check, "clean": clean, "finish": finish,
}  # fmt: skip


def work(job: Job, pass_: str, task: Any) -> Marker:
    """Do one task of a pass."""
    with contextlib.chdir(job.base):
        return PASSES[pass_](job, task)


_loaded: dict[tuple[Path, Path], Models] = {}


def _load(job: Job) -> Models:
    """The models of a run: kept in the process, and read again where they are not those that the run wants."""
    for attempt in ("kept", "read again"):
        if attempt == "read again" or job.models not in _loaded:
            _loaded[job.models] = load_models(job.models)
        models = _loaded[job.models]
        digests = models.cleaner.digest, models.tagger.digest
        if digests == job.digests:
            return models
    raise RunError(f"a worker's models are {digests}, the run's {job.digests}; install the same on every host")
