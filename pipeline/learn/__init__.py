"""learn: from labels and corpora to the models in `models/`. Nothing here is imported at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.label.store import STORE
from pipeline.model_store import SHIPPED
from pipeline.streams import UsageError

#: Where each model's labelled data lies unless told otherwise, beside the checkout.
CORPUS = {
    "cleaner": Path("../shared/bench"),
    "tagger": Path("../shared/corpora"),
    "teacher": Path("../shared/corpora"),
    "reader": Path("../shared/corpora"),
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
    labels: Sequence[Path] = (),
    pages: Sequence[str] = (),
    weight: float | None = None,
    share: float = 1.0,
    force: bool = False,
    ablate: bool = False,
    folds: str = "site",
) -> None:
    """Train one model and write its folder.

    Parameters
    ----------
    model : {"cleaner", "tagger", "teacher", "reader", "reference"}
    corpus : Path or None
        The labelled data; None: `CORPUS`.
    out : Path or None
        The model folder; None: the shipped one.
    report : callable
        Told a line for each step.
    predictions : Path or None
        A folder for the out-of-fold answers: of the cleaner `html.jsonl` and `text.jsonl`, of the tagger `tags.jsonl`.
    labels : sequence of Path
        Files of a user's labels, learnt from beside the rows that ship with the model: tagger: labelled articles;
        cleaner: blocks to keep or to drop. Tagger and teacher: a folder, the label store that corrects the corpus and
        adds to it; without one `data/labels`.
    pages : sequence of str
        Cleaner: the files and folders that hold the labelled pages.
    weight : float or None
        How many shipped passages or blocks one labelled one counts for; None: `retrain.WEIGHT` (tagger),
        `teach.TeachOptions` (cleaner).
    share : float
        Tagger, from its rows: learn from this share of the shipped articles.
    force : bool
        Write the new model even where it is worse: the cleaner than its floors, or on the shipped rows; the tagger than
        the one in its folder.
    ablate : bool
        Tagger: also measure what each source of data and each group of features brings.
    folds : {"site", "maker"}
        Cleaner: what is held out together, see `train_cleaner`.

    Raises
    ------
    InputError
        If the labelled data cannot be read.
    """
    source, folder = corpus or CORPUS[model], out or SHIPPED / model
    files = [path for path in labels if not path.is_dir()]
    store = next((path for path in labels if path.is_dir()), STORE)
    if files and (model not in ("cleaner", "tagger") or corpus):
        raise UsageError(f"{files[0]}: labels join the rows that ship with the cleaner or the tagger, and no --corpus")
    if weight is not None and not files:
        raise UsageError("--weight weighs the labels of a file: name one with --labels")
    if bool(pages) != (model == "cleaner" and bool(files)):
        raise UsageError("train cleaner --labels FILE and --pages PATH go together: labels of blocks, and their pages")
    if share < 1 and (model != "tagger" or corpus):
        raise UsageError("--share takes some of the rows that ship with the tagger, and no --corpus")
    if model == "cleaner" and files:
        from pipeline.learn.teach import teach_cleaner

        teach_cleaner(folder, files, pages, weight, force, report)
    elif model == "cleaner":
        from pipeline.learn.train_cleaner import train_cleaner

        train_cleaner(source, folder, report, folds, predictions, force)
    elif model == "reference":
        from pipeline.learn.reference import write_reference

        folder = out or SHIPPED / "tagger"
        write_reference(source, folder, SHIPPED / "cleaner", report)
    elif model == "teacher":
        from pipeline.learn.teacher import train_teacher

        train_teacher(source, folder, say=report, labels=store)
    elif model == "reader":
        from pipeline.learn.reader import train_reader

        train_reader(source, folder, say=report, labels=store)
    elif files or share < 1 or not source.is_dir() and not corpus:
        from pipeline.learn.retrain import WEIGHT, retrain_tagger

        if share < 1 and out is None:
            raise UsageError(f"--share {share:g} is to try things out: name a folder for that model with --out")
        retrain_tagger(folder, files, weight or WEIGHT, store, force, share, report)
    else:
        from pipeline.learn.tagger import train_tagger

        train_tagger(source, folder, say=report, predictions=predictions, labels=store, force=force, left_out=ablate)
    report(f"written: {folder}")
