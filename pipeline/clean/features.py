"""The columns by which the second model of the cleaner judges a block.

One table for HTML pages and text dumps. Everything is a sum over ranges of blocks, so that a page costs a few
dozen array operations however its tree is nested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.clean.characters import shape_columns, topic_share
from pipeline.clean.site import NO_TABLE, SiteTable, site_columns
from pipeline.clean.tokens import are_titles, leads_in, runs_of, split_words
from pipeline.records import Block, Element, ParsedPage

Array = np.ndarray

#: A block weighs at most this many words in a mean.
MAX_MEAN_WORDS = 60
#: Prose: at least so many words, at most this share of them in links, and the end of a sentence.
PROSE_MIN_WORDS = 12
PROSE_MAX_LINK_SHARE = 0.3
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "…")
_LANDMARKS = ("article", "main", "nav", "footer", "header", "aside", "form", "figure", "table", "section")
_KINDS = ("heading", "paragraph", "item", "cell", "quote", "caption")
_KIND_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}

#: The names of the columns, in the order of `page_features`; the model keeps them in its word lists.
COLUMNS: tuple[str, ...] = (
    # the block itself
    "word_score", "name_sum", "name_min", "name_max", "name_min_share", "words", "chars_a_word", "link_share",
    "ends_sentence", "digit_share", "capital_share", "bold", "level", "starts_lower", "glued_colon", "topic_share",
    *(f"kind_{kind}" for kind in _KINDS),
    # its neighbours
    "near_word", "near_name", "before_word", "before_name", "after_word", "after_name", "previous_word", "next_word",
    "previous_words", "next_words",
    "all_before_word", "all_before_name", "all_after_word", "all_after_name",
    # the run of like blocks it stands in
    "run_size", "run_place", "run_word", "run_topic", "run_capitals", "run_lower", "run_sentences", "run_led_in",
    "run_after_prose", "run_before_prose",
    # its likes and its containers
    "like_word", "like_name", "like_count", "like_words", "like_prose", "like3_word", "like3_name", "own_word",
    "own_words", "own_links", "own_prose", "parent_word", "parent_prose",
    "parent_name", "grandparent_word", "grandparent_name", "section_word", "section_name", "section_words",
    "section_links", "heading_word", "heading_level", "parent_share", "grandparent_share", "third_share",
    "parent_links", "grandparent_links",
    # the best container of the page
    "parent_rank", "grandparent_rank", "best_rank", "in_half", "in_most", "half_density", "most_density",
    "half_distance", "most_distance", "depth", "half_depth",
    # repetition
    "same_text", "same_text_before", "title_share", "is_title", "site_count", "site_share",
    # its place, and the page
    "position", "words_before", "since_h1", "page_words", "page_blocks", "page_prose", "page_links", "page_items",
    "page_in_article", "page_articles",
    *(f"in_{tag}" for tag in _LANDMARKS),
    # dumps
    "marker", "indent", "gap", "gap_after", "right_share",
)  # fmt: skip
DUMP_COLUMNS = frozenset(COLUMNS[-5:])


class Names(NamedTuple):
    """Scores of the name model for one element: as an ancestor, as the block's own element, as its parent."""

    ancestor: float
    own: float
    parent: float


