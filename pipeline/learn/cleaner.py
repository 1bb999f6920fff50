"""Train the cleaner, and measure it on pages of sites it has not seen.

The trees of the first look learn from the scores of two linear models, those of the second from what the first says;
were these fitted on the same pages, they would be trusted too much. So for each held-out fold the linear models that
score a training fold have seen neither the one nor the other, and the first look that the second learns from was
fitted on the other half of the training folds. The figures are honest: nothing that scores a page has seen a page of
its fold.
"""

from __future__ import annotations

import math
import warnings
import zlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from pipeline.clean.borders import BORDER_COLUMNS
from pipeline.clean.features import COLUMNS, page_features
from pipeline.clean.model import Branch
from pipeline.clean.second import SECOND_COLUMNS, second_features
from pipeline.clean.tokens import headings_above, name_tokens, page_tokens, page_words
from pipeline.clean.trees import Trees, flatten
from pipeline.clean.words import Words
from pipeline.learn.bench import FOLDS, PRINTED, Example
from pipeline.records import ParsedPage


class Options(NamedTuple):
    """What the training can be told; the defaults were tried on the development folds."""

    word_c: float = 0.5
    name_c: float = 0.3
    linear_steps: int = 60  # L-BFGS is stopped early: more steps cost time and bring nothing
    min_pages: int = 3  # a token must stand on so many pages
    min_weight: float = 0.02  # weaker tokens are dropped from the model
    words_power: float = 0.6  # a block weighs its words to this power, a page the logarithm of the sum
    dump_words_power: float = 0.1  # the same for dumps, where every line counts alike
    printed_weight: float = 0.4  # of a dump that was made of an HTML page, against a real one
    trees: int = 100
    leaves: int = 31
    learning_rate: float = 0.1
    min_leaf: int = 40
    second_trees: int = 60
    second_leaves: int = 15
    second_learning_rate: float = 0.1
    second_min_leaf: int = 100
    border_trees: int = 60
    border_leaves: int = 15
    border_learning_rate: float = 0.1
    border_min_leaf: int = 50
    hidden_tables: float = 0.3  # so many of the dumps are learnt from as if they stood alone, without their site
    seed: int = 0


class Linear(NamedTuple):
    """A fitted linear model: a weight for each token that has one."""

    weights: dict[str, float]
    bias: float


#: Trees as `flatten` gives them: nodes, starts, baseline.
Flat = tuple[dict[str, np.ndarray], np.ndarray, float]


class Fitted(NamedTuple):
    """The parts of a `Branch` as arrays and word lists, ready to be saved."""

    words: Linear
    names: dict[str, tuple[float, float, float]]
    first: Flat
    second: Flat
    border: Flat | None = None  # of dumps

    def branch(self) -> Branch:
        """The same as the run-time object."""
        looks = built(self.first, COLUMNS), built(self.second, SECOND_COLUMNS)
        borders = built(self.border, BORDER_COLUMNS) if self.border else None
        return Branch(Words(self.words.weights, self.words.bias), self.names, *looks, borders)


def built(flat: Flat, columns: Sequence[str]) -> Trees:
    """Trees that judge, of trees as they are saved."""
    nodes, starts, baseline = flat
    wide = {k: v.astype(np.float64 if k in ("value", "threshold") else np.int64) for k, v in nodes.items()}
    return Trees(wide, starts.astype(np.int64), baseline, len(columns))


class Scores(NamedTuple):
    """Out-of-fold probabilities of the blocks of every page, in the order of the examples."""

    with_site: list[np.ndarray]  # each of shape (n_blocks,)
    alone: list[np.ndarray]  # the same without the table of the site; told of scored dumps only
    seconds: Sequence[np.ndarray] = ()  # what the second look saw, with the table: shape (n_blocks, n_second_columns)


Report = Callable[[str], None]
_SITE = [COLUMNS.index(name) for name in ("site_count", "site_share")]
_ROLES = ("a ", "o ", "p ")  # a name as an ancestor's, as the block's own element's, as its parent's


