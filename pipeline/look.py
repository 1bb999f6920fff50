"""Tables for looking at pages, models and errors: what the notebooks are made of, besides `pipeline.batch`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from pipeline.batch import Batch
from pipeline.compare import page_sums
from pipeline.label.articles import NOT_LABELLED, read_articles
from pipeline.label.store import Key, read_labels
from pipeline.learn.retrain import retrain_tagger
from pipeline.learn.tag_scores import tags_to_array
from pipeline.records import Block, TaggedPassage
from pipeline.split import split
from pipeline.tables import run_labels
from pipeline.tag import Tagger, load_tagger, tag
from pipeline.write import labels_among, text_hash

#: Scores of the cleaner between these are unsure.
UNSURE = (0.2, 0.8)


def duplicates(batch: Batch) -> pd.DataFrame:
    """The pages that repeat another one, beside it."""
    return batch.pages[batch.pages["duplicate_of"].notna()][["page_id", "duplicate_of", "site", "title"]]


def worst_pages(batch: Batch, n: int = 10) -> pd.DataFrame:
    """Pages on which the cleaner was least sure: most dropped blocks with a score that is not near 0."""
    judged = batch.dropped[~batch.dropped["reason"].isin(["title", "repeated"])]  # these two are rules, not scores
    unsure = judged[judged["score"].between(*UNSURE)]
    table = batch.pages.set_index("page_id")[["site", "page_kind", "words", "kept", "dropped"]]
    table["unsure"] = unsure.groupby("page_id").size()
    table["unsure"] = table["unsure"].fillna(0).astype(int)
    table["unsure_share"] = (table["unsure"] / table["dropped"].clip(lower=1)).round(3)
    return table.sort_values(["unsure_share", "unsure"], ascending=False).head(n)


def page_blocks(batch: Batch, page_id: str) -> pd.DataFrame:
    """A page block by block, as it came in: text, and either kept with its tags or dropped with score and reason."""
    passages = batch.passages[batch.passages["page_id"] == page_id]
    sections = batch.sections[(batch.sections["page_id"] == page_id) & (batch.sections["heading"] != "")]
    dropped = batch.dropped[batch.dropped["page_id"] == page_id]
    kept = pd.DataFrame(
        {"position": passages["position"], "kept": passages["text"], "tags": passages["tags"].map(", ".join)}
    )
    headings = pd.DataFrame({"position": sections["position"], "kept": sections["heading"], "tags": "(heading)"})
    out = dropped.rename(columns={"text": "dropped"})[["position", "dropped", "score", "reason"]]
    frames = [frame for frame in (kept, headings, out) if len(frame)]
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames).sort_values("position").set_index("position").astype(object)
    return table.where(table.notna(), "")


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a model says of itself."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def fold_scores(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Macro-F1 of baseline and tagger on each held-out fold."""
    scores = manifest["scores"]
    frame = pd.DataFrame({"baseline": scores["baseline"]["macro_f1_by_fold"], "tagger": scores["macro_f1_by_fold"]})
    return frame.rename_axis("fold")


