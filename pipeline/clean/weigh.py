"""Why a block got its score: the logit of the trees shared out over things that a person understands.

On its way down a tree a block passes nodes; each has a value, what the tree would say if it ended there. What a
split changes of that value is the doing of the column it looks at (Saabas 2014, "Interpreting random forests").
Summed over all trees, the parts of all columns and the base give the logit exactly. What the second look owes to the
first one's word on the block itself is told by what weighed most there. What deciding all lines of a dump together
adds to that is a thing of its own. Nothing here is needed to clean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from pipeline.clean.borders import settled
from pipeline.clean.features import COLUMNS, page_features
from pipeline.clean.model import Branch, Cleaner
from pipeline.clean.second import SECOND_COLUMNS, second_features
from pipeline.clean.site import NO_TABLE, SiteTable
from pipeline.clean.tokens import headings_above, name_tokens, page_tokens, page_words, runs_of
from pipeline.clean.trees import Trees
from pipeline.records import Element, ParsedPage

#: So many things are told of a block, and so many of its words.
TOP = 3
TOP_WORDS = 3
#: Shorter words tell a person nothing ("a", "of"), much as they may tell the model.
MIN_WORD_CHARS = 3
#: What changes the logit by less is not worth a mention.
MIN_AMOUNT = 0.05
#: So many words of an element's names stand in a path.
PATH_NAMES = 2
#: A longer path keeps so many steps of its beginning and of its end; pages may nest thousands deep.
PATH_HEAD, PATH_TAIL = 3, 9
#: Texts of the page that a detail quotes are cut to this length.
QUOTE_CHARS = 40


class Group(NamedTuple):
    """Columns that are one thing to a person."""

    key: str
    speaks_for: str  # how to say that it raised the score ...
    speaks_against: str  # ... or lowered it
    columns: tuple[str, ...]  # patterns of names; a column belongs to the first group that fits


#: All columns of both looks, but for "first", as they are told. Details are added by `DETAILS`.
GROUPS: tuple[Group, ...] = (
    Group("words", "words of an article", "not words of an article", ("word_score",)),
    Group("names", "elements of an article", "elements of other things", ("name_*",)),
    Group(
        "prose",
        "where the page's prose is",
        "away from the page's prose",
        ("in_half", "in_most", "half_*", "most_*", "*_rank", "depth"),
    ),
    Group("landmarks", "in a part for articles", "in a part for other things", ("in_*",)),
    Group("length", "as long as article text", "not as long as article text", ("words", "chars_a_word")),
    Group("links", "linked like article text", "linked like navigation", ("link_share",)),
    Group("topic", "on the page's topic", "off the page's topic", ("topic_share",)),
    Group(
        "form",
        "written like article text",
        "not written like article text",
        ("ends_*", "digit_*", "capital_*", "bold", "level", "starts_*", "glued_*", "kind_*"),
    ),
    Group(
        "neighbours",
        "next to article text",
        "next to other things",
        ("near_*", "before_*", "after_*", "previous_*", "next_*", "first_*", "reach_4", "reach_10", "reach_25",
         "sure_*", "unsure_*"),
    ),
    Group(
        "rest",
        "article above and below",
        "no article above and below",
        ("all_*", "best_before", "best_after", "share_*"),
    ),
    Group("run", "in a run of article text", "in a run of other lines", ("run_*", "reach_run")),
    Group(
        "likes",
        "blocks like it are article text",
        "blocks like it are other things",
        ("like_*", "like3_*", "reach_like"),
    ),
    Group(
        "container",
        "its container holds article text",
        "its container holds other things",
        ("own_*", "parent_*", "grandparent_*", "third_*", "reach_parent", "reach_grandparent"),
    ),
    Group(
        "heading", "under a heading of the article", "under a heading of other things", ("section_*", "heading_*")
    ),
    Group("repetition", "repeated like article text", "repeated unlike article text", ("same_*",)),
    Group("site", "not repeated on the site", "repeated on the site", ("site_*",)),
    Group("title", "its share of the title", "its share of the title", ("title_share", "is_title")),
    Group("place", "where articles stand", "where articles seldom stand", ("position", "words_before", "since_h1")),
    Group("page", "a page of prose", "a page of another kind", ("page_*", "reach_page")),
    Group("borders", "within the article's bounds", "outside the article's bounds", ()),
    Group("layout", "laid out like an article", "laid out otherwise", ("marker", "indent", "gap*", "right_*")),
)  # fmt: skip


_BORDERS = next(g for g, group in enumerate(GROUPS) if group.key == "borders")


class Weight(NamedTuple):
    """One thing that raised or lowered a block's score."""

    key: str  # of a `Group`
    phrase: str  # what it says
    detail: str  # the words, the element, the number it comes from; "" where none tells more
    amount: float  # its part of the logit; +0.69 doubles the odds that the block is kept