def fit(examples: Sequence[Example], options: Options, report: Report) -> tuple[Fitted, Scores]:
    """Fit one branch, and score every page by models that have not seen its fold.

    Parameters
    ----------
    examples : sequence of Example
        All HTML pages, or all dumps.
    options : Options
    report : callable
        Told a line for each step.

    Returns
    -------
    fitted : Fitted
        Fitted on all pages.
    scores : Scores
    """
    data = _Data(examples, options)
    report(f"{len(examples)} pages, {len(data.labels)} blocks, {data.words.matrix.shape[1]} word tokens, "
           f"{data.names.matrix.shape[1]} name tokens")  # fmt: skip
    pairs = {frozenset(pair): data.linear(pair) for pair in combinations(range(FOLDS), 2)}
    report("linear models without two folds: done")
    singles = {held: data.linear((held,)) for held in range(FOLDS)}
    report("linear models without one fold: done")
    with_site, alone, seconds = ([np.zeros(0)] * len(examples) for _ in range(3))
    first: dict[int, np.ndarray] = {}  # what a first look says of pages that it has not seen
    unseen: dict[int, np.ndarray] = {}  # their tables by linear models that have not seen their fold, but all others
    for held in range(FOLDS):
        linear = {e.fold: singles[held] if e.fold == held else pairs[frozenset((held, e.fold))] for e in examples}
        tables = {i: data.table(i, *linear[e.fold]) for i, e in enumerate(examples) if e.page.blocks}
        seen = [i for i in tables if examples[i].fold != held]
        looks = data.look_twice(tables, seen)
        for i in (i for i in tables if examples[i].fold == held):
            unseen[i] = tables[i]
            first[i] = looks.first.decision_function(data.hide(i, tables[i]))
            with_site[i], seconds[i] = data.second_look(i, tables[i], looks)
            is_dump = examples[i].scored and not examples[i].page.is_html
            alone[i] = data.second_look(i, _without_site(tables[i]), looks)[0] if is_dump else with_site[i]
        report(f"fold {held + 1} of {FOLDS}: done")
    tables = {i: unseen[i] for i in sorted(unseen)}
    final = data.boost_first(tables, list(tables))
    final_second = data.boost_second(tables, first)
    words, names = data.linear(())
    report("final model: done")
    weights = _pruned(words, options.min_weight), _role_table(names, options.min_weight)
    return Fitted(*weights, flatten(final), flatten(final_second)), Scores(with_site, alone, seconds)


class _Looks(NamedTuple):
    first: HistGradientBoostingClassifier
    second: HistGradientBoostingClassifier


