"""export: a finished run in the forms that others read: Markdown, JSON-LD, CSV, a dataset for Hugging Face `datasets`.

Each form is a module with `write(run folder, target)` and a line in `FORMS`; all read the tables shard by shard.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import NamedTuple


class Form(NamedTuple):
    """A form that a run can be written in."""

    module: str
    metavar: str
    help: str


#: By the name of the option.
FORMS = {
    "markdown": Form("markdown", "DIR", "articles as Markdown, one file a page, what is known of it at its head"),
    "jsonld": Form("jsonld", "FILE", "articles as JSON-LD in the words of schema.org; - is standard output"),
    "csv": Form("spreadsheet", "FILE", "sections for a spreadsheet, no cell taken for a formula; - is standard output"),
    "dataset": Form("dataset", "DIR", "the tables as a folder that Hugging Face `datasets` loads"),
}


def export(run: Path, form: str, target: str) -> str:
    """Write a run in one of the `FORMS`; gives what was written, in words.

    Raises
    ------
    UsageError
        If the target cannot be written, or is a folder that holds something.
    """
    written: str = import_module(f"pipeline.export.{FORMS[form].module}").write(run, target)  # none needs the others
    return written
