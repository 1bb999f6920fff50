"""The rows of blocks that ship with the cleaner: numbers, and no text.

    models/cleaner/rows/   arrays.npz, manifest.json

Of some blocks of the pages that the cleaner learnt from: the columns of the second look, rounded to a few levels each,
and its logit, both of models that have not seen the page's fold; the label; for how many blocks the row stands; and a
hash of the site. With these rows `pipeline.learn.teach` sees to it that what a user teaches changes little elsewhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.clean.model import BRANCHES
from pipeline.clean.second import SECOND_COLUMNS
from pipeline.learn import silver
from pipeline.learn.bench import Example
from pipeline.model_store import ModelError, Schema, load_model, model_digest, save_model

FOLDER = "rows"
#: So many blocks of each branch ship ...
N_ROWS = 9000
#: ... this share of them such that the second look is sure of, and rightly so.
SURE_SHARE = 0.4
#: Sure is a logit so far from 0.
SURE = 2.0
#: A column takes at most so many values.
LEVELS = 32
#: Steps of a logit, and the largest.
STEP, MAX_LOGIT = 0.1, 9.2
_HINT = "train it anew with: python -m pipeline train cleaner --corpus DIR"


def _schema(branch: str) -> Schema:
    rows, sites = f"{branch}_rows", f"{branch}_sites"
    return {
        f"{branch}_levels": (len(SECOND_COLUMNS), LEVELS),  # rising; the last one fills the row
        f"{branch}_places": (len(SECOND_COLUMNS), rows),  # of the level that the value was rounded to
        f"{branch}_logits": (rows,),  # in steps
        f"{branch}_labels": (rows,),
        f"{branch}_stands_for": (rows,),  # blocks
        f"{branch}_weights": (rows,),  # in training, of all blocks that the row stands for
        f"{branch}_site_sizes": (sites,),  # rows of each site, one site after the other
        f"{branch}_sites": (sites,),  # hashes
    }


SCHEMA: Schema = {name: shape for branch in BRANCHES for name, shape in _schema(branch).items()}


class Rows(NamedTuple):
    """Blocks of one branch without their texts."""

    levels: np.ndarray  # shape (n_columns, LEVELS)
    table: np.ndarray  # shape (n_rows, n_columns), rounded to the levels
    logits: np.ndarray  # shape (n_rows,): what the second look says, out of fold
    labels: np.ndarray  # bool
    stands_for: np.ndarray  # blocks
    weights: np.ndarray  # in training; a block has 1 on average
    sites: np.ndarray  # hashes, see `site_key`


def site_key(site: str) -> int:
    """A site's name as 32 bits."""
    return zlib.crc32(site.encode("utf-8", "replace"))


