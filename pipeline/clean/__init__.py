"""clean: blocks to an article; every block gets a verdict with a score, and a dropped one a reason.

Two linear models read a block's words and the names of its containers; boosted trees take a first look at their
scores, at neighbours, containers and the page (see `features.COLUMNS`), and a second look at what the first one said
of the surroundings (see `second.SECOND_COLUMNS`). What is kept is decided page by page.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.callable_package import make_callable
from pipeline.clean.features import COLUMNS
from pipeline.clean.model import Cleaner, features, load_cleaner
from pipeline.clean.pagekind import page_kind
from pipeline.clean.reasons import REASONS, Context, places_named, reason_of
from pipeline.clean.second import second_features
from pipeline.clean.site import NO_TABLE, SiteTable
from pipeline.clean.tokens import are_bylines, headings_above, runs_of
from pipeline.records import Article, ParsedPage, Verdict

__all__ = ["COLUMNS", "REASONS", "Cleaner", "clean", "features", "judge", "load_cleaner", "score"]

make_callable(__name__)  # pipeline.clean(...) is pipeline.api.clean

#: A block is kept from this probability on ...
THRESHOLD = 0.5
#: ... or in a dump from this one (tried: 0.45 to 0.65; more health pages are wholly right, articles lose nothing) ...
DUMP_THRESHOLD = 0.55
#: ... on pages that the model is sure of; else from the cut with the highest expected F1, which may fall to:
LOWEST_THRESHOLD = 0.15
#: A page is one to be sure of if the expected F1 of its best cut is at least this (tried: 0.8, 0.9).
SURE_F1 = 0.8
#: A kept block of at least so many words is not kept again.
REPEAT_MIN_WORDS = 6


def clean(page: ParsedPage, cleaner: Cleaner, site: SiteTable = NO_TABLE) -> Article:
    """Clean one page.

    Parameters
    ----------
    page : ParsedPage
    cleaner : Cleaner
    site : SiteTable
        What the pages of its site have in common, counted beforehand (`site.count_sites`).
    """
    if not page.blocks:
        return Article(page, "none", ())
    table = features(page, cleaner.branch(page), site)
    return judge(page, table, score(table, page, cleaner))


def score(table: np.ndarray, page: ParsedPage, cleaner: Cleaner) -> np.ndarray:
    """Probability of each block to belong to the article, shape (n_blocks,), four decimals."""
    branch = cleaner.branch(page)
    return probabilities(branch.second.logits(second_features(page, table, branch.first.logits(table))))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The logistic function, four decimals: batch sizes change the last bits of a float."""
    return np.round(1.0 / (1.0 + np.exp(-logits)), 4)


def judge(page: ParsedPage, table: np.ndarray, scores: np.ndarray) -> Article:
    """Turn scores into verdicts.

    Parameters
    ----------
    page : ParsedPage
    table : array of shape (n_blocks, n_columns)
        The page's features, which the reasons are told from.
    scores : array of shape (n_blocks,)
    """
    threshold = page_threshold(page, scores)
    verdicts: list[Verdict] = []
    kept: set[str] = set()
    titles, bylines = table[:, COLUMNS.index("is_title")].tolist(), are_bylines(page)
    context = None
    for i, (block, p) in enumerate(zip(page.blocks, scores.tolist(), strict=True)):
        if titles[i]:
            verdicts.append(Verdict(False, p, "title"))
        elif bylines[i]:
            verdicts.append(Verdict(False, p, "date or byline"))
        elif p < threshold:
            context = context or _contexts(page, table)
            verdicts.append(Verdict(False, p, reason_of(block, context(i))))
        elif block.text in kept and block.text.count(" ") + 1 >= REPEAT_MIN_WORDS:
            verdicts.append(Verdict(False, p, "repeated"))
        else:
            kept.add(block.text)
            verdicts.append(Verdict(True, p, ""))
    return Article(page, page_kind(page, [v.keep for v in verdicts]), tuple(verdicts))


def page_threshold(page: ParsedPage, scores: np.ndarray) -> float:
    """The score from which a page's blocks are kept, given their scores, shape (n_blocks,).

    Keeping the blocks from the best down, F1 over words is expected to be 2 x kept p x words over
    (kept words + all p x words). Where even the best cut promises little, the page is of a kind the model is unsure
    of, and that cut is better than a fixed one.
    """
    usual = THRESHOLD if page.is_html else DUMP_THRESHOLD
    if not page.blocks:
        return usual
    words = np.array([block.text.count(" ") + 1 for block in page.blocks])
    order = np.argsort(-scores, kind="stable")
    likely = scores * words
    expected = 2.0 * np.cumsum(likely[order]) / (np.cumsum(words[order]) + max(1e-9, float(likely.sum())))
    best = int(np.argmax(expected))
    if expected[best] >= SURE_F1:
        return usual
    return float(np.clip(scores[order[best]], LOWEST_THRESHOLD, usual))


def _contexts(page: ParsedPage, table: np.ndarray) -> Callable[[int], Context]:
    """What the reasons are told from, for the block of an index."""
    named: list[frozenset[str]] = []
    for element in page.elements:
        above = named[element.parent] if element.parent >= 0 else frozenset()
        places = places_named(element.tag, element.names)
        named.append(above | places if places else above)
    word, name, share = (table[:, COLUMNS.index(c)].tolist() for c in ("word_score", "name_sum", "site_share"))
    run_lengths = [len(run) for run in runs_of(page) for _ in run]
    headings = [page.blocks[i].text if i >= 0 else "" for i in headings_above(page)]

    def context(i: int) -> Context:
        places = named[page.blocks[i].element]
        return Context(page.is_html, places, headings[i], run_lengths[i], word[i], name[i], share[i])

    return context