class Weighed(NamedTuple):
    """Why one block got its score."""

    path: tuple[str, ...]  # HTML: the elements around it, outermost first ("…" for those left out); dumps: ()
    weights: tuple[Weight, ...]  # what weighed most, largest first


def weigh(page: ParsedPage, cleaner: Cleaner, site: SiteTable = NO_TABLE, top: int = TOP) -> list[Weighed]:
    """For every block of a page what weighed most in its score, and its path.

    Parameters
    ----------
    page : ParsedPage
    cleaner : Cleaner
        The one that scored it.
    site : SiteTable
        The one it was scored with.
    top : int
        At most so many things a block.

    Returns
    -------
    list of Weighed, length n_blocks
    """
    if not page.blocks:
        return []
    scene = _Scene(page, cleaner.branch(page), site)
    amounts = page_amounts(scene.branch, page, scene.table)[1]
    weighed = []
    for i, row in enumerate(amounts):
        strongest = [int(g) for g in np.argsort(-np.abs(row), kind="stable")[:top] if abs(row[g]) >= MIN_AMOUNT]
        weights = tuple(_told(scene, i, GROUPS[g], float(row[g])) for g in strongest)
        weighed.append(Weighed(scene.paths[page.blocks[i].element] if page.is_html else (), weights))
    return weighed


class Attribution(NamedTuple):
    """Logits taken apart: `base` and a row of `columns` sum to the row's logit."""

    base: float
    columns: np.ndarray  # shape (n_rows, n_features)


def attribute(trees: Trees, table: np.ndarray) -> Attribution:
    """Share the logits of rows out over their columns.

    Parameters
    ----------
    trees : Trees
    table : array of shape (n_rows, n_features)
    """
    table = np.asarray(table, dtype=np.float64)
    left, right, feature = (trees.nodes[name] for name in ("left", "right", "feature"))
    values, starts = trees.node_values(), trees.starts
    parts = np.zeros((len(table), trees.n_features))
    at = np.tile(starts, (len(table), 1))  # the node where each row stands in each tree
    rows, tree = np.nonzero(left[at])
    while len(rows):
        here = at[rows, tree]
        columns = feature[here]
        goes_left = table[rows, columns] <= trees.nodes["threshold"][here]
        below = starts[tree] + np.where(goes_left, left[here], right[here])
        np.add.at(parts, (rows, columns), values[below] - values[here])
        at[rows, tree] = below
        inner = left[below] != 0
        rows, tree = rows[inner], tree[inner]
    return Attribution(trees.baseline + float(values[starts].sum()), parts)


def page_amounts(branch: Branch, page: ParsedPage, table: np.ndarray) -> tuple[float, np.ndarray]:
    """The logits of a page's blocks, shared out over `GROUPS`.

    Parameters
    ----------
    branch : Branch
    page : ParsedPage
    table : array of shape (n_blocks, n_columns)
        Of the first look.

    Returns
    -------
    base : float
    amounts : array of shape (n_blocks, n_groups)
        The amounts of a block and the base sum to its logit.
    """
    first = group_amounts(attribute(branch.first, table).columns, COLUMNS)
    seconds = second_features(page, table, branch.first.logits(table))
    base, columns = attribute(branch.second, seconds)
    amounts = group_amounts(columns[:, 1:], SECOND_COLUMNS[1:])
    of_itself = columns[:, 0]
    leading = np.argmax(first * np.sign(of_itself)[:, None], axis=1)
    amounts[np.arange(len(amounts)), leading] += of_itself
    logits = base + amounts.sum(axis=1)
    amounts[:, _BORDERS] = settled(branch.borders, page, table, logits) - logits
    return base, amounts


