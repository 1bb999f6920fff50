"""Teach the cleaner from a user's keep / drop labels, beside the rows of blocks that ship with it.

More trees are added to those of the second look. They learn from the labels what the cleaner got wrong on the user's
pages, and from the shipped rows, and the blocks without a label, where nothing is to change.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from pipeline.clean import clean
from pipeline.clean.cut import THRESHOLD
from pipeline.clean.model import SCHEMA, Branch, Cleaner, features, load_cleaner
from pipeline.clean.second import SECOND_COLUMNS, second_features
from pipeline.clean.trees import NODE_COLUMNS, Trees, flatten
from pipeline.learn.bench import FOLDS
from pipeline.learn.block_rows import FOLDER, LEVELS, Rows, load_rows, places_of, rounded
from pipeline.learn.cleaner import Flat, built
from pipeline.learn.measures import f1
from pipeline.learn.own_blocks import OwnPage, read_own_blocks
from pipeline.learn.promote import write_cleaner
from pipeline.learn.rows import CorpusError
from pipeline.model_store import SHIPPED, ModelError, load_model, model_digest


class TeachOptions(NamedTuple):
    """Of the added trees; tried on the twelve sites with most development pages, half of each labelled.

    There 3,091 of the other half's blocks were wrong before, and 2,133 after (2,138 with labels only where the cleaner
    was wrong or unsure and on one block in ten), with word F1 on other sites as it was. Weights of 2 to 20, 4 to 15
    leaves and half the learning rate gave the same within a tenth of the gain.
    """

    trees: int = 20
    leaves: int = 8
    learning_rate: float = 0.3
    min_leaf: int = 3
    l2: float = 1.0
    weight: float = 5.0  # one labelled block counts for so many shipped ones


DEFAULTS = TeachOptions()
#: A model whose word F1 on the shipped rows is worse by no more than this is taken: those twelve sites moved it by
#: 0.0015 at most.
NOISE = 0.002


def added_trees(
    table: np.ndarray, logits: np.ndarray, target: np.ndarray, weights: np.ndarray, options: TeachOptions, rate: float
) -> Flat:
    """Boost further from some logits.

    Parameters
    ----------
    table : array of shape (n_rows, n_columns)
    logits : array of shape (n_rows,)
    target : array of shape (n_rows,)
        Probabilities.
    weights : array of shape (n_rows,)
    options : TeachOptions
    rate : float
        The learning rate that the model's manifest names; inner values are told in its scale.
    """
    parts, logits = [], logits.astype(np.float64)
    for _ in range(options.trees):
        p = 1.0 / (1.0 + np.exp(-logits))
        curvature = np.maximum(p * (1.0 - p), 1e-3)
        tree = HistGradientBoostingRegressor(
            max_iter=1, max_leaf_nodes=options.leaves, learning_rate=1.0, min_samples_leaf=options.min_leaf,
            l2_regularization=options.l2, max_bins=LEVELS, early_stopping=False, random_state=0,
        )  # fmt: skip
        tree.fit(table, (target - p) / curvature, sample_weight=weights * curvature)
        nodes, _, mean = flatten(tree)
        inner = nodes["left"] != 0
        nodes["value"] = (nodes["value"] + mean) * np.where(inner, options.learning_rate / rate, options.learning_rate)
        parts.append(nodes)
        logits += built((nodes, np.zeros(1, dtype=np.int32), 0.0), SECOND_COLUMNS).logits(table)
    together = {name: np.concatenate([nodes[name] for nodes in parts]) for name in parts[0]}
    starts = np.cumsum([0, *(len(nodes["value"]) for nodes in parts[:-1])]).astype(np.int32)
    return together, starts, 0.0


class Taught(NamedTuple):
    """What the labels brought to one branch."""

    trees: Flat
    own: tuple[int, int]  # labelled blocks judged rightly before, and now by trees that have not seen their page
    elsewhere: tuple[float, float]  # word F1 on the shipped rows before, and now by trees that have not seen their site


def teach_cleaner(
    out: Path,
    labels: Sequence[Path],
    pages: Sequence[str],
    weight: float | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    options: TeachOptions = DEFAULTS,
) -> dict[str, Any]:
    """Teach the cleaner and write the model folder if it is not worse.

    Trees that were taught before are taken off first: the labels of each time are all that it has learnt from a user.

    Parameters
    ----------
    out
        The model folder. The one before is taken from there, or, where there is none with rows, from `models`.
    labels, pages
        As of `read_own_blocks`.
    weight
        How many shipped blocks one labelled block counts for; None: as `options` say.
    force
        Write the model even where it is worse.
    say
        Called with one line at each step.
    options : TeachOptions

    Returns
    -------
    dict
        What the labels brought, by branch, as it stands in the manifest.

    Raises
    ------
    LabelError, CorpusError
        If the labels cannot be used, or the model is worse.
    ModelError
        If there is no whole model with rows.
    """
    folder = out if (out / FOLDER).is_dir() else SHIPPED / "cleaner"
    model, cleaner = load_model(folder, "cleaner", SCHEMA), load_cleaner(folder)
    if model_digest(folder / FOLDER, "rows") != model.manifest.get("rows"):
        raise ModelError(f"{folder / FOLDER}: rows of another cleaner; train it anew with: "
                         "python -m pipeline train cleaner --corpus DIR")  # fmt: skip
    options = options._replace(weight=weight or options.weight)
    before = model.manifest.get("taught", {})
    for name, of in before.get("branches", {}).items():
        cleaner = _with_branch(cleaner, name, _without_last(getattr(cleaner, name), of["trees"]))
    own = read_own_blocks(labels, pages)
    arrays, told, worse = dict(model.arrays), {}, []
    for name, what in (("html", "HTML pages"), ("text", "text dumps")):
        arrays.update(_second_arrays(name, getattr(cleaner, name).second, model.arrays))
        mine = [one for one in own if cleaner.branch(one.page) is getattr(cleaner, name)]
        if not mine:
            continue
        rows = load_rows(folder / FOLDER, name)
        taught = teach(rows, mine, cleaner, options, model.manifest["options"]["second_learning_rate"])
        blocks = int(sum(one.known.sum() for one in mine))
        (right_before, right_now), (elsewhere_before, elsewhere_now) = taught.own, taught.elsewhere
        told_own = (
            f"of {blocks} labelled blocks on {len(mine)} pages {right_before} were right before, {right_now} are now"
        )
        say(f"{what}: {told_own} (trees that had not seen the page)")
        told_rows = (
            f"word F1 on {len(rows.labels):,} shipped rows {elsewhere_before:.4f} before, {elsewhere_now:.4f} now"
        )
        say(f"{what}: {told_rows} (trees that had not seen the site)")
        if right_now < right_before or elsewhere_now < elsewhere_before - NOISE:
            worse.append(what)
        arrays.update(_second_arrays(name, extended(getattr(cleaner, name).second, taught.trees), model.arrays))
        told[name] = {
            "pages": len(mine), "blocks": blocks, "trees": options.trees, "own_right": list(taught.own),
            "elsewhere_f1": [round(value, 4) for value in taught.elsewhere],
        }  # fmt: skip
    if worse and not force:
        raise CorpusError(
            f"{', '.join(worse)}: the new model is worse and is not written; --force writes it all the same"
        )
    taught_by = {"files": [path.name for path in labels], "weight": options.weight, "branches": told}
    if folder != out:
        shutil.copytree(folder / FOLDER, out / FOLDER, dirs_exist_ok=True)
    write_cleaner(out, arrays, model.words, {**model.manifest, "taught": taught_by})
    return told


def teach(rows: Rows, own: Sequence[OwnPage], cleaner: Cleaner, options: TeachOptions, rate: float) -> Taught:
    """Trees from all labels and rows, and what they bring, out of fold: pages and sites are held out in turn."""
    name = "html" if own[0].page.is_html else "text"
    branch: Branch = getattr(cleaner, name)
    looks = [_looked_at(one, branch) for one in own]
    sizes = [len(table) for table, _ in looks]
    table = rounded(places_of(np.concatenate([table for table, _ in looks]), rows.levels), rows.levels)
    logits = np.concatenate([said for _, said in looks])
    labels, known = (np.concatenate([getattr(one, field) for one in own]) for field in ("labels", "known"))
    page = np.repeat(np.arange(len(own)), sizes)
    stay, wanted = (1.0 / (1.0 + np.exp(-said)) for said in (rows.logits, logits))  # right or wrong
    wanted[known] = labels[known]
    weights = np.where(known, options.weight, 1.0)

    def fitted(pages: np.ndarray, shipped: np.ndarray) -> Flat:
        """From some pages and some shipped rows; what is not labelled is to stay as it is."""
        mine = pages[page]
        return added_trees(
            np.concatenate((table[mine], rows.table[shipped])),
            np.concatenate((logits[mine], rows.logits[shipped])),
            np.concatenate((wanted[mine], stay[shipped])),
            np.concatenate((weights[mine], rows.weights[shipped])),
            options, rate,
        )  # fmt: skip

    all_pages, all_rows = np.ones(len(own), dtype=bool), np.ones(len(rows.labels), dtype=bool)
    fold_of_page = np.arange(len(own)) % FOLDS
    right = [0, 0]
    for held in np.unique(fold_of_page):
        trees = fitted(fold_of_page != held, all_rows)
        now = _with_branch(cleaner, name, branch._replace(second=extended(branch.second, trees)))
        for one in (one for one, fold in zip(own, fold_of_page, strict=True) if fold == held):
            for place, judged_by in enumerate((cleaner, now)):
                kept = np.array([verdict.keep for verdict in clean(one.page, judged_by, one.table).verdicts])
                right[place] += int((kept == one.labels)[one.known].sum())
    elsewhere = rows.logits.copy()
    fold_of_row = rows.sites % FOLDS
    for fold in np.unique(fold_of_row):
        held_rows = fold_of_row == fold
        elsewhere[held_rows] += built(fitted(all_pages, ~held_rows), SECOND_COLUMNS).logits(rows.table[held_rows])
    return Taught(
        fitted(all_pages, all_rows),
        (right[0], right[1]),
        (rows_f1(rows, rows.logits), rows_f1(rows, elsewhere)),
    )


def rows_f1(rows: Rows, logits: np.ndarray) -> float:
    """Word F1 of the blocks that the rows stand for, all pages thrown together, if they are kept by their logits."""
    words = np.expm1(rows.table[:, SECOND_COLUMNS.index("words")]) * rows.stands_for
    kept = 1.0 / (1.0 + np.exp(-logits)) >= THRESHOLD
    return f1(float(words[kept & rows.labels].sum()), float(words[kept].sum()), float(words[rows.labels].sum()))


def extended(trees: Trees, added: Flat) -> Trees:
    """Trees with others behind them."""
    nodes, starts, _ = added
    both = ((name, (trees.nodes[name], nodes[name].astype(trees.nodes[name].dtype))) for name in NODE_COLUMNS)
    return Trees(
        {name: np.concatenate(parts) for name, parts in both},
        np.concatenate((trees.starts, starts + len(trees.nodes["value"]))),
        trees.baseline, trees.n_features, trees.shrinkage,
    )  # fmt: skip


def _with_branch(cleaner: Cleaner, name: str, branch: Branch) -> Cleaner:
    return cleaner._replace(html=branch) if name == "html" else cleaner._replace(text=branch)


def _without_last(branch: Branch, number: int) -> Branch:
    """The branch as it was before so many trees were added to its second look."""
    second = branch.second
    end = int(second.starts[len(second.starts) - number])
    nodes = {name: values[:end] for name, values in second.nodes.items()}
    starts = second.starts[: len(second.starts) - number]
    return branch._replace(second=Trees(nodes, starts, second.baseline, second.n_features, second.shrinkage))


def _second_arrays(branch: str, trees: Trees, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of the second look, of the types that the model has."""
    arrays = {"starts": trees.starts, **trees.nodes}
    return {f"{branch}_second_{name}": a.astype(like[f"{branch}_second_{name}"].dtype) for name, a in arrays.items()}


def _looked_at(one: OwnPage, branch: Branch) -> tuple[np.ndarray, np.ndarray]:
    """What the second look sees of a page, and its logits."""
    table = features(one.page, branch, one.table)
    seconds = second_features(one.page, table, branch.first.logits(table))
    return seconds, branch.second.logits(seconds)
