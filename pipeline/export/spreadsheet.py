"""Sections as CSV that a spreadsheet opens: UTF-8 with its mark, and no cell that would be taken for a formula."""

from __future__ import annotations

import csv
from pathlib import Path

from pipeline.streams import output
from pipeline.tables import part_paths, read_rows, run_labels
from pipeline.webpage import writable
from pipeline.write import schemas

PAGE_COLUMNS = ("page_id", "url", "site", "title", "date", "language", "page_kind")
#: A cell that begins so is a formula to one spreadsheet or another.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: What the common spreadsheets hold in one cell.
CELL_CHARACTERS = 32_767


def write(run: Path, target: str) -> str:
    """One line a section, with what is known of its page."""
    sections = cut = 0
    columns = [name for name in schemas(run_labels(run))["sections"].names if name != "page_id"]
    with output(target) as stream:
        stream.write("\ufeff")  # without it a spreadsheet takes the file for the alphabet of its country
        lines = csv.writer(stream, lineterminator="\r\n")
        lines.writerow((*PAGE_COLUMNS, *columns))
        for path in part_paths(run, "pages"):
            rows = read_rows([path], PAGE_COLUMNS)
            pages = {row["page_id"]: [to_cell(row[name]) for name in PAGE_COLUMNS] for row in rows}
            for row in read_rows([run / "sections" / path.name], ["page_id", *columns]):
                cells = pages[row["page_id"]] + [to_cell(row[name]) for name in columns]
                lines.writerow([fit(cell) for cell in cells])
                sections += 1
                cut += any(len(cell) > CELL_CHARACTERS for cell in cells)
    note = f", {cut} of them cut to the {CELL_CHARACTERS:,} characters of a cell" if cut else ""
    return f"{sections} sections{note}"


def to_cell(value: object) -> str:
    """A value as a cell: a list joined by commas, a text that looks like a formula behind an apostrophe.

    >>> [to_cell(value) for value in ("=1+1", -0.5, ["causes", "remedies"], None)]
    ["'=1+1", '-0.5', 'causes, remedies', '']
    """
    if value is None:
        return ""
    if isinstance(value, (int, float)):
        return str(value)
    text = ", ".join(value) if isinstance(value, list) else writable(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text


def fit(cell: str) -> str:
    """A cell as long as a spreadsheet can hold."""
    return cell if len(cell) <= CELL_CHARACTERS else cell[: CELL_CHARACTERS - 1] + "…"