def group_amounts(parts: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """Sum parts of columns, shape (n_rows, n_columns), over `GROUPS`: shape (n_rows, n_groups)."""
    sums = np.zeros((len(parts), len(GROUPS)))
    for j, name in enumerate(columns):
        sums[:, group_of(name)] += parts[:, j]
    return sums


def group_of(column: str) -> int:
    """The index of the group that a column belongs to.

    >>> GROUPS[group_of("in_footer")].key, GROUPS[group_of("in_half")].key
    ('landmarks', 'prose')
    """
    return next(g for g, group in enumerate(GROUPS) if any(fnmatchcase(column, p) for p in group.columns))


def spoken(token: str) -> str:
    """A token of the word model as it is told; "" for one about shape, which other groups tell better.

    >>> [spoken(token) for token in ("^related", "read$", "=read more", "<related", "00", "#p 3")]
    ['related', 'read', 'read more', 'heading: related', 'a number', '']
    """
    if token.startswith("#"):
        return ""
    word = token.removesuffix("$") if len(token) > 1 else token
    above = word.startswith("<")
    word = word.lstrip("^=<") or word
    word = "a number" if word.strip("0 ") == "" else word
    return f"heading: {word}" if above else word


class _Scene:
    """A page under one branch, with what the details are told from."""

    def __init__(self, page: ParsedPage, branch: Branch, site: SiteTable) -> None:
        self.page, self.branch = page, branch
        words, self.above = page_words(page), headings_above(page)
        self.tokens = page_tokens(page, words, self.above)
        scores = branch.words.of_tokens(self.tokens)
        self.table = page_features(page, words, self.above, scores, branch.name_scores(page.elements), site)
        self.run_lengths = [len(run) for run in runs_of(page) for _ in run]
        self.labels = [_label(element, branch) for element in page.elements]
        self.paths = _paths(page.elements, self.labels)
        self.landmarks = _landmarks(page.elements)
        self.strongest = _strongest_names(page, branch)


def _told(scene: _Scene, i: int, group: Group, amount: float) -> Weight:
    phrase = group.speaks_for if amount > 0 else group.speaks_against
    detail = DETAILS[group.key](scene, i, amount) if group.key in DETAILS else ""
    return Weight(group.key, phrase, detail, round(amount, 4))


def _words(scene: _Scene, i: int, amount: float) -> str:
    """The words that pull the way the group does, strongest first."""
    weights: dict[str, float] = {}
    for token in scene.tokens[i]:
        word = spoken(token)
        if word:
            weights[word] = weights.get(word, 0.0) + scene.branch.words.weights.get(token, 0.0)
    pull = {word: weight * np.sign(amount) for word, weight in weights.items()}
    telling = (word for word in pull if pull[word] > 0 and len(word) >= MIN_WORD_CHARS)
    strongest = sorted(telling, key=lambda word: -pull[word])[:TOP_WORDS]
    return ", ".join(f"“{word}”" for word in strongest)


def _names(scene: _Scene, i: int, amount: float) -> str:
    """The element around the block whose tag or name pulls most the way the group does."""
    found = scene.strongest[scene.page.blocks[i].element][amount > 0]
    if found is None:
        return ""
    element, token = found
    return scene.labels[element] + ("" if token.startswith("<") else f" “{token}”")


def _value(scene: _Scene, i: int, column: str) -> float:
    return float(scene.table[i, COLUMNS.index(column)])


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _others(number: int) -> str:
    return "itself alone" if number == 1 else f"{number - 1} more"


def _quote(text: str) -> str:
    return f"“{text if len(text) <= QUOTE_CHARS else text[: QUOTE_CHARS - 1].rstrip() + '…'}”"


def _heading(scene: _Scene, i: int, amount: float) -> str:
    return _quote(scene.page.blocks[scene.above[i]].text) if scene.above[i] >= 0 else "none"


def _repetition(scene: _Scene, i: int, amount: float) -> str:
    times = round(_value(scene, i, "same_text")) + 1
    return "once on the page" if times == 1 else f"{times} times on the page"


#: What a group is told with: the scene, the block's index and the group's amount to words of a person.
DETAILS: dict[str, Callable[[_Scene, int, float], str]] = {
    "words": _words,
    "names": _names,
    "landmarks": lambda scene, i, _: scene.landmarks[scene.page.blocks[i].element],
    "length": lambda scene, i, _: _counted(scene.page.blocks[i].text.count(" ") + 1, "word"),
    "links": lambda scene, i, _: f"{_percent(scene.page.blocks[i].link_share)} in links",
    "form": lambda scene, i, _: scene.page.blocks[i].kind,
    "likes": lambda scene, i, _: _others(round(np.expm1(_value(scene, i, "like_count")))),
    "container": lambda scene, i, _: f"{_percent(_value(scene, i, 'parent_share'))} of the page's words",
    "page": lambda scene, i, _: f"{_percent(_value(scene, i, 'page_prose'))} prose",
    "run": lambda scene, i, _: f"{scene.run_lengths[i]} in a row",
    "heading": _heading,
    "site": lambda scene, i, _: f"on {_percent(_value(scene, i, 'site_share'))} of its pages",
    "repetition": _repetition,
    "place": lambda scene, i, _: f"block {i + 1} of {len(scene.page.blocks)}",
}


def _label(element: Element, branch: Branch) -> str:
    """An element as a step of a path: its tag and its most telling names."""
    words = element.names.split()
    known = sorted(words, key=lambda word: -max(map(abs, branch.names.get(word, (0.0,)))))[:PATH_NAMES]
    return ".".join([element.tag, "-".join(word for word in words if word in known)]).removesuffix(".")


def _paths(elements: Sequence[Element], labels: Sequence[str]) -> list[tuple[str, ...]]:
    """The path of each element, outermost first."""
    paths: list[tuple[str, ...]] = []
    for element, label in zip(elements, labels, strict=True):
        path = (*paths[element.parent], label) if element.parent >= 0 else (label,)
        if len(path) > PATH_HEAD + 1 + PATH_TAIL:
            path = (*path[:PATH_HEAD], "…", *path[-PATH_TAIL:])
        paths.append(path)
    return paths


def _landmarks(elements: Sequence[Element]) -> list[str]:
    """The innermost landmark that each element stands in, "" for none."""
    tags = frozenset(name.removeprefix("in_") for name in COLUMNS if GROUPS[group_of(name)].key == "landmarks")
    found: list[str] = []
    for element in elements:
        above = found[element.parent] if element.parent >= 0 else ""
        found.append(element.tag if element.tag in tags else above)
    return found


_Named = tuple[int, str] | None  # element, token


def _strongest_names(page: ParsedPage, branch: Branch) -> list[tuple[_Named, _Named]]:
    """For a block right in each element the name around it that weighs most against the article, and for it.

    As in `features`, a name counts as an ancestor's by the share of words outside, and again as own or parent's.
    """
    elements = page.elements
    words = np.concatenate(([0], np.cumsum([block.text.count(" ") + 1 for block in page.blocks])))
    total = max(1, int(words[-1]))
    ancestors: list[tuple[tuple[float, _Named], tuple[float, _Named]]] = []  # (against, for) of the whole chain
    strongest = []

    def weights(e: int, own: bool, parent: bool) -> dict[str, float]:
        outside = 1.0 - int(words[elements[e].last] - words[elements[e].first]) / total
        rows = {token: branch.names.get(token, (0.0, 0.0, 0.0)) for token in name_tokens(elements[e])}
        return {token: row[0] * outside + row[1] * own + row[2] * parent for token, row in rows.items()}

    def better(found: tuple[float, _Named], e: int, tokens: dict[str, float], sign: int) -> tuple[float, _Named]:
        token = max(tokens, key=lambda name: sign * tokens[name])
        return (sign * tokens[token], (e, token)) if sign * tokens[token] > found[0] else found

    for e, element in enumerate(elements):
        up = element.parent
        nothing: tuple[tuple[float, _Named], tuple[float, _Named]] = ((0.0, None), (0.0, None))
        above = ancestors[up] if up >= 0 else nothing
        far = ancestors[elements[up].parent] if up >= 0 and elements[up].parent >= 0 else nothing
        alone, own = weights(e, False, False), weights(e, True, up < 0)
        near = weights(up, False, True) if up >= 0 else {}
        ancestors.append((better(above[0], e, alone, -1), better(above[1], e, alone, 1)))
        sides = []
        for found, sign in zip(far, (-1, 1), strict=True):
            best = better(found, up, near, sign) if near else found
            sides.append(better(best, e, own, sign)[1])
        strongest.append((sides[0], sides[1]))
    return strongest