def page_features(
    page: ParsedPage,
    block_words: Sequence[Sequence[str]],
    above: Sequence[int],
    word_scores: Array,
    names: Sequence[Names],
    site: SiteTable = NO_TABLE,
) -> Array:
    """The feature table of one page.

    Parameters
    ----------
    page : ParsedPage
    block_words : sequence of sequences of str, length n_blocks
        From `tokens.page_words`.
    above : sequence of int, length n_blocks
        Index of the heading above each block, -1 for none (`tokens.headings_above`).
    word_scores : array of shape (n_blocks,)
        Logits of the word model.
    names : sequence of Names, length n_elements
        Logits of the name model.
    site : SiteTable
        What the other pages of its site have in common with it.

    Returns
    -------
    array of shape (n_blocks, n_columns), float32
    """
    blocks, elements = page.blocks, page.elements
    columns: dict[str, Array] = {}
    own = _own_columns(blocks)
    columns.update(own)
    n = len(blocks)
    words = own["word_count"]
    weight = np.minimum(words, MAX_MEAN_WORDS) + 0.5
    tree = _Tree(elements, blocks, words)
    name = _name_columns(tree, names, columns)
    columns["word_score"] = word_scores
    prose = np.where(
        (words >= PROSE_MIN_WORDS) & (own["link_share"] < PROSE_MAX_LINK_SHARE) & (own["ends_sentence"] > 0), words, 0.0
    )
    columns["topic_share"] = topic_share([block.text for block in blocks], prose > 0)
    scores = {"word": word_scores, "name": name}
    _neighbour_columns(columns, scores, weight)
    _run_columns(columns, page, weight, prose)
    _like_columns(columns, scores, weight, tree, words, prose)
    _container_columns(columns, scores, weight, tree, words, prose, own["link_share"])
    _section_columns(columns, scores, weight, words, blocks, above, own["link_share"])
    _best_container_columns(columns, tree, words, prose)
    _repeat_columns(columns, page, block_words)
    columns.update(site_columns(blocks, site))
    _place_columns(columns, page, tree, words, prose, own["link_share"])
    _dump_columns(columns, page)
    table = np.empty((len(COLUMNS), n), dtype=np.float32)
    for row, column in zip(table, COLUMNS, strict=True):
        row[:] = columns[column]
    return np.ascontiguousarray(table.T)


class _Tree:
    """The elements as columns; `at(level)` is the ancestor of each block's element so many levels up."""

    def __init__(self, elements: Sequence[Element], blocks: Sequence[Block], words: Array) -> None:
        self.elements = elements
        self.tags = [element.tag for element in elements]
        numbers = np.array([element[2:] for element in elements], dtype=np.int64).reshape(-1, 3)
        self.parent, self.first, self.last = numbers.T
        self.own = np.array([block.element for block in blocks], dtype=np.int64)
        self.words = self.total(words)
        seen: dict[tuple[str, str], int] = {}
        self.sign = np.array([seen.setdefault(element[:2], len(seen)) for element in elements], dtype=np.int64)
        self._levels = [self.own]

    def total(self, values: Array) -> Array:
        """Sum of a block column inside each element, shape (n_elements,)."""
        sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        return sums[self.last] - sums[self.first]

    def at(self, level: int) -> Array:
        """Shape (n_blocks,); the root stands in for what would be above it."""
        while len(self._levels) <= level:
            self._levels.append(np.maximum(self.parent[self._levels[-1]], 0))
        return self._levels[level]


def _own_columns(blocks: Sequence[Block]) -> dict[str, Array]:
    """What a block tells by itself."""
    texts = [block.text for block in blocks]
    count = np.array([text.count(" ") + 1 for text in texts], dtype=np.float64)
    columns = {
        "word_count": count,
        "words": np.log1p(count),
        "chars_a_word": np.fromiter(map(len, texts), np.float64, len(texts)) / count,
        "link_share": np.array([block.link_share for block in blocks]),
        "ends_sentence": np.array(
            [text.rstrip("\"'”’)]").endswith(_SENTENCE_ENDS) for text in texts], dtype=np.float64
        ),
        "bold": np.array([block.bold for block in blocks], dtype=np.float64),
        "level": np.array([block.level for block in blocks], dtype=np.float64),
        **shape_columns(texts),
    }
    kinds = np.array([_KIND_NUMBERS.get(block.kind, -1) for block in blocks])
    columns.update((f"kind_{kind}", (kinds == number).astype(np.float64)) for kind, number in _KIND_NUMBERS.items())
    return columns


