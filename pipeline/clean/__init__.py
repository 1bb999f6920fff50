"""clean: blocks to an article; every block gets a verdict with a score, and a dropped one a reason.

Two linear models read a block's words and the names of its containers; boosted trees take a first look at their
scores, at neighbours, containers and the page (see `features.COLUMNS`), and a second look at what the first one said
of the surroundings (see `second.SECOND_COLUMNS`). What is kept is decided page by page (see `cut`), and of a dump all
lines together (see `borders`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.callable_package import make_callable
from pipeline.clean.borders import settled
from pipeline.clean.comments import are_comments
from pipeline.clean.cut import page_threshold, probabilities
from pipeline.clean.features import COLUMNS
from pipeline.clean.model import Cleaner, features, load_cleaner
from pipeline.clean.pagekind import page_kind
from pipeline.clean.reasons import REASONS, Context, places_named, reason_of
from pipeline.clean.second import second_features
from pipeline.clean.site import NO_TABLE, SiteTable
from pipeline.clean.teasers import are_teasers
from pipeline.clean.tokens import are_bylines, headings_above, runs_of
from pipeline.records import Article, ParsedPage, Verdict

__all__ = [
    "COLUMNS", "REASONS", "Cleaner", "clean", "features", "judge", "load_cleaner", "page_threshold", "probabilities",
    "score",
]  # fmt: skip

make_callable(__name__)  # pipeline.clean(...) is pipeline.api.clean

#: A kept block of at least so many words is not kept again (tried: 1 to 30) ...
REPEAT_MIN_WORDS = 4
#: ... unless it has fewer words than this, and this score: a heading may stand in the contents, too.
REPEAT_MAX_WORDS, REPEAT_SURE = 30, 0.8
#: The title stands before the article: behind so many kept words, the same text is a heading in it (tried: 1, 30, 100).
TITLE_WORDS = 30


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
    logits = branch.second.logits(second_features(page, table, branch.first.logits(table)))
    return probabilities(settled(branch.borders, page, table, logits))


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
    likely = (scores >= threshold).tolist()
    comments, teasers = are_comments(page, likely), are_teasers(page, likely)
    context = None
    words = 0  # kept so far
    for i, (block, p) in enumerate(zip(page.blocks, scores.tolist(), strict=True)):
        if titles[i] and (p < threshold or words < TITLE_WORDS):
            verdicts.append(Verdict(False, p, "title"))
        elif bylines[i]:
            verdicts.append(Verdict(False, p, "date or byline"))
        elif p < threshold:
            context = context or _contexts(page, table)
            verdicts.append(Verdict(False, p, reason_of(block, context(i))))
        elif comments[i]:
            verdicts.append(Verdict(False, p, "comments"))
        elif teasers[i]:
            verdicts.append(Verdict(False, p, "teaser"))
        elif block.text in kept and _is_repeat(block.text.count(" ") + 1, p):
            verdicts.append(Verdict(False, p, "repeated"))
        else:
            kept.add(block.text)
            words += block.text.count(" ") + 1
            verdicts.append(Verdict(True, p, ""))
    return Article(page, page_kind(page, [v.keep for v in verdicts]), tuple(verdicts))


def _is_repeat(words: int, score: float) -> bool:
    return words >= REPEAT_MAX_WORDS or words >= REPEAT_MIN_WORDS and score < REPEAT_SURE


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
