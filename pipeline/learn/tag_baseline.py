"""The tagger's baseline: TF-IDF over words and pairs of words of the passage alone, logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.learn.corpus import GoldArticle
from pipeline.learn.tag_scores import macro_f1, tags_to_array


def baseline_scores(articles: Sequence[GoldArticle], labels: Sequence[str]) -> dict[str, Any]:
    """Pooled out-of-fold macro-F1 by group and by fold, on the folds of the articles; threshold 0.5."""
    texts = [p.text for article in articles for section in article.sections for p in section.passages]
    tags = tags_to_array([carried for article in articles for carried in article.labels], labels)
    sizes = [len(article.labels) for article in articles]
    folds = np.repeat([article.fold for article in articles], sizes)
    news = np.repeat([article.group == "news" for article in articles], sizes)
    given = np.zeros_like(tags)
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        features = vectorizer.fit_transform([texts[row] for row in train])
        unseen = vectorizer.transform([texts[row] for row in test])
        for label in range(len(labels)):
            model = LogisticRegression(C=4.0, class_weight="balanced", solver="liblinear", dual=True, random_state=0)
            given[test, label] = model.fit(features, tags[train, label]).predict(unseen)
    groups = {"all": np.ones_like(news), "news": news, "explainer": ~news}
    return {
        "model": "TF-IDF of words and pairs of words, balanced logistic regression, threshold 0.5",
        "macro_f1": {name: round(macro_f1(tags[rows], given[rows]), 4) for name, rows in groups.items()},
        "macro_f1_by_fold": {
            str(fold): round(macro_f1(tags[folds == fold], given[folds == fold]), 4) for fold in np.unique(folds)
        },
    }