def _name_columns(tree: _Tree, names: Sequence[Names], columns: dict[str, Array]) -> Array:
    """Sum, least and greatest of the name scores over a block's ancestors; a wrapper round all text says little."""
    page_words = max(1.0, float(tree.words[0]) if len(tree.words) else 1.0)
    m = len(names)
    total, least, most, share, depth = [0.0] * m, [0.0] * m, [0.0] * m, [1.0] * m, [0] * m
    parents = tree.parent.tolist()
    shares = (tree.words / page_words).tolist()
    for e, (parent, own_share, said) in enumerate(zip(parents, shares, names, strict=True)):
        score = said[0] * (1.0 - own_share)
        if parent < 0:
            total[e], least[e], most[e], share[e] = score, min(0.0, score), max(0.0, score), own_share
            continue
        depth[e] = depth[parent] + 1
        total[e] = total[parent] + score
        most[e] = score if score > most[parent] else most[parent]
        if score < least[parent]:
            least[e], share[e] = score, own_share
        else:
            least[e], share[e] = least[parent], share[parent]
    own, parent_of = tree.at(0), tree.at(1)
    by_role = np.array(names, dtype=np.float64)
    direct = by_role[own, 1] + by_role[parent_of, 2]
    name = np.array(total)[own] + direct
    columns["name_sum"] = name
    columns["name_min"] = np.array(least)[own]
    columns["name_max"] = np.array(most)[own]
    columns["name_min_share"] = np.array(share)[own]
    columns["depth"] = np.array(depth, dtype=np.float64)[own]
    return name


def _neighbour_columns(columns: dict[str, Array], scores: dict[str, Array], weight: Array) -> None:
    """Weighted means over three blocks either side, and over all before and all after."""
    n = len(weight)
    here = np.arange(n)
    low, high = np.maximum(0, here - 3), np.minimum(n, here + 4)
    weights = np.concatenate(([0.0], np.cumsum(weight)))
    for kind, score in scores.items():
        sums = np.concatenate(([0.0], np.cumsum(score * weight)))

        def mean(first: Array | int, last: Array | int, sums: Array = sums) -> Array:
            return (sums[last] - sums[first]) / np.maximum(weights[last] - weights[first], 1.0)

        columns[f"before_{kind}"] = mean(low, here)
        columns[f"after_{kind}"] = mean(here + 1, high)
        columns[f"near_{kind}"] = (columns[f"before_{kind}"] + columns[f"after_{kind}"]) / 2
        columns[f"all_before_{kind}"] = mean(0, here)
        columns[f"all_after_{kind}"] = mean(here + 1, n)
    word = scores["word"]
    columns["previous_word"] = np.concatenate(([0.0], word[:-1]))
    columns["next_word"] = np.concatenate((word[1:], [0.0]))
    columns["previous_words"] = np.concatenate(([0.0], columns["words"][:-1]))
    columns["next_words"] = np.concatenate((columns["words"][1:], [0.0]))


def _run_columns(columns: dict[str, Array], page: ParsedPage, weight: Array, prose: Array) -> None:
    """What the run of like blocks is like as a whole, and what stands before and after it.

    A list that belongs to the article is led in by a line that ends in a colon or breaks off, keeps to the page's
    topic, and stands between prose; a list of headlines is none of this.
    """
    runs = runs_of(page)
    starts = np.array([run.start for run in runs], dtype=np.int64)
    sizes = np.array([len(run) for run in runs], dtype=np.int64)
    of = np.repeat(np.arange(len(runs)), sizes)
    weights = np.add.reduceat(weight, starts)
    for name, column in (
        ("run_word", "word_score"),
        ("run_topic", "topic_share"),
        ("run_capitals", "capital_share"),
        ("run_lower", "starts_lower"),
        ("run_sentences", "ends_sentence"),
    ):
        columns[name] = (np.add.reduceat(columns[column] * weight, starts) / weights)[of]
    columns["run_size"] = np.log1p(sizes)[of]
    columns["run_place"] = (np.arange(len(of)) - starts[of]) / sizes[of]
    before = [page.blocks[run.start - 1] if run.start else None for run in runs]
    columns["run_led_in"] = np.array([float(block is not None and leads_in(block.text)) for block in before])[of]
    good = np.concatenate(([0.0], prose > 0, [0.0]))
    columns["run_after_prose"] = good[starts][of]
    columns["run_before_prose"] = good[starts + sizes + 1][of]


