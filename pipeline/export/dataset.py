"""The tables as a folder for Hugging Face `datasets`: few large Parquet files, and a card that names the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.export.folder import whole_folder
from pipeline.tables import part_paths, read_batches, run_labels
from pipeline.webpage import writable
from pipeline.write import schemas

#: Tables by what a row is; the first is what `load_dataset` gives when none is named.
TABLES = {
    "sections": "a heading and what stands under it, with its tags and their probabilities",
    "passages": "a paragraph, list item or table row, with its tags, their probabilities and the evidence",
    "pages": "a cleaned page",
    "dropped": "a block that was dropped, with the reason",
}
#: A file is closed after so many rows.
FILE_ROWS = 200_000


def write(run: Path, target: str) -> str:
    """Parquet files by table, and `README.md`; a table without a row is left out and named in the card."""
    noted = json.loads((run / "run.json").read_text("utf-8"))
    labels = run_labels(run)
    with whole_folder(target) as folder:
        rows = {table: _write_table(run, folder, table, schemas(labels)[table]) for table in TABLES}
        (folder / "README.md").write_text(card(rows, noted, labels), "utf-8", newline="\n")
    return ", ".join(f"{count} {table}" for table, count in rows.items())


def _write_table(run: Path, folder: Path, table: str, schema: pa.Schema) -> int:
    """Copy a table; gives its rows."""
    rows = number = in_file = 0
    writer: pq.ParquetWriter | None = None
    for batch in read_batches(part_paths(run, table), schema.names):
        if writer is None:
            (folder / table).mkdir(exist_ok=True)
            path = folder / table / f"train-{number:05d}.parquet"
            writer = pq.ParquetWriter(path, schema, compression="zstd")
            number, in_file = number + 1, 0
        writer.write_batch(batch.cast(schema), row_group_size=len(batch))
        rows, in_file = rows + len(batch), in_file + len(batch)
        if in_file >= FILE_ROWS:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()
    return rows


def card(rows: dict[str, int], run: dict[str, Any], labels: tuple[str, ...]) -> str:
    """The card: which files make which table, and what the columns are.

    Parameters
    ----------
    rows : dict
        Rows by table.
    run : dict
        The content of `run.json`.
    labels : tuple of str
        Those of its tagger.
    """
    full = [table for table in TABLES if rows[table]]
    configs = "\n".join(
        f"- config_name: {table}\n"
        + ("  default: true\n" if table == full[0] else "")
        + f"  data_files:\n  - split: train\n    path: {table}/*.parquet"
        for table in full
    )
    spec = run.get("spec") or {}
    models = ", ".join(f"{name} `{digest}`" for name, digest in (spec.get("models") or {}).items())
    columns = schemas(labels)
    tables = "\n".join(
        f"| `{table}` | {rows[table]:,} | {meaning} | {', '.join(columns[table].names)} |"
        for table, meaning in TABLES.items()
    )
    head = f"configs:\n{configs}\n" if full else ""
    first = full[0] if full else next(iter(TABLES))
    return f"""---
pretty_name: Health pages, cleaned and tagged
task_categories:
- text-classification
{head}---

# Health pages, cleaned and tagged

Made by Healthsift {writable(str(run.get("healthsift") or ""))} from scraped pages: cleaned, cut into sections, and
tagged by its models{f" ({models})" if models else ""}. The tags are predictions, not labels by people;
`{"`, `".join(labels)}` hold their calibrated probabilities. The texts are those of the pages and belong to whoever
published them.

```python
from datasets import load_dataset

{first} = load_dataset("path/to/this/folder", "{first}", split="train")
```

| table | rows | a row is | columns |
|---|---|---|---|
{tables}

`tags` are lists, the primary tag first. `start` and `end` of a passage point into `pages.text`; those of its evidence
into its own text. A table without a row has no files.
"""