def steps(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Macro-F1 on unseen publishers, by kind of article, of ever more of the model: what each step brings."""
    scores = manifest["scores"]
    rows = {"baseline": scores["baseline"]["macro_f1"], "level 1": scores["level_1"], "both levels": scores["macro_f1"]}
    return pd.DataFrame(rows).T


def top_words(tagger: Tagger, n: int = 12) -> pd.DataFrame:
    """The words and pairs that speak most for each label when they stand in the passage itself."""
    vocabulary, table = tagger.linear.vocabulary, tagger.linear.table
    terms = {row: term for term, row in vocabulary.rows.items() if row < vocabulary.first_prefix}
    rows = np.array(sorted(terms))
    found = {}
    for column, label in enumerate(tagger.labels):
        best = rows[np.argsort(-table[rows, column], kind="stable")[:n]]
        found[label] = [f"{terms[int(row)]} {table[row, column]:+.1f}" for row in best]
    return pd.DataFrame(found)


def sample_answers(sample: Path) -> dict[Key, tuple[str, ...]]:
    """The tags of the sample's passages that its makers gave."""
    found: dict[Key, tuple[str, ...]] = {}
    for path in sorted(sample.rglob("*.truth.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        for page in told if isinstance(told, list) else [told]:
            for unit in page["article"]:
                if "tags" in unit:
                    found[page["page_id"], text_hash(unit["text"])] = tuple(unit["tags"])
    return found


def answered(batch: Batch, store: Path, sample: Path) -> pd.DataFrame:
    """The passages of a run with a person's answer, of the label store or the sample's truth, in column `wanted`."""
    known = {**sample_answers(sample), **{key: told.tags for key, told in read_labels(store).items()}}
    keys = zip(batch.passages["page_id"], batch.passages["text"].map(text_hash), strict=True)
    table = batch.passages.assign(wanted=pd.Series([known.get(key) for key in keys], dtype=object))
    return table[table["wanted"].notna()].reset_index(drop=True)


def confusion(table: pd.DataFrame) -> pd.DataFrame:
    """First tag wanted (rows) against first tag given (columns), in passages."""
    names = [*labels_among(list(table.columns)), "none"]
    first = [table[column].map(lambda tags: tags[0] if len(tags) else "none") for column in ("wanted", "tags")]
    counts = pd.crosstab(first[0].rename("wanted"), first[1].rename("given"))
    return counts.reindex(index=names, columns=names, fill_value=0)


def reliability(table: pd.DataFrame, label: str, bins: int = 5) -> pd.DataFrame:
    """By bin of the label's probability: passages, mean probability, and the share that a person gave the label."""
    carried = table["wanted"].map(lambda tags: label in tags).astype(float)
    cut = np.minimum((table[label] * bins).astype(int), bins - 1)
    frame = pd.DataFrame({"probability": table[label], "carried": carried}).groupby(cut)
    return frame.mean().assign(passages=frame.size()).rename_axis("bin")


def fold_reliability(manifest: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The same as `reliability`, of each label, on the folds when the tagger was trained."""
    columns = ["probability", "carried", "passages"]
    return {label: pd.DataFrame(bins, columns=columns) for label, bins in manifest["scores"]["reliability"].items()}


def mistakes(table: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """The surest mistakes: tags given or missing against a person's answer, the farthest from it first."""
    wrong = []
    for label in labels_among(list(table.columns)):
        wanted, given = (table[column].map(lambda tags, label=label: label in tags) for column in ("wanted", "tags"))
        error = wanted.map({True: "missed", False: "added"}) + " " + label
        probability = table[label]
        rows = table.assign(error=error, probability=probability, distance=(wanted - probability).abs())
        wrong.append(rows[wanted != given])
    found = pd.concat(wrong).nlargest(n, "distance").reset_index(drop=True)
    return found[["error", "probability", "page_id", "passage_id", "wanted", "tags", "text"]]


def least_sure_pages(batch: Batch, n: int = 10) -> pd.DataFrame:
    """The pages of whose passages the tagger is least sure."""
    sums = page_sums(batch, batch.labels)
    sums = sums[sums["passages"] > 0].rename_axis("page_id").reset_index()
    table = sums[["page_id", "site"]].assign(confidence=(sums["confidence"] / sums["passages"]).round(3))
    return table.assign(passages=sums["passages"].astype(int)).nsmallest(n, "confidence").reset_index(drop=True)


def linked(table: pd.DataFrame, report: str) -> str:
    """The table as HTML, each row with a link to its passage, or else its page, in the report; texts are escaped."""
    shown = table.drop(columns="passage_id", errors="ignore").map(lambda cell: escape(_shown(cell)))
    addresses = [_address(row) for row in table.to_dict("records")]
    links = [f'<a href="{escape(report + address)}">open</a>' for address in addresses]
    return shown.assign(report=links).to_html(escape=False, index=False, border=0)


def _shown(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}"
    return cell if isinstance(cell, str) else str(cell) if np.isscalar(cell) else ", ".join(cell) or "none"


def _address(row: Mapping[Any, Any]) -> str:
    """Where the report shows a row, as the report's own addresses are made."""
    passage = f"&passage={quote(row['passage_id'], safe='')}" if "passage_id" in row else ""
    return f"#page={quote(row['page_id'], safe='')}{passage}"


def write_labelled(run: Path, answers: Mapping[Key, tuple[str, ...]], path: Path) -> pd.DataFrame:
    """Write the articles of a run with these answers as a file to train on, and tell what is in it.

    Returns
    -------
    frame
        One row an article: passages, how many are answered, and how many carry each tag.
    """
    told, labels = [], run_labels(run)
    with path.open("w", encoding="utf-8") as stream:
        for article in read_articles(run):
            passages = [block for block in article["blocks"] if block["kind"] not in NOT_LABELLED]
            for block in passages:
                tags = answers.get((article["id"], text_hash(block["text"])))
                block["tags"] = None if tags is None else list(tags)
            said = [block["tags"] for block in passages if block["tags"] is not None]
            if said:
                stream.write(json.dumps(article, ensure_ascii=False) + "\n")
                carried = {label: sum(label in tags for tags in said) for label in labels}
                told.append({"article": article["id"], "passages": len(passages), "answered": len(said), **carried})
    return pd.DataFrame(told).set_index("article")


def learning_curve(
    run: Path, answers: Mapping[Key, tuple[str, ...]], shares: Sequence[float] = (0.03, 0.1, 0.3)
) -> pd.DataFrame:
    """F1 by tag on the answered passages of a run, by the share of the shipped articles that a tagger learnt from.

    The last row is the shipped tagger, which learnt from all of them.
    """
    taggers = {1.0: load_tagger()}
    with TemporaryDirectory() as folder:
        for share in shares:
            retrain_tagger(Path(folder) / f"{share}", share=share, force=True)
            taggers[share] = load_tagger(Path(folder) / f"{share}")
    rows, labels = {}, taggers[1.0].labels
    for share in sorted(taggers):
        said = {(page, text_hash(passage.passage.text)): passage.tags for page, passage in _tagged(run, taggers[share])}
        known = [key for key in answers if key in said]
        truth, given = (tags_to_array([tags[key] for key in known], labels) for tags in (answers, said))
        scores = f1_score(truth, given, average=None, zero_division=0.0)
        rows[share] = dict(zip(labels, scores.round(3), strict=True))
    return pd.DataFrame(rows).T.rename_axis("share of the articles learnt from")


def _tagged(run: Path, tagger: Tagger) -> Iterator[tuple[str, TaggedPassage]]:
    """The passages of a run as a tagger answers them, each with the name of its article."""
    for article in read_articles(run):
        kinds = [(n, Block(b["text"], b["kind"], b.get("level") or 0)) for n, b in enumerate(article["blocks"])]
        for section in tag(article["title"], split(kinds), tagger):
            yield from ((article["id"], passage) for passage in section.passages)


def before_and_after(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Macro-F1 on the folds of the shipped passages, without a user's labels and with them; see `train tagger`."""
    return pd.DataFrame({"before": manifest["own"]["macro_f1_before"], "after": manifest["from_rows"]["macro_f1"]})


def own_scores(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """F1 by label on the user's passages, by the model before, and out of fold by the new one."""
    return pd.DataFrame(manifest["own"]["f1_before_and_now"], index=["before", "after"]).T


def changed_tags(run: Path, before: Tagger, after: Tagger) -> pd.DataFrame:
    """The passages of a run that two taggers answer differently."""
    rows = []
    for (page, old), (_, new) in zip(_tagged(run, before), _tagged(run, after), strict=True):
        if set(old.tags) != set(new.tags):
            was, now = (", ".join(passage.tags) or "none" for passage in (old, new))
            rows.append({"page_id": page, "before": was, "after": now, "text": old.passage.text})
    return pd.DataFrame(rows, columns=["page_id", "before", "after", "text"])