def _like_columns(
    columns: dict[str, Array], scores: dict[str, Array], weight: Array, tree: _Tree, words: Array, prose: Array
) -> None:
    """Means over the blocks whose element, parent (and grandparent) have the same tag and names."""
    signs = [tree.sign[tree.at(level)] for level in range(3)]
    span = int(tree.sign.max(initial=0)) + 1
    like = signs[0] * span + signs[1]
    for label, key in (("like", like), ("like3", like * span + signs[2])):
        _, group = np.unique(key, return_inverse=True)
        weights = np.bincount(group, weight)
        for kind, score in scores.items():
            columns[f"{label}_{kind}"] = (np.bincount(group, score * weight) / weights)[group]
        if label == "like":
            counts = np.bincount(group)
            columns["like_count"] = np.log1p(counts)[group]
            columns["like_words"] = np.log1p(np.bincount(group, words) / counts)[group]
            columns["like_prose"] = (np.bincount(group, prose) / max(1.0, prose.sum()))[group]


def _container_columns(
    columns: dict[str, Array], scores: dict[str, Array], weight: Array, tree: _Tree, words: Array, prose: Array,
    links: Array,
) -> None:  # fmt: skip
    """Means over all that stands in the block's own element (a dump's run), its parent, and its grandparent."""
    weights = np.maximum(tree.total(weight), 1.0)
    link_words = tree.total(words * links) / np.maximum(tree.words, 1.0)
    prose_words = tree.total(prose) / np.maximum(tree.words, 1.0)
    page_words = max(1.0, float(words.sum()))
    own = tree.at(0)
    columns["own_word"] = (tree.total(scores["word"] * weight) / weights)[own]
    columns["own_words"] = np.log1p(tree.words)[own]
    columns["own_links"] = link_words[own]
    columns["own_prose"] = prose_words[own]
    columns["parent_prose"] = prose_words[tree.at(1)]
    for level, label in ((1, "parent"), (2, "grandparent"), (3, "third")):
        at = tree.at(level)
        columns[f"{label}_share"] = tree.words[at] / page_words
        if level == 3:
            continue
        columns[f"{label}_links"] = link_words[at]
        for kind, score in scores.items():
            columns[f"{label}_{kind}"] = (tree.total(score * weight) / weights)[at]


def _section_columns(
    columns: dict[str, Array], scores: dict[str, Array], weight: Array, words: Array,
    blocks: Sequence[Block], above: Sequence[int], links: Array,
) -> None:  # fmt: skip
    """Means over the blocks under one heading, and what the heading itself looks like."""
    heading = np.array(above, dtype=np.int64)
    group = heading + 1
    weights = np.maximum(np.bincount(group, weight), 1.0)
    for kind, score in scores.items():
        columns[f"section_{kind}"] = (np.bincount(group, score * weight) / weights)[group]
    section_words = np.bincount(group, words)
    columns["section_words"] = np.log1p(section_words)[group]
    columns["section_links"] = (np.bincount(group, words * links) / np.maximum(section_words, 1.0))[group]
    found = heading >= 0
    columns["heading_word"] = np.where(found, scores["word"][np.maximum(heading, 0)], 0.0)
    levels = np.array([b.level for b in blocks], dtype=np.float64)
    columns["heading_level"] = np.where(found, levels[np.maximum(heading, 0)], 0.0)


def _best_container_columns(columns: dict[str, Array], tree: _Tree, words: Array, prose: Array) -> None:
    """Where the prose of the page is: ranks of containers, and the smallest that hold half and most of it.

    The rank is the idea of Readability: prose counts in full for its parent and half for its grandparent.
    """
    m = len(tree.parent)
    parent, grandparent = tree.at(1), tree.at(2)
    rank = np.bincount(parent, prose, m) + 0.5 * np.bincount(grandparent, prose, m)
    top = max(1.0, float(rank.max(initial=0.0)))
    best = rank.tolist()
    for e, p in enumerate(tree.parent.tolist()):
        if p >= 0 and best[p] > best[e]:
            best[e] = best[p]
    columns["parent_rank"] = rank[parent] / top
    columns["grandparent_rank"] = rank[grandparent] / top
    columns["best_rank"] = np.array(best)[tree.at(0)] / top
    held = tree.total(prose)
    here = np.arange(len(words))
    all_prose = float(prose.sum())
    for label, share in (("half", 0.5), ("most", 0.85)):
        holding = np.flatnonzero(held >= share * all_prose)
        element = int(holding[np.argmin(tree.words[holding])]) if all_prose and len(holding) else 0
        first, last = tree.first[element], tree.last[element]
        columns[f"in_{label}"] = ((here >= first) & (here < last)).astype(np.float64)
        columns[f"{label}_density"] = np.full(len(words), held[element] / max(1.0, tree.words[element]))
        outside = np.maximum(np.maximum(first - here, here - last + 1), 0)
        columns[f"{label}_distance"] = np.log1p(outside) * np.where(here < first, -1.0, 1.0)
        if label == "half":
            depth = 0
            while tree.parent[element] >= 0:
                element, depth = int(tree.parent[element]), depth + 1
            columns["half_depth"] = columns["depth"] - depth