def choose_rows(
    examples: Sequence[Example], tables: Sequence[np.ndarray], logits: Sequence[np.ndarray],
    weights: Sequence[np.ndarray], seed: int,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw the rows of one branch: more of the blocks that the second look is unsure of, or wrong.

    Parameters
    ----------
    examples
        Pages made for training only, and those with a wrong reference or none, are passed over.
    tables, logits
        Of each page the second look's columns and what it says, by models that have not seen its fold.
    weights
        Of each page's blocks in training; a label that does not count has next to none.
    seed

    Returns
    -------
    dict
        The arrays of `_schema` without the branch's name.
    """
    pages = [
        i for i, e in enumerate(examples) if e.scored and not e.suspect and e.group != silver.GROUP and e.page.blocks
    ]
    pages.sort(key=lambda i: (site_key(_site(examples[i])), i))
    sizes = [len(tables[i]) for i in pages]
    logit = np.concatenate([logits[i] for i in pages])
    label = np.concatenate([np.array(examples[i].labels, dtype=bool) for i in pages])
    counted = np.concatenate([np.array(examples[i].counted, dtype=bool) for i in pages])
    sure = (np.abs(logit) > SURE) & ((logit > 0) == label)
    rng = np.random.default_rng(seed)
    chosen, stands_for = [], []
    for kind, share in ((sure, SURE_SHARE), (~sure, 1 - SURE_SHARE)):
        all_of_kind = np.flatnonzero(kind & counted)
        drawn = rng.choice(all_of_kind, min(int(N_ROWS * share), len(all_of_kind)), replace=False)
        chosen.append(drawn)
        stands_for.append(np.full(len(drawn), len(all_of_kind) / max(1, len(drawn))))
    rows, order = np.unique(np.concatenate(chosen), return_index=True)
    for_blocks = np.concatenate(stands_for)[order]
    table = np.concatenate([tables[i] for i in pages])[rows]
    keys = np.repeat([site_key(_site(examples[i])) for i in pages], sizes)[rows]
    sites, site_sizes = np.unique(keys, return_counts=True)
    levels = column_levels(table)
    return {
        "levels": levels,
        "places": places_of(table, levels).T,
        "logits": np.round(np.clip(logit[rows], -MAX_LOGIT, MAX_LOGIT) / STEP).astype(np.int8),
        "labels": label[rows].astype(np.uint8),
        "stands_for": for_blocks.astype(np.float16),
        "weights": (np.concatenate([weights[i] for i in pages])[rows] * for_blocks).astype(np.float16),
        "site_sizes": site_sizes.astype(np.uint16),
        "sites": sites.astype(np.uint32),
    }


def column_levels(table: np.ndarray) -> np.ndarray:
    """Levels for each column of a table: quantiles of its values; shape (n_columns, LEVELS), float32, rising."""
    levels = np.zeros((table.shape[1], LEVELS), dtype=np.float32)
    for column, values in enumerate(table.T):
        wanted = np.quantile(values, np.linspace(0, 1, LEVELS), method="nearest").astype(np.float16)
        found = np.unique(wanted)
        levels[column] = np.concatenate((found, np.full(LEVELS - len(found), found[-1])))
    return levels


def places_of(table: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The nearest level of each value, shape (n_rows, n_columns), uint8."""
    middles = (levels[:, 1:] + levels[:, :-1]) / 2
    columns = [np.searchsorted(np.unique(m), values) for m, values in zip(middles, table.T, strict=True)]
    return np.stack(columns, axis=1).astype(np.uint8)


def rows_arrays(branches: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of the folder, of what `choose_rows` drew of each branch."""
    return {f"{branch}_{name}": array for branch, of in branches.items() for name, array in of.items()}


def save_rows(folder: Path, arrays: Mapping[str, np.ndarray]) -> str:
    """Write the arrays that `rows_arrays` gives, and tell the digest that names them."""
    save_model(folder, "rows", arrays, {}, {"columns": list(SECOND_COLUMNS)}, small=True)
    return model_digest(folder, "rows")


def load_rows(folder: Path, branch: str) -> Rows:
    """Read the rows of a branch.

    Raises
    ------
    ModelError
        If the folder holds no whole and consistent rows for this version's columns.
    """
    model = load_model(folder, "rows", SCHEMA, "cleaner --corpus DIR")
    if model.manifest.get("columns") != list(SECOND_COLUMNS):
        raise ModelError(f"{folder}/manifest.json: columns of another version; {_HINT}")
    read = {name.removeprefix(f"{branch}_"): array for name, array in model.arrays.items() if name.startswith(branch)}
    places, n = read["places"], len(read["logits"])
    if int(read["site_sizes"].sum()) != n or int(places.max(initial=0)) >= LEVELS:
        raise ModelError(f"{folder}/arrays.npz: {branch}: other sites or levels than there are; {_HINT}")
    return Rows(
        levels=read["levels"],
        table=rounded(places.T, read["levels"]),
        logits=read["logits"] * STEP,
        labels=read["labels"] > 0,
        stands_for=read["stands_for"].astype(np.float64),
        weights=read["weights"].astype(np.float64),
        sites=np.repeat(read["sites"], read["site_sizes"]),
    )


def rounded(places: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The values at these levels, shape (n_rows, n_columns), float32."""
    return np.take_along_axis(levels, places.T.astype(np.int64), axis=1).T


def _site(example: Example) -> str:
    return example.page.site or example.page.page_id
