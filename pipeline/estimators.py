"""Cleaning and tagging as scikit-learn transformers, for pipelines and for columns of pandas frames.

>>> import pandas as pd
>>> from sklearn.pipeline import make_pipeline
>>> from pipeline.estimators import ArticleCleaner, PassageTagger
>>> pain = "Call a doctor at once if the pain in your chest spreads to your arm."
>>> texts = pd.Series([pain, "The clinic is open on Sundays."], index=[7, 9])
>>> PassageTagger().set_output(transform="pandas").fit(texts).transform(texts).round().astype(int)
   causes  remedies  warning_signs
7       0         0              1
9       0         0              0
>>> way = make_pipeline(ArticleCleaner(output="article"), PassageTagger())
>>> way.fit_transform(["<p>too short</p>", None]).shape
(2, 3)

Both come fitted: `fit` loads the model and learns nothing from the data, so that they can be fitted on any rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from pipeline import api
from pipeline.clean import Cleaner, load_cleaner
from pipeline.parse import NoText
from pipeline.records import Article, Block, TaggedPassage
from pipeline.shard import kept_blocks
from pipeline.split import split
from pipeline.tag import Tagger, load_tagger, section_tags
from pipeline.tag import tag as tag_sections

StrPath = str | os.PathLike[str]
#: What `ArticleCleaner` can give for a page.
OUTPUTS = ("text", "article")


class ArticleCleaner(TransformerMixin, BaseEstimator):
    """Turn a column of pages into a column of cleaned articles.

    Parameters
    ----------
    output : {"text", "article"}, default="text"
        What to give for each page: the cleaned text, without the title, or the `records.Article`, which keeps title,
        headings and what was dropped, for `PassageTagger` or your own use.
    model : path, default=None
        Folder of a cleaner; None for the shipped one.

    Attributes
    ----------
    cleaner_ : Cleaner
        The loaded model.

    Examples
    --------
    >>> ArticleCleaner().fit_transform(["", None]).tolist()
    ['', '']
    """

    def __init__(self, output: str = "text", model: StrPath | None = None) -> None:
        self.output = output
        self.model = model

    def fit(self, X: Any, y: Any = None) -> ArticleCleaner:
        """Load the model.

        Raises
        ------
        ValueError
            If `output` is unknown, or `X` is no column.
        ModelError
            If the folder holds no cleaner.
        """
        if self.output not in OUTPUTS:
            raise ValueError(f"output is {self.output!r}; known are {', '.join(OUTPUTS)}")
        _column(X)
        self.cleaner_: Cleaner = api.shipped_cleaner() if self.model is None else load_cleaner(Path(self.model))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Clean every page.

        Parameters
        ----------
        X : list, Series or array of shape (n_pages,), or frame or array of shape (n_pages, 1)
            HTML or text dumps, as str or bytes.

        Returns
        -------
        array of the shape of X, of objects
            "" (or None for "article") in the place of a page that is missing, empty or binary.

        Raises
        ------
        TypeError
            If a row is none of str, bytes, None and nan.
        """
        check_is_fitted(self)
        pages, shape = _column(X)
        cleaned = np.empty(len(pages), dtype=object)
        for i, page in enumerate(pages):
            article = None if _is_missing(page) else self._clean(page, i)
            cleaned[i] = article if self.output == "article" else article.text if article else ""
        return cleaned.reshape(shape)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The name of the one column."""
        return np.array([self.output], dtype=object)

    def _clean(self, page: Any, row: int) -> Article | None:
        if not isinstance(page, str | bytes):
            raise TypeError(f"row {row} is of type {type(page).__name__}; give str, bytes or None")
        try:
            return api.clean(page, cleaner=self.cleaner_)
        except NoText:
            return None

    def __sklearn_tags__(self) -> Any:
        return _text_tags(super().__sklearn_tags__())


class PassageTagger(TransformerMixin, BaseEstimator):
    """Turn a column of cleaned texts into probabilities of the tags.

    A row may be one passage, a section or a whole article: it is split as articles are, each line a block, and its
    passages are tagged with their neighbours and headings in view. Unlike a run, it tags whatever it is given, of any
    kind and language.

    Parameters
    ----------
    model : path, default=None
        Folder of a tagger; None for the shipped one.

    Attributes
    ----------
    tagger_ : Tagger
        The loaded model.
    classes_ : array of shape (n_labels,)
        The tags, in the order of the columns.

    Examples
    --------
    >>> tagger = PassageTagger().fit([])
    >>> tagger.predict(["Call a doctor at once if the pain spreads to your arm."]).tolist()
    [[0, 0, 1]]
    """

    def __init__(self, model: StrPath | None = None) -> None:
        self.model = model

    def fit(self, X: Any, y: Any = None) -> PassageTagger:
        """Load the model.

        Raises
        ------
        ValueError
            If `X` is no column.
        ModelError
            If the folder holds no tagger.
        """
        _column(X)
        self.tagger_: Tagger = api.shipped_tagger() if self.model is None else load_tagger(Path(self.model))
        self.classes_ = np.array(self.tagger_.labels, dtype=object)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Probability of each tag, a mean over the row's passages weighted by their words.

        Parameters
        ----------
        X : list, Series or array of shape (n_rows,), or frame or array of shape (n_rows, 1)
            Texts, or what `ArticleCleaner(output="article")` gives.

        Returns
        -------
        array of shape (n_rows, n_labels)
            Each 0 to 1, in the order of `classes_`; zeros for a row that is missing or holds no passage.

        Raises
        ------
        TypeError
            If a row is none of str, Article, None and nan.
        """
        rows = self._passages(X)
        probabilities = np.zeros((len(rows), len(self.classes_)))
        for i, passages in enumerate(rows):
            if passages:
                probabilities[i] = np.average([p.scores for p in passages], axis=0, weights=_word_counts(passages))
        return probabilities.round(4)

    def predict_proba(self, X: Any) -> np.ndarray:
        """As `transform`."""
        return self.transform(X)

    def predict(self, X: Any) -> np.ndarray:
        """Whether a row carries each tag: at least a third of its words do, by the tagger's thresholds.

        Returns
        -------
        array of shape (n_rows, n_labels)
            0 or 1, the indicator matrix that scikit-learn's multilabel metrics take.
        """
        carried = [section_tags([p.tags for p in row], _word_counts(row)) for row in self._passages(X)]
        flags = [[int(label in tags) for label in self.classes_] for tags in carried]
        return np.array(flags, dtype=int).reshape(-1, len(self.classes_))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The tags."""
        check_is_fitted(self)
        return self.classes_.copy()

    def _passages(self, X: Any) -> list[list[TaggedPassage]]:
        """The tagged passages of every row."""
        check_is_fitted(self)
        found = []
        for i, row in enumerate(_column(X)[0]):
            title, blocks = _blocks(row, i)
            tagged = tag_sections(title, split(blocks), self.tagger_)
            found.append([passage for section in tagged for passage in section.passages])
        return found

    def __sklearn_tags__(self) -> Any:
        return _text_tags(super().__sklearn_tags__())


def _column(X: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The rows of a column, and its shape."""
    if isinstance(X, (str, bytes, Article)) or not hasattr(X, "__len__"):
        raise ValueError(f"expected a column of texts, got {type(X).__name__}; put a single text in a list")
    shape: tuple[int, ...] = tuple(getattr(X, "shape", (len(X),)))
    if len(shape) == 2 and shape[1] == 1:
        values = X.iloc[:, 0] if hasattr(X, "iloc") else X[:, 0]
    elif len(shape) == 1:
        values = X
    else:
        raise ValueError(f"expected one column of texts, got the shape {shape}; choose a column")
    return list(values), shape


def _blocks(row: Any, number: int) -> tuple[str | None, list[tuple[int, Block]]]:
    """Title and kept blocks of a row."""
    if isinstance(row, Article):
        return row.page.title, kept_blocks(row)
    if _is_missing(row):
        return None, []
    if not isinstance(row, str):
        raise TypeError(f"row {number} is of type {type(row).__name__}; give str, Article or None")
    lines = [" ".join(line.split()) for line in row.splitlines()]
    return None, [(i, Block(line, "paragraph")) for i, line in enumerate(line for line in lines if line)]


def _is_missing(row: Any) -> bool:
    """Whether a row is what stands for nothing in a column: None, nan, or pandas' NA."""
    return row is None or (pd.api.types.is_scalar(row) and bool(pd.isna(row)))


def _word_counts(passages: Sequence[TaggedPassage]) -> list[int]:
    return [max(1, len(tagged.passage.text.split())) for tagged in passages]


def _text_tags(tags: Any) -> Any:
    """Tell scikit-learn that the input is text, one column or a list, and that nothing is learnt from it."""
    tags.input_tags.string = True
    tags.input_tags.one_d_array = True
    tags.input_tags.two_d_array = False
    tags.input_tags.allow_nan = True
    tags.no_validation = True
    return tags
