"""A finished run as pandas frames, and the few tables one wants first: what the notebooks are made of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.read import InputError
from pipeline.store import folder as run_folder
from pipeline.write import labels_among


class Batch(NamedTuple):
    """The five tables of a run."""

    pages: pd.DataFrame
    sections: pd.DataFrame
    passages: pd.DataFrame
    dropped: pd.DataFrame
    errors: pd.DataFrame

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the run's tagger, in the order of their columns."""
        return labels_among(list(self.sections.columns))


def load_batch(folder: str | Path) -> Batch:
    """Read the tables of a run.

    Raises
    ------
    FileNotFoundError
        If the folder holds no run.
    """
    folder = run_folder(str(folder))
    if not (folder / "run.json").exists():
        raise FileNotFoundError(f"{folder}: holds no run; make one with: python -m pipeline run INPUT -o {folder}")
    return Batch(*(pd.read_parquet(str(folder / name)) for name in Batch._fields))


def read_batch(folder: Path) -> Batch:
    """The same for a command: raises InputError if the folder holds no run."""
    try:
        return load_batch(folder)
    except FileNotFoundError as error:
        raise InputError(str(error)) from error


def overview(batch: Batch) -> pd.DataFrame:
    """One row a site: pages, kept words, share of blocks dropped, and how many sections carry each tag."""
    sites = batch.pages.assign(site=batch.pages["site"].fillna("(no site)")).set_index("page_id")
    table = sites.groupby("site").agg(
        pages=("words", "size"), words=("words", "sum"), kept=("kept", "sum"), dropped=("dropped", "sum")
    )
    table["dropped_share"] = (table["dropped"] / (table["kept"] + table["dropped"])).round(3)
    carried = tag_counts(batch.sections, batch.sections["page_id"].map(sites["site"]))
    return (
        table.drop(columns=["kept", "dropped"]).join(carried).fillna(0).astype({label: int for label in batch.labels})
    )


def tag_counts(table: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    """How many rows of a table of sections or passages carry each tag, grouped by another column."""
    labels = labels_among(list(table.columns))
    flags = pd.DataFrame({label: table["tags"].map(lambda tags, label=label: label in tags) for label in labels})
    return flags.groupby(by.rename("site")).sum()


def drop_reasons(batch: Batch) -> pd.DataFrame:
    """One row a reason: blocks dropped for it, their share, their mean score, and the most frequent text."""
    grouped = batch.dropped.groupby("reason")
    table = pd.DataFrame(
        {
            "blocks": grouped.size(),
            "mean_score": grouped["score"].mean().round(3),
            "for_instance": grouped["text"].agg(lambda texts: texts.value_counts().index[0][:70]),
        }
    )
    table.insert(1, "share", (table["blocks"] / table["blocks"].sum()).round(3))
    return table.sort_values("blocks", ascending=False)


def least_sure(batch: Batch, label: str, n: int = 10) -> pd.DataFrame:
    """The passages whose probability of a label is nearest to one half."""
    table = batch.passages.assign(distance=(batch.passages[label] - 0.5).abs()).nsmallest(n, "distance")
    return table[["page_id", label, "tags", "text"]].reset_index(drop=True)


def longest_sections(batch: Batch, n: int = 10) -> pd.DataFrame:
    """The sections with the most words."""
    columns = ["page_id", "heading", "tags", "words"]
    return batch.sections.nlargest(n, "words")[columns].reset_index(drop=True)
