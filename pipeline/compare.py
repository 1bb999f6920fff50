"""compare: two runs, or one run and what its tagger learnt from.

Two runs are compared by shares and means over all pages and site by site. The test is a permutation test over pages: if
the two runs did not differ, it would be chance which of them gave which of its pages. Pages that both runs hold are
exchanged within their pair, the others among each other; passages of one page stay together. Over all comparisons the
p values are corrected by Benjamini and Hochberg's step-up, so that of the changes marked as real at most that share is
expected to be chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.batch import Batch

#: Exchanges tried; the smallest p is 1 / (PERMUTATIONS + 1).
PERMUTATIONS = 9999
#: So many are tried at once, to bound the memory.
CHUNK = 500
#: Expected share of chance among the changes marked as real.
FALSE_SHARE = 0.05
#: Sites with fewer pages in either run are compared together.
MIN_PAGES = 5
ALL, FEW, NO_SITE = "(all)", "(small sites)", "(no site)"

#: What is compared besides the labels: a sum over pages divided by another one.
MEASURES = {
    "passages without a tag": ("untagged", "passages"),
    "mean confidence": ("confidence", "passages"),
    "blocks dropped": ("dropped", "blocks"),
    "pages without an article": ("no_article", "pages"),
    "pages failed": ("failed", "pages"),
}


class Change(NamedTuple):
    """One measure of one site in both runs."""

    site: str
    measure: str
    pages: tuple[int, int]  # in either run
    before: float
    after: float
    p: float  # of the permutation test
    q: float  # corrected for all comparisons

    @property
    def real(self) -> bool:
        """Whether it is more than noise."""
        return self.q <= FALSE_SHARE


def page_sums(batch: Batch, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """One row a page, failed ones too: its site and what the measures are made of.

    Parameters
    ----------
    batch
        A run.
    labels
        Those that count, where others of the run's tagger do not; None: all of them.

    Returns
    -------
    frame
        Indexed by page_id, with column `site`, one for each label, and the columns that `MEASURES` names.
    """
    passages, labels = batch.passages, batch.labels if labels is None else labels
    sureness = np.maximum(passages[list(labels)], 1 - passages[list(labels)]).min(axis=1)
    flags = pd.DataFrame({label: passages["tags"].map(lambda tags, label=label: label in tags) for label in labels})
    flags["untagged"] = ~flags.any(axis=1)
    sums = flags.astype(float).assign(confidence=sureness, passages=1.0).groupby(passages["page_id"]).sum()
    pages = batch.pages.set_index("page_id")
    made = pd.DataFrame(
        {
            "site": pages["site"].fillna(NO_SITE),
            "dropped": pages["dropped"].astype(float),
            "blocks": (pages["kept"] + pages["dropped"]).astype(float),
            "no_article": (~pages.index.isin(passages["page_id"])).astype(
                float
            ),  # of another kind or language, or empty
            "failed": 0.0,
        }
    )
    failed = pd.DataFrame({"site": NO_SITE, "failed": 1.0, "no_article": 1.0}, index=batch.errors["page_id"].fillna(""))
    table = pd.concat([frame for frame in (made.join(sums), failed) if len(frame)]).assign(pages=1.0)
    columns = ["site", *labels, *dict.fromkeys(name for pair in MEASURES.values() for name in pair)]
    return table.reindex(columns=columns).fillna(0.0)


def compare(before: pd.DataFrame, after: pd.DataFrame, seed: int = 0, permutations: int = PERMUTATIONS) -> list[Change]:
    """Every measure over all pages, then site by site.

    Parameters
    ----------
    before, after : frame
        From `page_sums`, both with the same labels.
    seed : int
        Of the exchanges.
    permutations : int
        How many exchanges are tried.

    Returns
    -------
    list of Change
        Without those that cannot be told, for want of pages or passages in one run.
    """
    names = _sites(before, after)
    groups = [(ALL, before, after)] + [
        (site, before[names[0] == site], after[names[1] == site]) for site in sorted(set(names[0]) & set(names[1]))
    ]
    found = [
        change
        for site, one, other in groups
        for change in _changes(site, one, other, np.random.default_rng(seed), permutations)
    ]
    corrected = step_up([change.p for change in found])
    return [change._replace(q=q) for change, q in zip(found, corrected, strict=True)]


def step_up(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's corrected p values.

    >>> [round(q, 3) for q in step_up([0.01, 0.04, 0.03, 0.5])]
    [0.04, 0.053, 0.053, 0.5]
    """
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)[::-1]
    scaled = values[order] * len(values) / np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return corrected.tolist()


