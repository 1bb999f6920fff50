"""The transformers: they keep rows, fit into scikit-learn's pipelines and pandas frames, and refuse what is no text."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import LABELS, SAMPLE
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import pipeline
from pipeline.estimators import ArticleCleaner, PassageTagger
from pipeline.model_store import SHIPPED, ModelError
from pipeline.records import Article

FAQ = (SAMPLE / "northfield-clinic" / "ringing-ears-faq.html").read_bytes()
DUMP = (SAMPLE / "harborwell" / "muscle-twitching.txt").read_text("utf-8")
PAGES = pd.DataFrame({"page": [FAQ, "", None, DUMP, float("nan")], "votes": [5, 4, 3, 2, 1]}, index=list("abcde"))
WARNING = "Call a doctor at once if the pain spreads to your arm."
IDLE = "The clinic is open on Sundays."


@pytest.fixture(scope="module")
def cleaner() -> ArticleCleaner:
    return ArticleCleaner().fit(PAGES["page"])


@pytest.fixture(scope="module")
def tagger() -> PassageTagger:
    return PassageTagger().fit([])


# both


@pytest.mark.parametrize(
    "estimator", [ArticleCleaner("article", SHIPPED / "cleaner"), PassageTagger(SHIPPED / "tagger")]
)
def test_init_only_stores_and_clones_are_equal(estimator):
    assert vars(estimator) == estimator.get_params()
    copy = clone(estimator.fit([]))
    assert vars(copy) == estimator.get_params()
    assert repr(copy) == repr(estimator)


@pytest.mark.parametrize("estimator", [ArticleCleaner, PassageTagger])
@pytest.mark.parametrize(
    "check",
    [
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_get_params_invariance",
        "check_set_params",
        "check_estimator_repr",
        "check_estimator_cloneable",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_mixin_order",
    ],
)
def test_the_checks_of_scikit_learn_that_need_no_numbers(estimator, check):
    getattr(estimator_checks, check)(estimator.__name__, estimator())


@pytest.mark.parametrize("estimator", [ArticleCleaner("article"), PassageTagger()])
def test_a_fitted_one_can_be_pickled(estimator):
    fitted = clone(estimator).fit([])
    again = pickle.loads(pickle.dumps(fitted))
    assert again.transform([WARNING]).tolist() == fitted.transform([WARNING]).tolist()


@pytest.mark.parametrize("estimator", [ArticleCleaner(), PassageTagger()])
def test_fit_comes_first(estimator):
    with pytest.raises(NotFittedError, match="not fitted"):
        clone(estimator).transform([WARNING])


@pytest.mark.parametrize("estimator", [ArticleCleaner(), PassageTagger()])
@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (WARNING, ValueError, "got str; put a single text in a list"),
        (7, ValueError, "expected a column of texts, got int"),
        (np.full((2, 2), "x", dtype=object), ValueError, r"got the shape \(2, 2\); choose a column"),
        (PAGES, ValueError, r"got the shape \(5, 2\); choose a column"),
        ([WARNING, 7], TypeError, "row 1 is of type int"),
        ([["x"]], TypeError, "row 0 is of type list"),
    ],
)
def test_what_is_no_column_of_texts_is_refused(estimator, column, error, message):
    with pytest.raises(error, match=message):
        clone(estimator).fit_transform(column)


@pytest.mark.parametrize("estimator", [ArticleCleaner, PassageTagger])
def test_a_folder_without_a_model_is_refused(estimator, tmp_path):
    with pytest.raises(ModelError, match="manifest.json: cannot be read"):
        estimator(model=tmp_path).fit([])
    named = SHIPPED / ("cleaner" if estimator is ArticleCleaner else "tagger")
    assert estimator(model=str(named)).fit([]).transform([WARNING]).shape[0] == 1


@pytest.mark.parametrize("estimator", [ArticleCleaner, PassageTagger])
def test_every_parameter_is_documented(estimator):
    for name in inspect.signature(estimator).parameters:
        assert f"\n    {name} : " in estimator.__doc__


# the cleaner


def test_each_page_gives_its_cleaned_text(cleaner):
    expected = [pipeline.clean(FAQ).text, "", "", pipeline.clean(DUMP).text, ""]
    assert cleaner.transform(PAGES["page"]).tolist() == expected
    assert cleaner.transform(PAGES["page"].tolist()).tolist() == expected
    assert cleaner.transform(PAGES[["page"]]).tolist() == [[text] for text in expected]
    assert cleaner.transform(PAGES[["page"]].to_numpy()).shape == (5, 1)


def test_each_page_gives_its_article():
    articles = ArticleCleaner(output="article").fit_transform(PAGES["page"])
    assert [isinstance(article, Article) for article in articles] == [True, False, False, True, False]
    assert [article is None for article in articles] == [False, True, True, False, True]
    assert articles[0] == pipeline.clean(FAQ)


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match="output is 'html'; known are text, article"):
        ArticleCleaner(output="html").fit([])


def test_the_cleaner_gives_frames_with_the_index_of_the_rows():
    frame = ArticleCleaner().set_output(transform="pandas").fit_transform(PAGES["page"])
    assert (list(frame.columns), list(frame.index)) == (["text"], list("abcde"))


# the tagger


def test_probabilities_of_passages(tagger):
    table = tagger.transform([WARNING, IDLE, "", None, np.nan, pd.NA, " \n "])
    assert table.shape == (7, 3)
    assert table[0].argmax() == LABELS.index("warning_signs")
    assert (table[1] < 0.5).all()
    assert not table[2:].any()
    assert ((table >= 0) & (table <= 1)).all()


def test_a_row_does_not_depend_on_the_others(tagger):
    assert tagger.transform([WARNING, IDLE])[1].tolist() == tagger.transform([IDLE])[0].tolist()


def test_an_article_gives_the_mean_of_its_passages_by_words(tagger):
    article = pipeline.clean(FAQ)
    passages = [passage for section in pipeline.tag(article) for passage in section.passages]
    sizes = [len(passage.passage.text.split()) for passage in passages]
    expected = np.average([passage.scores for passage in passages], axis=0, weights=sizes)
    assert tagger.transform([article])[0] == pytest.approx(expected, abs=1e-4)


def test_headings_in_a_text_are_seen(tagger):
    prose = "It may last for several days, and most people know it well from evenings at the desk."
    under, alone = tagger.transform([f"What causes a stiff neck?\n{prose}", prose])
    assert under[LABELS.index("causes")] > alone[LABELS.index("causes")] + 0.2


def test_predict_gives_what_metrics_take(tagger):
    found = tagger.predict([WARNING, IDLE, None])
    assert found.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert f1_score([[0, 0, 1], [0, 0, 0], [0, 0, 0]], found, average="micro") == 1.0
    assert tagger.predict([]).shape == tagger.transform([]).shape == (0, 3)
    assert tagger.classes_.tolist() == list(LABELS)
    assert (tagger.predict_proba([WARNING]) == tagger.transform([WARNING])).all()


# in a pipeline


def test_in_a_pipeline():
    way = make_pipeline(ArticleCleaner(output="article"), PassageTagger())
    table = way.fit_transform(PAGES["page"])
    assert table.any(axis=1).tolist() == [True, False, False, True, False]
    assert way.predict(PAGES["page"]).shape == (5, 3)
    assert way.get_feature_names_out().tolist() == list(LABELS)


def test_before_a_vectorizer():
    assert make_pipeline(ArticleCleaner(), TfidfVectorizer()).fit_transform(PAGES["page"]).shape[0] == 5


@pytest.mark.parametrize("column", ["page", ["page"]], ids=["series", "frame"])
def test_on_a_column_of_a_frame(column):
    way = make_pipeline(ArticleCleaner(output="article"), PassageTagger())
    columns = ColumnTransformer([("tags", way, column), ("rest", "passthrough", ["votes"])])
    frame = columns.set_output(transform="pandas").fit_transform(PAGES)
    assert list(frame.columns) == [*(f"tags__{label}" for label in LABELS), "rest__votes"]
    assert list(frame.index) == list("abcde")
