"""Articles whose passages labels can be joined to: files of articles, and the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.label.store import LabelError
from pipeline.learn.rows import read_rows

Row = dict[str, Any]

#: Blocks of these kinds are no passages: they are never labelled.
NOT_LABELLED = frozenset(("heading", "junk"))
#: What types of `paragraphs` are called among kinds of blocks.
_KINDS = {"list_item": "item"}


def read_articles(path: Path) -> Iterator[Row]:
    """The articles of a file or a run, each as `{"id", "title", ..., "blocks": [{"kind", "text", "tags", ...}]}`.

    Parameters
    ----------
    path
        JSON Lines, gzip or plain, of articles with `blocks` (those with keep=false are left out) or `paragraphs`;
        or the folder of a run, where every tagged page is an article.

    Raises
    ------
    LabelError
        If it is neither.
    """
    if path.is_dir():
        yield from _run_articles(path)
        return
    for number, row in enumerate(read_rows(path), 1):
        where = f"{path}, article {number}"
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise LabelError(f'{where}: needs an object with an "id"')
        if isinstance(row.get("blocks"), list):
            blocks = [_block(block, "kind", where) for block in row["blocks"] if block.get("keep", True)]
        elif isinstance(row.get("paragraphs"), list):
            blocks = [_block(block, "type", where) for block in row["paragraphs"]]
        else:
            raise LabelError(f'{where}: needs a list "blocks" or "paragraphs"')
        yield {**{key: value for key, value in row.items() if key != "paragraphs"}, "blocks": blocks}


def text_or_none(cell: Any) -> str | None:
    """A cell of a frame; pandas has NaN where a text is missing."""
    return cell if isinstance(cell, str) else None


def _block(block: Any, kind: str, where: str) -> Row:
    if not isinstance(block, dict) or not isinstance(block.get("text"), str) or not isinstance(block.get(kind), str):
        raise LabelError(f'{where}: a block needs "{kind}" and "text"')
    rest = {key: value for key, value in block.items() if key not in (kind, "keep", "score", "reason", "span")}
    return {"kind": _KINDS.get(block[kind], block[kind]), **rest, "tags": block.get("tags")}


def _run_articles(folder: Path) -> Iterator[Row]:
    from pipeline.batch import load_batch

    if not (folder / "run.json").exists():
        raise LabelError(f"{folder}: is a folder, but holds no run")
    batch = load_batch(folder)
    headings = [row for row in batch.sections.to_dict("records") if row["heading"]]
    blocks: dict[str, dict[int, Row]] = {row["page_id"]: {} for row in batch.passages.to_dict("records")}
    for row in headings:
        if row["page_id"] in blocks:
            heading = {"kind": "heading", "text": row["heading"], "level": row["level"], "tags": None}
            blocks[row["page_id"]][row["position"]] = heading
    for row in batch.passages.to_dict("records"):
        blocks[row["page_id"]][row["position"]] = {"kind": row["kind"], "text": row["text"], "tags": None}
    for page in batch.pages.to_dict("records"):
        if page["page_id"] in blocks:
            of_page = blocks[page["page_id"]]
            told = {name: text_or_none(page[name]) for name in ("url", "site", "title")}
            yield {"id": page["page_id"], **told, "blocks": [of_page[position] for position in sorted(of_page)]}
