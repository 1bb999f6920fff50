"""Articles as Markdown: a head in YAML, the title, and every section under its heading.

What a page says stays text: every character that Markdown or HTML would obey is escaped.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.export.articles import Article, read_articles
from pipeline.export.folder import whole_folder
from pipeline.webpage import writable

HEAD = ("page_id", "title", "url", "source", "site", "date", "author", "language", "page_kind", "duplicate_of")
#: Longer names of files are cut; with its ending and digest a name then fits every file system.
NAME_CHARACTERS = 100
_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~]")
#: At the beginning of a block these open a heading, a list, a quote or a rule.
_OPENING = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
#: At the end of a heading these close it.
_CLOSING = re.compile(r"(?<![\\#])#+$")


def write(run: Path, target: str) -> str:
    """One file a page, in one folder."""
    files = 0
    with whole_folder(target) as folder:
        for article in read_articles(run):
            (folder / file_name(article.row["page_id"])).write_text(to_markdown(article), "utf-8", newline="\n")
            files += 1
    return f"{files} articles"


def to_markdown(article: Article) -> str:
    """One article."""
    row = article.row
    head = [f"{name}: {_scalar(row[name])}" for name in HEAD if row[name]]
    head.append(f"tags: {json.dumps(article.tags)}")
    lines = ["---", *head, "---", ""]
    if row["title"]:
        lines += [f"# {_heading(row['title'])}", ""]
    for part in article.parts:
        if part.heading:
            lines += [f"{'#' * min(6, max(2, part.level))} {_heading(part.heading)}", ""]
        lines += _passages(part.passages)
    return "\n".join(lines).rstrip("\n") + "\n"


def _heading(text: str) -> str:
    return _CLOSING.sub(r"\\\g<0>", escape(text))


def _passages(passages: list[tuple[str, str]]) -> Iterator[str]:
    """Lines, with an empty one after each block; items of one list stand together."""
    for at, (kind, text) in enumerate(passages):
        yield {"item": "- ", "quote": "> "}.get(kind, "") + escape(text)
        if kind != "item" or passages[at + 1 : at + 2] == [] or passages[at + 1][0] != "item":
            yield ""


def escape(text: str) -> str:
    """A line of text, as text.

    >>> print(escape("1. <b>not</b> a list, [no link](x)"))
    1\\. \\<b\\>not\\</b\\> a list, \\[no link\\](x)
    """
    line = _SPECIAL.sub(r"\\\g<0>", " ".join(writable(text).split()))
    return _OPENING.sub(lambda opening: f"{opening[0]}\\" if opening[0].isdigit() else f"\\{opening[0]}", line)


def file_name(page_id: str) -> str:
    """A name that every file system takes; where it differs from the id, a digest of that keeps names apart.

    >>> file_name("sore-throat"), file_name("a/b?")
    ('sore-throat.md', 'a_b_-23154a1d.md')
    """
    name = re.sub(r"[^\w.-]", "_", page_id)[:NAME_CHARACTERS].lstrip(".") or "_"
    while len(name.encode()) > NAME_CHARACTERS:
        name = name[:-1]
    if name != page_id or name.lower() != name:  # not every file system tells capitals
        name += "-" + hashlib.sha256(page_id.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{name}.md"


def _scalar(text: str) -> str:
    """A string of JSON is one of YAML."""
    return json.dumps(writable(text), ensure_ascii=False)