def _repeat_columns(columns: dict[str, Array], page: ParsedPage, block_words: Sequence[Sequence[str]]) -> None:
    """How often the same text stands on the page, and how much of it is the title."""
    totals: dict[str, int] = {}
    occurrence = []
    for block in page.blocks:
        seen = totals.get(block.text, 0)
        occurrence.append(seen)
        totals[block.text] = seen + 1
    columns["same_text"] = np.array([totals[b.text] - 1 for b in page.blocks], dtype=np.float64)
    columns["same_text_before"] = np.array(occurrence, dtype=np.float64)
    wanted = frozenset(split_words(page.title or ""))
    share = [
        0.0 if wanted.isdisjoint(words) else sum([word in wanted for word in words]) / len(words)
        for words in block_words
    ]
    columns["title_share"] = np.array(share)
    columns["is_title"] = np.array(are_titles(page, block_words), dtype=np.float64)


def _place_columns(
    columns: dict[str, Array], page: ParsedPage, tree: _Tree, words: Array, prose: Array, links: Array
) -> None:
    """Where the block stands, in which landmarks, and what kind of page it is."""
    n = len(words)
    total = max(1.0, float(words.sum()))
    here = np.arange(n)
    columns["position"] = here / n
    columns["words_before"] = np.log1p(np.concatenate(([0.0], np.cumsum(words)[:-1])))
    start = next((i for i, b in enumerate(page.blocks) if b.kind == "heading" and b.level == 1), -1)
    if start < 0:  # a dump, or a page without h1: count from the title
        start = int(np.argmax(columns["is_title"])) if columns["is_title"].any() else 0
    columns["since_h1"] = np.sign(here - start) * np.log1p(np.abs(here - start))
    for name, value in (
        ("page_words", math.log1p(total)),
        ("page_blocks", math.log1p(n)),
        ("page_prose", float(prose.sum()) / total),
        ("page_links", float((words * links).sum()) / total),
        ("page_items", sum(b.kind == "item" for b in page.blocks) / n),
    ):
        columns[name] = np.full(n, value)
    inside = {tag: np.zeros(n) for tag in _LANDMARKS}
    articles = tree.tags.count("article")
    for element in [element for element in page.elements if element.tag in inside]:
        inside[element.tag][element.first : element.last] = 1.0
    columns.update({f"in_{tag}": flags for tag, flags in inside.items()})
    in_article = float((words * np.maximum(inside["article"], inside["main"])).sum()) / total
    columns["page_in_article"] = np.full(n, in_article)
    columns["page_articles"] = np.full(n, math.log1p(articles))


def _dump_columns(columns: dict[str, Array], page: ParsedPage) -> None:
    """Line shape; zeros for HTML."""
    blocks, n = page.blocks, len(page.blocks)
    if page.is_html:
        columns.update({name: np.zeros(n) for name in DUMP_COLUMNS})
        return
    columns["marker"] = np.array([bool(b.marker) for b in blocks], dtype=np.float64)
    columns["indent"] = np.array([min(b.indent, 40) for b in blocks], dtype=np.float64)
    gaps = np.array([min(b.gap, 3) for b in blocks], dtype=np.float64)
    columns["gap"] = gaps
    columns["gap_after"] = np.concatenate((gaps[1:], [3.0]))
    lengths = np.array([len(b.text) for b in blocks], dtype=np.float64)
    columns["right_share"] = lengths / max(1.0, float(lengths.max()))
