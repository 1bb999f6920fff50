"""report: the tables of a run as one HTML page to read, search and print.

    tables + run.json --gather--> view records --render--> report.html

The page stands alone: no address outside it is ever asked for, and a strict Content-Security-Policy lets
only the style and the script of `report.html.j2` act, by their hashes. Page text is hostile; it meets
HTML in the template only, where everything is escaped.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds

from pipeline.webpage import (
    TAGS,
    Chip,
    PassageView,
    is_web_address,
    open_environment,
    readable,
    score_text,
    tag_chips,
    view_passage,
    why_untagged,
)
from pipeline.write import SCHEMAS

Row = dict[str, Any]

TEMPLATE = Path(__file__).with_name("report.html.j2")
#: Rows of the site and error tables: enough to see what a run did; the rest is said as a number.
MAX_SITES, MAX_ERRORS = 40, 200
#: Without these bounds, Arrow reads so far ahead that a large run stands in memory after all.
_GENTLY = {"batch_size": 8192, "batch_readahead": 2, "fragment_readahead": 2}
_SECTION, _PASSAGE, _DROPPED = range(3)  # a section opens before the passage at the same position


class Bar(NamedTuple):
    """An amount with its share of a whole."""

    key: str
    name: str
    amount: float
    share: float  # 0 to 1


class DroppedRun(NamedTuple):
    """Blocks dropped one after the other."""

    summary: str
    blocks: list[tuple[str, str, str]]  # reason, score, text
    shape: str = "dropped"


class SectionView(NamedTuple):
    """A section as it is shown; `parts` are its passages and the blocks dropped between them."""

    anchor: str
    heading: str
    level: int
    key: str  # primary tag, "none" without one
    chips: list[Chip]
    parts: list[PassageView | DroppedRun]
    shape: str = "section"


class PageView(NamedTuple):
    """A page as it is shown, in the table of pages and by itself."""

    anchor: str
    number: int
    row: Row
    title: str
    site: str
    link: str | None  # the url where it can be followed safely
    meta: list[str | None]  # the quiet line under the title
    chips: list[Chip]  # value: passages that carry the tag
    tagged: int  # passages with a tag
    lowest: str  # least probability of a tag that was given, "" without one
    note: str  # why the page is not tagged
    original: str | None  # anchor of the page it repeats, where that is shown
    parts: list[SectionView | DroppedRun]


def write_report(folder: Path, max_pages: int = 500) -> Path:
    """Write `report.html` into a run's folder.

    Parameters
    ----------
    folder : Path
        Holds the tables of `pipeline.write.SCHEMAS`, each a folder of Parquet parts, and `run.json`.
    max_pages : int
        Pages shown in full, from the first on. Only these are held in memory.

    Returns
    -------
    Path
        The report, written under a dot name and then renamed.

    Raises
    ------
    FileNotFoundError
        There is no `run.json`.
    ValueError
        `run.json` is not JSON, or `max_pages` is negative.
    """
    if max_pages < 0:
        raise ValueError(f"max_pages is {max_pages}; give 0 or more")
    folder = Path(folder)
    run = json.loads((folder / "run.json").read_text("utf-8"))
    tables = {name: _open_table(folder, name) for name in SCHEMAS}
    environment = open_environment()
    environment.filters.update(percent=_percent)
    view = {"tag_words": TAGS, **gather_overview(run, tables), "pages": gather_pages(tables, max_pages)}
    beside, report = folder / ".report.html", folder / "report.html"
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(environment.get_template(TEMPLATE.name).generate(view))
    return beside.replace(report)


def gather_overview(run: Row, tables: dict[str, ds.Dataset]) -> dict[str, Any]:
    """Everything the overview tells, by the names the template uses.

    Reads the small columns of the tables (by the names of `SCHEMAS`), batch by batch; every key of `run`,
    the content of `run.json`, may be missing.
    """
    counts = {name: table.count_rows() for name, table in tables.items()} | run.get("counts", {})
    spec = run.get("spec") or {}
    sites = _by_site(tables["pages"])
    inputs = spec.get("inputs") or []
    return {
        "facts": [
            ("Input", inputs if isinstance(inputs, str) else ", ".join(map(str, inputs))),
            ("Started", _readable_time(run.get("started"))),
            ("Took", _duration(run["seconds"]) if "seconds" in run else None),
            ("Engine", spec.get("engine")),
            ("Models", ", ".join(f"{name} {digest}" for name, digest in (spec.get("models") or {}).items())),
            ("Healthsift", run.get("healthsift")),
        ],
        "options": json.dumps(spec, indent=2, ensure_ascii=False) if spec else "",
        "counts": counts,
        "in_table": tables["pages"].count_rows(),
        "tags": {name: _tag_bars(tables[name]) for name in ("sections", "passages")},
        "reasons": _bars(_tally(tables["dropped"], "reason")),
        "kinds": _bars(_tally(tables["pages"], "page_kind")),
        "languages": _bars(_tally(tables["pages"], "language")),
        "stages": _bars(run.get("stage_seconds") or {}, ordered=False),
        "sites": sites[:MAX_SITES],
        "more_sites": max(0, len(sites) - MAX_SITES),
        "errors": tables["errors"].head(MAX_ERRORS).to_pylist(),
        "error_rows": tables["errors"].count_rows(),
    }


def gather_pages(tables: dict[str, ds.Dataset], max_pages: int) -> list[PageView]:
    """The first `max_pages` pages, in the order of the parts, with their rows of the other tables."""
    columns = [name for name in SCHEMAS["pages"].names if name != "text"]  # the passages hold it already
    rows = tables["pages"].head(max_pages, columns=columns, batch_size=1024).to_pylist()
    anchors = {row["page_id"]: f"p{number}" for number, row in enumerate(rows, start=1)}
    blocks = [_rows_by_page(tables, name, anchors) for name in ("sections", "passages", "dropped")]
    return [
        _view_page(number, row, [by_page[row["page_id"]] for by_page in blocks], anchors)
        for number, row in enumerate(rows, start=1)
    ]


def _view_page(number: int, row: Row, blocks: Sequence[list[Row]], anchors: dict[str, str]) -> PageView:
    """One row of `pages`, with its rows of sections, passages and dropped, as the page number `number`."""
    passages = blocks[1]
    given = [(tag, passage[tag]) for passage in passages for tag in passage["tags"] or ()]
    per_tag = Counter(tag for tag, _ in given)
    note = "" if given else why_untagged(row["page_kind"], row["language"])
    probabilities = [score for _, score in given if score is not None]
    return PageView(
        anchor=f"p{number}",
        number=number,
        row=row,
        title=(row["title"] or "").strip() or "Untitled page",
        site=row["site"] or "",
        link=row["url"] if is_web_address(row["url"]) else None,
        meta=_meta(row),
        chips=[Chip(tag, word, str(per_tag[tag])) for tag, word in TAGS.items() if per_tag[tag]],
        tagged=sum(bool(passage["tags"]) for passage in passages),
        lowest=f"{min(probabilities):.2f}" if probabilities else "",
        note=note,
        original=anchors.get(row["duplicate_of"] or ""),
        parts=interleave(f"p{number}", *blocks, scored=not note),
    )


def interleave(
    anchor: str, sections: list[Row], passages: list[Row], dropped: list[Row], *, scored: bool = True
) -> list[SectionView | DroppedRun]:
    """A page in reading order.

    Blocks dropped between two passages of a section stand inside it; those before a section's heading,
    or after the last passage, stand between the sections. Probabilities are left out where not `scored`.
    """
    ranked = ((_SECTION, sections), (_PASSAGE, passages), (_DROPPED, dropped))
    events = [(row["position"], rank, row) for rank, rows in ranked for row in rows]
    parts: list[SectionView | DroppedRun] = []
    section: SectionView | None = None
    run: list[Row] = []
    for _, rank, row in sorted(events, key=lambda event: event[:2]):
        if rank == _DROPPED:
            run.append(row)
            continue
        if run:
            (parts if rank == _SECTION or section is None else section.parts).append(_view_run(run))
            run = []
        if rank == _SECTION or section is None:
            opened = row if rank == _SECTION else {}
            section = _view_section(f"{anchor}-s{len(parts) + 1}", opened, scored)
            parts.append(section)
        if rank == _PASSAGE:
            section.parts.append(view_passage(row, scored))
    return parts + ([_view_run(run)] if run else [])


def _view_section(anchor: str, row: Row, scored: bool) -> SectionView:
    tags = row.get("tags") or []
    return SectionView(
        anchor=anchor,
        heading=row.get("heading") or "",
        level=row.get("level") or 0,
        key=tags[0] if tags else "none",
        chips=tag_chips(row, tags) if scored else [],
        parts=[],
    )


def _view_run(rows: Sequence[Row]) -> DroppedRun:
    reasons = Counter(readable(row["reason"]) for row in rows).most_common()
    named = ", ".join(f"{reason} ×{count}" for reason, count in reasons) if len(rows) > 1 else reasons[0][0]
    blocks = [(readable(row["reason"]), score_text(row["score"]), row["text"]) for row in rows]
    return DroppedRun(f"{len(rows)} {'block' if len(rows) == 1 else 'blocks'} dropped: {named}", blocks)


def _meta(row: Row) -> list[str | None]:
    words, kept, dropped = (row[name] or 0 for name in ("words", "kept", "dropped"))
    numbers = f"{words:,} words, {kept:,} blocks kept, {dropped:,} dropped"
    return [row["site"], row["date"], row["author"], row["language"], readable(row["page_kind"]), numbers]


def _open_table(folder: Path, name: str) -> ds.Dataset:
    """A table's parts in the order of their names; those under a dot name are not finished."""
    parts = sorted(path for path in (folder / name).glob("*.parquet") if not path.name.startswith("."))
    if not parts:
        return ds.dataset(SCHEMAS[name].empty_table())
    return ds.dataset([str(part) for part in parts], schema=SCHEMAS[name], format="parquet")


