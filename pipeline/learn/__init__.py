"""learn: from labels and corpora to the models in `models/`. Nothing here is imported at run time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.label.store import STORE
from pipeline.model_store import SHIPPED

#: Where each model's labelled data lies unless told otherwise, beside the checkout.
CORPUS = {
    "cleaner": Path("../shared/bench"),
    "tagger": Path("../shared/corpora"),
    "teacher": Path("../shared/corpora"),
    "reference": Path("../shared"),
}

#: What may be held out together when the cleaner is measured.
FOLDS = ("site", "maker")


def train(
    model: str,
    corpus: Path | None,
    out: Path | None,
    report: Callable[[str], None],
    *,
    predictions: Path | None = None,
    labels: Path | None = None,
    force: bool = False,
    folds: str = "site",
) -> None:
    """Train one model and write its folder.

    Parameters
    ----------
    model : {"cleaner", "tagger", "teacher", "reference"}
    corpus : Path or None
        The labelled data; None: `CORPUS`.
    out : Path or None
        The model folder; None: the shipped one.
    report : callable
        Told a line for each step.
    predictions : Path or None
        A folder for the out-of-fold answers: of the cleaner `html.jsonl` and `text.jsonl`, of the tagger `tags.jsonl`.
    labels : Path or None
        Tagger and teacher: the label store that corrects the corpus and adds to it; None: `data/labels`.
    force : bool
        Tagger: write the new model even where it is worse than the one in its folder.
    folds : {"site", "maker"}
        Cleaner: what is held out together, see `train_cleaner`.

    Raises
    ------
    InputError
        If the labelled data cannot be read.
    """
    source, folder = corpus or CORPUS[model], out or SHIPPED / model
    if model == "cleaner":
        from pipeline.learn.train_cleaner import train_cleaner

        train_cleaner(source, folder, report, folds, predictions)
    elif model == "reference":
        from pipeline.learn.reference import write_reference

        folder = out or SHIPPED / "tagger"
        write_reference(source, folder, SHIPPED / "cleaner", report)
    elif model == "teacher":
        from pipeline.learn.teacher import train_teacher

        train_teacher(source, folder, say=report, labels=labels or STORE)
    else:
        from pipeline.learn.tagger import train_tagger

        train_tagger(source, folder, say=report, predictions=predictions, labels=labels or STORE, force=force)
    report(f"written: {folder}")
