"""The fitted cleaner: for HTML and for dumps a word model, a name model (HTML) and boosted trees for two looks.

Dumps have trees for the borders of the article too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.clean.borders import BORDER_COLUMNS
from pipeline.clean.features import COLUMNS, Names, page_features
from pipeline.clean.second import SECOND_COLUMNS
from pipeline.clean.site import NO_TABLE, SiteTable
from pipeline.clean.tokens import headings_above, name_tokens, page_words
from pipeline.clean.trees import NODE_COLUMNS, Trees
from pipeline.clean.words import Words
from pipeline.model_store import SHIPPED, ModelError, Schema, load_model
from pipeline.records import Element, ParsedPage

#: The looks that each takes, with the columns of their tables and the option that shrank their leaves in training.
LOOKS = {"first": (COLUMNS, "learning_rate"), "second": (SECOND_COLUMNS, "second_learning_rate")}
#: The trees for the borders of dumps are told the same way.
BORDERS = {"border": (BORDER_COLUMNS, "border_learning_rate")}
#: One fitted model for each kind of page, with the trees that it has besides both looks.
BRANCHES: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {"html": {}, "text": BORDERS}
_NAME_ROLES = 3  # the columns of a name's weights: as ancestor, as the block's own element, as its parent

SCHEMA: Schema = {
    f"{branch}_{name}": shape
    for branch, borders in BRANCHES.items()
    for name, shape in {
        "word_weights": (f"@{branch}_words",),
        "name_weights": (f"@{branch}_names", _NAME_ROLES),
        "biases": (3 + len(borders),),  # of the word model, and the baselines of the trees
        **{f"{look}_starts": (f"{branch}_{look}_trees",) for look in (*LOOKS, *borders)},
        **{f"{look}_{column}": (f"{branch}_{look}_nodes",) for look in (*LOOKS, *borders) for column in NODE_COLUMNS},
    }.items()
}


class Branch(NamedTuple):
    """What judges one kind of page."""

    words: Words
    names: Mapping[str, tuple[float, float, float]]
    first: Trees
    second: Trees
    borders: Trees | None = None  # of dumps

    def name_scores(self, elements: Sequence[Element]) -> list[Names]:
        """Logits of the name model for each element, shape (n_elements,)."""
        memo: dict[tuple[str, str], Names] = {}
        scores = []
        get = self.names.get
        for element in elements:
            key = element[:2]
            found = memo.get(key)
            if found is None:
                ancestor = own = parent = 0.0
                for token in name_tokens(element):
                    if weights := get(token):
                        ancestor, own, parent = ancestor + weights[0], own + weights[1], parent + weights[2]
                found = memo[key] = Names(ancestor, own, parent)
            scores.append(found)
        return scores


class Cleaner(NamedTuple):
    """The two branches, and the digest that names these weights."""

    html: Branch
    text: Branch
    digest: str

    def branch(self, page: ParsedPage) -> Branch:
        """The one that judges this page."""
        return self.html if page.is_html else self.text


def features(page: ParsedPage, branch: Branch, site: SiteTable = NO_TABLE) -> np.ndarray:
    """The feature table of one page, shape (n_blocks, n_columns)."""
    above = headings_above(page)
    words = page_words(page)
    return page_features(
        page, words, above, branch.words.of_page(page, words, above), branch.name_scores(page.elements), site
    )


def load_cleaner(folder: Path = SHIPPED / "cleaner") -> Cleaner:
    """Read a cleaner.

    Raises
    ------
    ModelError
        If the folder does not hold a whole and sound cleaner for this version's columns.
    """
    model = load_model(folder, "cleaner", SCHEMA)
    if tuple(model.words.get("columns", ())) != COLUMNS + SECOND_COLUMNS + BORDER_COLUMNS:
        raise ModelError(f"{folder}/words.json: made for other feature columns; train it anew with: "
                         "python -m pipeline train cleaner")  # fmt: skip
    options = model.manifest.get("options")
    shrinkage = {}
    for look, (_, option) in (LOOKS | BORDERS).items():
        rate = options.get(option) if isinstance(options, dict) else None
        if not isinstance(rate, float) or not 0.0 < rate <= 1.0:
            raise ModelError(f"{folder}/manifest.json: options need a {option} from 0 to 1; train it anew with: "
                             "python -m pipeline train cleaner")  # fmt: skip
        shrinkage[look] = rate
    branches = []
    for name, borders in BRANCHES.items():
        arrays = {key.removeprefix(f"{name}_"): value for key, value in model.arrays.items() if key.startswith(name)}
        looks = []
        for number, (look, (columns, _)) in enumerate((LOOKS | borders).items(), 1):
            nodes = {
                column: arrays[f"{look}_{column}"].astype(np.int64 if column in _WHOLE else np.float64)
                for column in NODE_COLUMNS
            }
            starts = arrays[f"{look}_starts"].astype(np.int64)
            try:
                looks.append(Trees(nodes, starts, arrays["biases"][number], len(columns), shrinkage[look]))
            except ValueError as error:
                raise ModelError(f"{folder}/arrays.npz: {name}, trees of {look}: {error}") from error
        words = dict(zip(model.words[f"{name}_words"], arrays["word_weights"].tolist(), strict=True))
        names = {
            token: (row[0], row[1], row[2])
            for token, row in zip(model.words[f"{name}_names"], arrays["name_weights"].tolist(), strict=True)
        }
        branches.append(Branch(Words(words, float(arrays["biases"][0])), names, *looks))
    html, text = branches
    return Cleaner(html, text, model.digest)


_WHOLE = frozenset(("feature", "left", "right"))
