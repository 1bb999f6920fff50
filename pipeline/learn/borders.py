"""Train the trees for the borders of dumps (`pipeline.clean.borders`), and decide the held-out dumps by them.

They learn from what the second look says of pages that it has not seen, and decide no page of a fold that they have
learnt from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from pipeline.clean.borders import BORDER_COLUMNS, border_features, settled
from pipeline.clean.cut import probabilities
from pipeline.clean.features import Names, page_features
from pipeline.clean.tokens import headings_above, page_words
from pipeline.clean.trees import flatten
from pipeline.learn.bench import FOLDS, Example
from pipeline.learn.cleaner import Flat, Options, Scores, built

#: Scores have four decimals, so none is nearer to 0 or 1 than this.
LEAST = 1e-4


def fit_borders(examples: Sequence[Example], scores: Scores, options: Options) -> tuple[Flat, Scores]:
    """Fit the trees for the borders.

    Parameters
    ----------
    examples : sequence of Example
        All dumps; those that are not scored are passed over.
    scores : Scores
        What the second look says, out of fold.
    options : Options

    Returns
    -------
    trees : Flat
        Fitted on all pages.
    scores : Scores
        The same pages with all lines decided together, still out of fold.
    """
    chosen = [i for i, e in enumerate(examples) if e.scored and e.page.blocks]
    plain = {i: plain_table(examples[i]) for i in chosen}
    tables = {i: border_features(examples[i].page, plain[i], logits_of(scores.with_site[i])) for i in chosen}

    def learnt(pages: Sequence[int]) -> Flat:
        labels = [np.array(examples[i].labels, dtype=bool) for i in pages]
        change = [row != np.concatenate(([False], row[:-1])) for row in labels]
        weights = np.concatenate([np.full(len(row), len(row) ** -0.5) for row in labels])
        model = HistGradientBoostingClassifier(
            max_iter=options.border_trees, max_leaf_nodes=options.border_leaves,
            learning_rate=options.border_learning_rate, min_samples_leaf=options.border_min_leaf,
            early_stopping=False, random_state=options.seed,
        )  # fmt: skip
        model.fit(
            np.concatenate([tables[i] for i in pages]), np.concatenate(change), weights * len(weights) / weights.sum()
        )
        return flatten(model)

    decided = Scores(list(scores.with_site), list(scores.alone))
    for held in range(FOLDS):
        seen = [i for i in chosen if examples[i].fold != held]
        trees = built(learnt(seen), BORDER_COLUMNS)
        for i in (i for i in chosen if examples[i].fold == held):
            for said, now in ((scores.with_site, decided.with_site), (scores.alone, decided.alone)):
                now[i] = probabilities(settled(trees, examples[i].page, plain[i], logits_of(said[i])))
    return learnt(chosen), decided


def plain_table(example: Example) -> np.ndarray:
    """The page's features but for what the linear models and the site say, which the borders do not ask for."""
    page = example.page
    nothing = [Names(0.0, 0.0, 0.0)] * len(page.elements)
    return page_features(page, page_words(page), headings_above(page), np.zeros(len(page.blocks)), nothing)


def logits_of(scores: np.ndarray) -> np.ndarray:
    """The logits of probabilities as they are rounded in use."""
    p = np.clip(np.round(scores, 4), LEAST, 1.0 - LEAST)
    return np.log(p / (1.0 - p))
