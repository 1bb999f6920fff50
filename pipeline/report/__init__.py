"""report: the tables of a run as one HTML page to read, search and print.

    tables + run.json --overview, pages--> values --files, template--> report.html, report-data/

The overview is plain HTML. Pages travel as data, in `report.html` itself where they are few, else in files beside it;
the script draws them. No address outside is ever asked for, and a strict Content-Security-Policy lets only our style
and script act, by their hashes, and what that script loads: the numbered data files. Page text is hostile; it meets
HTML in the template, where everything is escaped, and in the script, which makes text of it and never HTML.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from markupsafe import Markup

from pipeline.palette import style_of
from pipeline.report.files import FOLDER, DataFiles
from pipeline.report.overview import gather_overview, percent
from pipeline.report.pages import IndexRow, index_row, page_view
from pipeline.tables import read_pages, run_labels
from pipeline.webpage import TEMPLATES, open_environment, script_json, tag_words

HERE = Path(__file__).parent
TEMPLATE = HERE.joinpath("report.html.j2").relative_to(TEMPLATES).as_posix()
#: The script's files, in the order in which they are joined.
SCRIPTS = ("data.js", "draw.js", "table.js", "page.js", "main.js")


def write_report(folder: Path, max_pages: int = 500) -> Path:
    """Write `report.html` into a run's folder, and the folder `report-data` beside it where the pages need it.

    Parameters
    ----------
    folder : Path
        Holds the tables of `pipeline.write.schemas`, each a folder of Parquet parts, and `run.json`.
    max_pages : int
        Pages that can be opened, from the first on. Of these the rows of the table of pages are held in memory;
        text is held of one shard and one data file.

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
    noted = (folder / "run.json").read_bytes()
    labels = run_labels(folder)
    overview = gather_overview(folder, json.loads(noted), labels)
    files = DataFiles(folder, hashlib.sha256(noted).hexdigest()[:12])
    index: list[IndexRow] = []
    if max_pages:
        for row, blocks in read_pages(folder):
            index.append(index_row(row, blocks["passages"], files.add(page_view(row, blocks, labels)), labels))
            if len(index) == max_pages:
                break
    within = files.close()
    book = {
        "build": files.build,
        "folder": FOLDER,
        "files": files.number or 1,
        "tags": list(tag_words(labels).items()),
        "fields": IndexRow._fields,
        "pages": index,
    }
    environment = open_environment()
    environment.filters.update(percent=percent)
    view = {
        **overview,
        "tag_words": tag_words(labels),
        "data_folder": FOLDER if files.number else "",
        "shown": len(index),
        "shown_sites": {row.site for row in index},
        "index": Markup(script_json(book)),  # JSON without a "<", so nothing that would need escaping
        "within": Markup(within),
        "script": Markup(read_script()),
        "own_style": Markup((HERE / "report.css").read_text("utf-8") + style_of(labels)),
    }
    beside, report = folder / ".report.html", folder / "report.html"
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(environment.get_template(TEMPLATE).generate(view))
    files.publish()
    return beside.replace(report)


def read_script() -> str:
    """The script of the report: its files in one closed scope."""
    sources = "\n".join((HERE / name).read_text("utf-8") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{sources}}})();\n'
