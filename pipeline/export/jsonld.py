"""Articles as JSON-LD, in the words of schema.org: what a search engine or a graph store reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.export.articles import Article, read_articles
from pipeline.streams import output
from pipeline.webpage import is_web_address, script_json

#: By kind of page; others are a WebPage.
TYPES = {"article": "Article", "forum": "DiscussionForumPosting", "list": "CollectionPage"}


def write(run: Path, target: str) -> str:
    """One file with a graph of all articles, one a line."""
    articles = 0
    with output(target) as stream:
        stream.write('{"@context": "https://schema.org", "@graph": [')
        for article in read_articles(run):
            stream.write((",\n" if articles else "\n") + script_json(to_jsonld(article)))
            articles += 1
        stream.write("\n]}\n")
    return f"{articles} articles"


def to_jsonld(article: Article) -> dict[str, Any]:
    """One article; what is not known is left out."""
    row = article.row
    sections = [
        {
            "@type": "WebPageElement",
            "headline": part.heading or None,
            "keywords": part.tags or None,
            "text": "\n".join(text for _, text in part.passages) or None,
        }
        for part in article.parts
    ]
    node = {
        "@type": TYPES.get(row["page_kind"], "WebPage"),
        "identifier": row["page_id"],
        "url": row["url"] if is_web_address(row["url"]) else None,
        "headline": row["title"],
        "datePublished": row["date"],
        "author": {"@type": "Person", "name": row["author"]} if row["author"] else None,
        "publisher": {"@type": "Organization", "name": row["site"]} if row["site"] else None,
        "inLanguage": row["language"],
        "wordCount": row["words"],
        "keywords": article.tags or None,
        "articleBody" if row["page_kind"] in ("article", "forum") else "text": row["text"],
        "hasPart": [_known(section) for section in sections] or None,
    }
    return _known(node)


def _known(node: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if value is not None}
