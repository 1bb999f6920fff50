"""The overview: counts of a run by tag, site, date, reason, error and stage, for the template to lay out."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables import Row, count_rows, part_paths, read_batches, read_rows
from pipeline.webpage import readable, tag_words
from pipeline.write import TABLES, schemas

#: Rows of the site and error tables: enough to see what a run did; the rest is said as a number.
MAX_SITES, MAX_ERRORS = 40, 200
#: Dates are counted by month over so many months, by year beyond; of years, the last so many are shown.
MAX_PERIODS = 36
NO_TAG = "none"


class Bar(NamedTuple):
    """An amount with its share of a whole, and the length of its bar."""

    key: str
    name: str
    amount: float
    share: float  # 0 to 1
    length: float  # 0 to 1


class Periods(NamedTuple):
    """Sections by the date of their page, for a row of columns for each tag."""

    names: list[str]  # "2024-03", or "2024"; without a gap
    tags: list[tuple[str, str, list[tuple[str, int]]]]  # tag, its name, each period with its sections
    most: int  # the tallest column
    undated: int  # pages without a date
    earlier: int  # pages older than the first period shown


class Account(NamedTuple):
    """What is counted page by page, over all parts."""

    sites: dict[str, Counter[str]]  # pages, words, kept, dropped, and sections by tag
    kinds: Counter[str]
    languages: Counter[str]
    months: dict[str, Counter[str]]  # "2024-03" to sections by tag, and pages; "" for no date


def gather_overview(folder: Path, run: Row, labels: Sequence[str]) -> dict[str, Any]:
    """Everything the overview tells, by the names the template uses.

    Every key of `run`, the content of `run.json`, may be missing; `labels` are those of its tagger. Tables are read
    shard by shard.
    """
    rows = {name: count_rows(folder, name) for name in TABLES}
    counts = rows | run.get("counts", {})
    spec = run.get("spec") or {}
    inputs = spec.get("inputs") or []
    account = _account(folder)
    sites = sorted(account.sites.items(), key=lambda item: (-item[1]["pages"], item[0]))
    errors = Counter((row["stage"], row["error"]) for row in _errors(folder, ("stage", "error")))
    seconds = run.get("seconds")
    return {
        "facts": [
            ("Input", inputs if isinstance(inputs, str) else ", ".join(map(str, inputs))),
            ("Started", _readable_time(run.get("started"))),
            ("Took", _duration(seconds) if seconds is not None else None),
            ("Engine", run.get("engine") or spec.get("engine")),
            ("Models", ", ".join(f"{name} {digest}" for name, digest in (spec.get("models") or {}).items())),
            ("Healthsift", run.get("healthsift")),
        ],
        "options": json.dumps(spec, indent=2, ensure_ascii=False) if spec else "",
        "counts": counts,
        "in_table": rows["pages"],
        "tags": {name: _tag_bars(folder, name, rows[name], labels) for name in ("sections", "passages")},
        "reasons": _bars(_tally(folder, "dropped", "reason")),
        "kinds": _bars(account.kinds),
        "languages": _bars(account.languages),
        "stages": _stages(run.get("stage_seconds") or {}, rows["pages"] + rows["errors"]),
        "periods": periods(account.months, labels),
        "sites": sites[:MAX_SITES],
        "more_sites": max(0, len(sites) - MAX_SITES),
        "error_kinds": errors.most_common(),
        "errors": list(islice(_errors(folder, schemas(())["errors"].names), MAX_ERRORS)),
        "error_rows": rows["errors"],
    }


def _account(folder: Path) -> Account:
    account = Account(defaultdict(Counter), Counter(), Counter(), defaultdict(Counter))
    for path in part_paths(folder, "pages"):
        places: dict[str, tuple[str, str]] = {}
        columns = ("page_id", "site", "date", "language", "page_kind", "words", "kept", "dropped")
        for row in read_rows([path], columns):
            site, month = row["site"] or "", (row["date"] or "")[:7]
            places[row["page_id"]] = site, month
            account.sites[site].update({"pages": 1, **{name: row[name] or 0 for name in ("words", "kept", "dropped")}})
            account.kinds[row["page_kind"] or "unknown"] += 1
            account.languages[row["language"] or "unknown"] += 1
            account.months[month]["pages"] += 1
        for row in read_rows([folder / "sections" / path.name], ("page_id", "tags")):
            site, month = places.get(row["page_id"], ("", ""))
            for tag in row["tags"] or (NO_TAG,):
                account.sites[site][tag] += 1
                account.months[month][tag] += 1
    return account


def periods(months: Mapping[str, Counter[str]], labels: Sequence[str]) -> Periods:
    """Counts by month as columns without a gap: by year where the months would be too many.

    `months` maps "2024-03", or "" for no date, to sections by tag and to `pages`; `labels` are the tags.
    """
    dated = sorted(month for month in months if _number(month) is not None)
    undated = sum(counts["pages"] for month, counts in months.items() if month not in set(dated))
    by_year = bool(dated) and (_number(dated[-1]) or 0) - (_number(dated[0]) or 0) >= MAX_PERIODS
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for month in dated:
        sums[month[:4] if by_year else month].update(months[month])
    names = _without_gaps(sorted(sums), by_year)
    shown = names[-MAX_PERIODS:]
    words = tag_words(labels)
    tags = [
        (tag, word, [(name, sums[name][tag] if name in sums else 0) for name in shown]) for tag, word in words.items()
    ]
    most = max((count for _, _, counts in tags for _, count in counts), default=0)
    earlier = sum(counts["pages"] for name, counts in sums.items() if name < (shown[0] if shown else ""))
    return Periods(shown, tags, most, undated, earlier)


def _number(month: str) -> int | None:
    """Months since year 0; None for what is no month."""
    year, _, number = month.partition("-")
    if len(year) == 4 and year.isdecimal() and number.isdecimal() and 1 <= int(number) <= 12:
        return int(year) * 12 + int(number) - 1
    return None


def _without_gaps(names: list[str], by_year: bool) -> list[str]:
    if not names:
        return []
    if by_year:
        return [f"{year:04d}" for year in range(int(names[0]), int(names[-1]) + 1)]
    first, last = _number(names[0]) or 0, _number(names[-1]) or 0
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in range(first, last + 1)]


def _errors(folder: Path, columns: Iterable[str]) -> Iterable[Row]:
    return read_rows(part_paths(folder, "errors"), list(columns))


def _tally(folder: Path, table: str, column: str) -> Counter[str]:
    tally: Counter[str] = Counter()
    for batch in read_batches(part_paths(folder, table), [column]):
        for count in batch.column(0).value_counts().to_pylist():
            tally[count["values"] or "unknown"] += count["counts"]
    return tally


def _tag_bars(folder: Path, table: str, rows: int, labels: Sequence[str]) -> list[Bar]:
    tally: Counter[str] = Counter()
    for batch in read_batches(part_paths(folder, table), ["tags"]):
        tags = batch.column(0)
        lengths = pc.fill_null(pc.list_value_length(tags), 0)
        tally[NO_TAG] += pc.sum(pc.equal(lengths, pa.scalar(0, lengths.type))).as_py() or 0
        for count in pc.value_counts(pc.list_flatten(tags)).to_pylist():
            tally[count["values"]] += count["counts"]
    shares = {key: tally[key] / (rows or 1) for key in (*labels, NO_TAG)}
    words = {**tag_words(labels), NO_TAG: "No tag"}
    return [Bar(key, words[key], tally[key], share, share) for key, share in shares.items()]


def _bars(counts: Mapping[str, float]) -> list[Bar]:
    """The largest first; the largest has the whole length."""
    whole, most = sum(counts.values()) or 1, max(counts.values(), default=0) or 1
    items = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Bar(key, readable(key), count, count / whole, count / most) for key, count in items]


def _stages(seconds: Mapping[str, float], pages: int) -> list[tuple[Bar, str]]:
    """Stages in the order of the run, each with its time a page."""
    whole, most = sum(seconds.values()) or 1, max(seconds.values(), default=0) or 1
    return [
        (Bar(key, readable(key), spent, spent / whole, spent / most), f"{1000 * spent / (pages or 1):.2f} ms")
        for key, spent in seconds.items()
    ]


def percent(share: float) -> str:
    """A share as it is shown.

    >>> [percent(share) for share in (0, 0.004, 0.5)]
    ['0 %', '< 1 %', '50 %']
    """
    return "< 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{seconds:.1f} s"


def _readable_time(stamp: str | None) -> str | None:
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:  # a stamp of another make is still worth showing
        return stamp
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()