def _rows_by_page(tables: dict[str, ds.Dataset], name: str, page_ids: Iterable[str]) -> dict[str, list[Row]]:
    columns = [column for column in SCHEMAS[name].names if (name, column) != ("sections", "text")]
    wanted = ds.field("page_id").isin(pa.array(list(page_ids), pa.string()))
    by_page: dict[str, list[Row]] = defaultdict(list)
    for batch in tables[name].to_batches(columns=columns, filter=wanted, **_GENTLY):
        for row in batch.to_pylist():
            by_page[row["page_id"]].append(row)
    return by_page


def _tally(table: ds.Dataset, column: str) -> Counter[str]:
    tally: Counter[str] = Counter()
    for batch in table.to_batches(columns=[column]):
        for count in batch.column(0).value_counts().to_pylist():
            tally[count["values"] or "unknown"] += count["counts"]
    return tally


def _tag_bars(table: ds.Dataset) -> list[Bar]:
    tally: Counter[str] = Counter()
    for batch in table.to_batches(columns=["tags"]):
        for tags in batch.column(0).to_pylist():
            tally.update(tags or ["none"])
    rows = table.count_rows() or 1
    return [Bar(key, word, tally[key], tally[key] / rows) for key, word in {**TAGS, "none": "No tag"}.items()]


def _by_site(table: ds.Dataset) -> list[tuple[str, Counter[str]]]:
    """Sites with their sums of pages, words, kept and dropped blocks; those with most pages first."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    columns = ["words", "kept", "dropped"]
    for batch in table.to_batches(columns=["site", *columns]):
        for row in batch.to_pylist():
            sums[row["site"] or ""].update({"pages": 1, **{name: row[name] or 0 for name in columns}})
    return sorted(sums.items(), key=lambda item: (-item[1]["pages"], item[0]))


def _bars(counts: Mapping[str, float], *, ordered: bool = True) -> list[Bar]:
    whole = sum(counts.values()) or 1
    items = sorted(counts.items(), key=lambda item: (-item[1], item[0])) if ordered else counts.items()
    return [Bar(key, readable(key), count, count / whole) for key, count in items]


def _percent(share: float) -> str:
    return "under 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.0f} s" if minutes else f"{seconds:.1f} s"


def _readable_time(stamp: str | None) -> str | None:
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:  # a stamp of another make is still worth showing
        return stamp
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()