def change_table(changes: Sequence[Change], everything: bool = False) -> str:
    """The changes for people: those over all pages, and of the sites those that are more than noise, or all of them."""
    lines = [f"{'site':24} {'measure':26} {'pages':>11} {'before':>7} {'after':>7} {'change':>7} {'q':>7}"]
    for c in changes:
        if everything or c.real or c.site == ALL:
            pages = f"{c.pages[0]}/{c.pages[1]}"
            figures = f"{pages:>11} {c.before:7.3f} {c.after:7.3f} {c.after - c.before:+7.3f} {c.q:7.4f}"
            lines.append(f"{c.site[:24]:24} {c.measure:26} {figures}{'  more than noise' if c.real else ''}")
    return "\n".join(lines)


def _sites(before: pd.DataFrame, after: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The site of every page, as it is grouped; a page that failed in one run is counted to its site in the other."""
    told: dict[object, str] = {}
    for table in (before, after):
        told.update({page: site for page, site in table["site"].items() if site != NO_SITE})
    one, other = (pd.Series([told.get(page, NO_SITE) for page in t.index], index=t.index) for t in (before, after))
    large = [set(site for site, n in series.value_counts().items() if n >= MIN_PAGES) for series in (one, other)]
    known = large[0] & large[1]
    return one.where(one.isin(known), FEW), other.where(other.isin(known), FEW)


def _changes(
    site: str, before: pd.DataFrame, after: pd.DataFrame, rng: np.random.Generator, permutations: int
) -> list[Change]:
    if not len(before) or not len(after):
        return []
    columns = list(before.columns[1:])
    made_of = _measures(columns)
    rows = np.vstack([before[columns].to_numpy(float), after[columns].to_numpy(float)])
    side = np.repeat([0.0, 1.0], [len(before), len(after)])
    ids = [*before.index, *after.index]
    pairs, single = _pairs(ids, len(before))
    over = [columns.index(top) for top, _ in made_of.values()]
    under = [columns.index(bottom) for _, bottom in made_of.values()]
    total = rows.sum(axis=0)

    def ratios(of_after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every measure before and after, if the sums after are these; NaN where there is nothing to divide by."""
        sums = (total - of_after, of_after)
        one, other = (side[..., over] / np.where(side[..., under] > 0, side[..., under], np.nan) for side in sums)
        return one, other

    first, second = ratios(side @ rows)
    seen = np.abs(second - first)
    as_far = np.zeros(len(seen))
    for start in range(0, permutations, CHUNK):
        n = min(CHUNK, permutations - start)
        drawn = np.empty((n, len(ids)))
        swapped = rng.integers(0, 2, (n, len(pairs)))
        drawn[:, pairs[:, 0]], drawn[:, pairs[:, 1]] = swapped, 1 - swapped
        drawn[:, single] = rng.permuted(np.tile(side[single], (n, 1)), axis=1)
        one, other = ratios(drawn @ rows)
        as_far += (~(np.abs(other - one) < seen - 1e-12)).sum(axis=0)  # what cannot be told counts as as far
    p = (as_far + 1) / (permutations + 1)
    pages = (len(before), len(after))
    return [
        Change(site, name, pages, float(first[i]), float(second[i]), float(p[i]), 1.0)
        for i, name in enumerate(made_of)
        if np.isfinite(seen[i])
    ]


def _measures(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What is compared: the passages with each label that has a column, and `MEASURES`."""
    others = {name for pair in MEASURES.values() for name in pair}
    labels = [name for name in columns if name not in others]
    return {**{f"passages with {label}": (label, "passages") for label in labels}, **MEASURES}


def _pairs(ids: Sequence[object], first: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the same page in both runs, shape (n, 2), and the other rows. The first `first` rows are of one run."""
    before: Mapping[object, int] = {page: row for row, page in enumerate(ids[:first])}
    pairs = [(before[page], first + row) for row, page in enumerate(ids[first:]) if page in before]
    pairs = list({one: (one, other) for one, other in pairs}.values())  # a page_id may stand twice among errors
    paired = {row for pair in pairs for row in pair}
    single = [row for row in range(len(ids)) if row not in paired]
    return np.array(pairs, dtype=int).reshape(-1, 2), np.array(single, dtype=int)