class _Tokens:
    """Token counts of all blocks as one sparse matrix, with the tokens' names."""

    def __init__(self, rows: Iterable[Mapping[str, float]]) -> None:
        ids: dict[str, int] = {}
        columns, values, ends = array("i"), array("f"), array("q", [0])
        for row in rows:
            for token, value in row.items():
                columns.append(ids.setdefault(token, len(ids)))
                values.append(value)
            ends.append(len(columns))
        shape = (len(ends) - 1, len(ids))
        self.matrix = sparse.csr_matrix((np.array(values), np.array(columns), np.array(ends)), shape=shape)
        self.tokens = list(ids)

    def fit(
        self, rows: np.ndarray, page: np.ndarray, y: np.ndarray, weight: np.ndarray, c: float, options: Options
    ) -> Linear:
        """Logistic regression on some rows, on tokens of at least `min_pages` of their pages."""
        part = self.matrix[rows]
        entries = part.tocoo()
        seen = np.unique(entries.col.astype(np.int64) * (int(page.max()) + 1) + page[rows][entries.row])
        pages = np.bincount(seen // (int(page.max()) + 1), minlength=part.shape[1])
        columns = np.flatnonzero(pages >= options.min_pages)
        model = LogisticRegression(C=c, max_iter=options.linear_steps, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(part[:, columns], y[rows], weight[rows])
        return Linear(
            {self.tokens[j]: float(w) for j, w in zip(columns, model.coef_[0], strict=True)}, float(model.intercept_[0])
        )


class _Data:
    """All pages of a branch with their tokens, labels and weights."""

    def __init__(self, examples: Sequence[Example], options: Options) -> None:
        self.examples, self.options = examples, options
        self.above = [headings_above(e.page) for e in examples]
        self.block_words = [page_words(e.page) for e in examples]
        triples = zip(examples, self.block_words, self.above, strict=True)
        self.tokens = [page_tokens(e.page, words, above) for e, words, above in triples]
        sizes = [len(e.page.blocks) for e in examples]
        self.page_of = np.repeat(np.arange(len(examples)), sizes)
        self.first = np.concatenate(([0], np.cumsum(sizes)))
        self.labels = np.concatenate([np.array(e.labels, dtype=bool) for e in examples])
        self.weights = np.concatenate(block_weights(examples, options))
        self.words = _Tokens(dict.fromkeys(row, 1.0) for rows in self.tokens for row in rows)
        self.names = _Tokens(row for e in examples for row in _name_rows(e.page))

    def linear(self, held: Iterable[int]) -> tuple[Linear, Linear]:
        """Word and name model of the pages outside the held-out folds."""
        learnt = np.array([e.fold not in frozenset(held) and not e.suspect for e in self.examples])
        rows = np.flatnonzero(learnt[self.page_of])
        common = (self.page_of, self.labels, self.weights)
        words = self.words.fit(rows, *common, self.options.word_c, self.options)
        if not self.examples[0].page.is_html:
            return words, Linear({}, 0.0)  # a dump has no names
        return words, self.names.fit(rows, *common, self.options.name_c, self.options)

    def table(self, i: int, words: Linear, names: Linear) -> np.ndarray:
        """Features of one page under these linear models."""
        page = self.examples[i].page
        read = Words(words.weights, words.bias)
        branch = Branch(read, _role_table(names, 0.0, page), _NO_TREES, _NO_TREES)
        scores = read.of_tokens(self.tokens[i])
        named = branch.name_scores(page.elements)
        return page_features(page, self.block_words[i], self.above[i], scores, named, self.examples[i].table)

    def hide(self, i: int, table: np.ndarray) -> np.ndarray:
        """The table as it is learnt from: some dumps stand alone, as they may in use."""
        example = self.examples[i]
        alone = zlib.crc32(example.page.page_id.encode()) % 100 < 100 * self.options.hidden_tables
        return _without_site(table) if alone and not example.page.is_html else table

    def look_twice(self, tables: Mapping[int, np.ndarray], seen: Sequence[int]) -> _Looks:
        """Both looks, learnt from the pages `seen`; the second from first looks fitted on the other half of them."""
        folds = sorted({self.examples[i].fold for i in seen})
        half = frozenset(folds[: len(folds) // 2])
        logits: dict[int, np.ndarray] = {}
        for learnt in (True, False):
            model = self.boost_first(tables, [i for i in seen if (self.examples[i].fold in half) == learnt])
            for i in seen:
                if (self.examples[i].fold in half) != learnt:
                    logits[i] = model.decision_function(self.hide(i, tables[i]))
        return _Looks(self.boost_first(tables, seen), self.boost_second(tables, logits))

    def second_look(self, i: int, table: np.ndarray, looks: _Looks) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of the blocks of one page, shape (n_blocks,), and the columns that they are told from."""
        seconds = second_features(self.examples[i].page, table, looks.first.decision_function(table))
        return looks.second.predict_proba(seconds)[:, 1], seconds

    def boost_first(self, tables: Mapping[int, np.ndarray], chosen: Sequence[int]) -> HistGradientBoostingClassifier:
        """The first look, learnt from the chosen pages."""
        o = self.options
        return self._boost({i: self.hide(i, tables[i]) for i in chosen}, o.trees, o.leaves, o.learning_rate, o.min_leaf)

    def boost_second(
        self, tables: Mapping[int, np.ndarray], logits: Mapping[int, np.ndarray]
    ) -> HistGradientBoostingClassifier:
        """The second look, learnt from what a first look that has not seen them says of some pages."""
        o = self.options
        seconds = {i: second_features(self.examples[i].page, self.hide(i, tables[i]), z) for i, z in logits.items()}
        return self._boost(seconds, o.second_trees, o.second_leaves, o.second_learning_rate, o.second_min_leaf)

    def _boost(
        self, tables: Mapping[int, np.ndarray], trees: int, leaves: int, learning_rate: float, min_leaf: int
    ) -> HistGradientBoostingClassifier:
        """Boosted trees over some tables; pages with a wrong reference are left out."""
        pages = [i for i in tables if not self.examples[i].suspect]
        rows = np.concatenate([np.arange(self.first[i], self.first[i + 1]) for i in pages])
        model = HistGradientBoostingClassifier(
            max_iter=trees, max_leaf_nodes=leaves, learning_rate=learning_rate, min_samples_leaf=min_leaf,
            l2_regularization=1.0, early_stopping=False, random_state=self.options.seed,
        )  # fmt: skip
        table = np.concatenate([tables[i] for i in pages])
        return model.fit(table, self.labels[rows], sample_weight=self.weights[rows])


def _without_site(table: np.ndarray) -> np.ndarray:
    """The table of a page that stands alone."""
    table = table.copy()
    table[:, _SITE] = 0.0
    return table


def block_weights(examples: Sequence[Example], options: Options) -> list[np.ndarray]:
    """What the blocks of each page weigh in training: 1 on average."""
    weights = [_weights(example, options) for example in examples]
    scale = sum(map(len, weights)) / sum(float(of_page.sum()) for of_page in weights)
    return [of_page * scale for of_page in weights]


def _weights(example: Example, options: Options) -> np.ndarray:
    """A block weighs its words to a power; a page in all the logarithm of the sum; what does not count, nothing."""
    power = options.words_power if example.page.is_html else options.dump_words_power
    words = np.array([block.text.count(" ") + 1 for block in example.page.blocks], dtype=np.float64)
    weights = words**power * np.array(example.counted, dtype=np.float64) + 1e-9
    total = weights.sum() if len(weights) else 1.0
    share = options.printed_weight if example.group == PRINTED else 1.0
    return weights / total * math.log1p(total) * share


def _name_rows(page: ParsedPage) -> Iterable[dict[str, float]]:
    """The name tokens of each block: of all ancestors, each by the share of words outside it; own; parent's."""
    words = np.concatenate(([0], np.cumsum([block.text.count(" ") + 1 for block in page.blocks])))
    total = max(1, int(words[-1]))
    chains: list[dict[str, float]] = []
    for element in page.elements:
        chain = dict(chains[element.parent]) if element.parent >= 0 else {}
        outside = 1.0 - int(words[element.last] - words[element.first]) / total
        for token in name_tokens(element):
            chain[_ROLES[0] + token] = chain.get(_ROLES[0] + token, 0.0) + outside
        chains.append(chain)
    for block in page.blocks:
        if not page.is_html:
            yield {}
            continue
        own = page.elements[block.element]
        row = dict(chains[block.element])
        row.update({_ROLES[1] + token: 1.0 for token in name_tokens(own)})
        row.update({_ROLES[2] + token: 1.0 for token in name_tokens(page.elements[max(0, own.parent)])})
        yield row


def _role_table(
    names: Linear, min_weight: float, page: ParsedPage | None = None
) -> dict[str, tuple[float, float, float]]:
    """The name weights as token -> (as ancestor, as own, as parent); only the tokens of a page, if one is given."""
    get = names.weights.get
    if page is not None:
        tokens: Iterable[str] = {token for element in page.elements for token in name_tokens(element)}
    else:
        tokens = dict.fromkeys(key[2:] for key in names.weights)
    table = {}
    for token in tokens:
        row = tuple(get(role + token, 0.0) for role in _ROLES)
        if max(map(abs, row)) > min_weight:
            table[token] = (row[0], row[1], row[2])
    return table


def _pruned(linear: Linear, min_weight: float) -> Linear:
    return Linear({token: w for token, w in linear.weights.items() if abs(w) > min_weight}, linear.bias)


def _no_trees() -> Trees:
    one = np.zeros(1)
    nodes = {"value": one, "feature": one.astype(np.int64), "threshold": one, "left": one.astype(np.int64)}
    return Trees({**nodes, "right": nodes["left"]}, np.zeros(1, dtype=np.int64), 0.0, len(COLUMNS))


#: A leaf that says nothing, for branches of which only the linear scores are asked.
_NO_TREES = _no_trees()
