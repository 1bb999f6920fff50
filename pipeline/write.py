"""write: records to tables. No logic of its own.

Five tables, each a folder of Parquet parts, one part a shard; every part carries the full schema,
so that a table without a row is readable too. `position` is always the index of a block in its page.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.arrow_files import write_parquet
from pipeline.records import Article, Evidence, TaggedSection

_TAGS = pa.list_(pa.string())
_EVIDENCE = pa.list_(
    pa.struct(
        [
            ("tag", pa.string()),
            ("start", pa.int32()),  # the carrying sentence: characters [start, end) of the passage's text
            ("end", pa.int32()),
            ("terms", pa.list_(pa.struct([("term", pa.string()), ("weight", pa.float64())]))),
        ]
    )
)

#: The tables, without the probabilities: `schemas` puts a column for each label behind the tags.
_PLAIN: dict[str, pa.Schema] = {
    "pages": pa.schema(
        [
            ("page_id", pa.string()),
            ("source", pa.string()),
            ("url", pa.string()),
            ("canonical", pa.string()),
            ("site", pa.string()),
            ("site_name", pa.string()),
            ("title", pa.string()),
            ("date", pa.string()),
            ("modified", pa.string()),
            ("author", pa.string()),
            ("language", pa.string()),
            ("page_kind", pa.string()),
            ("words", pa.int32()),
            ("kept", pa.int32()),
            ("dropped", pa.int32()),
            ("duplicate_of", pa.string()),
            ("text", pa.large_string()),
        ]
    ),
    "sections": pa.schema(
        [
            ("page_id", pa.string()),
            ("section_id", pa.string()),
            ("position", pa.int32()),
            ("heading", pa.string()),
            ("level", pa.int32()),
            ("tags", _TAGS),
            ("words", pa.int32()),
            ("text", pa.string()),
        ]
    ),
    "passages": pa.schema(
        [
            ("page_id", pa.string()),
            ("section_id", pa.string()),
            ("passage_id", pa.string()),
            ("position", pa.int32()),
            ("kind", pa.string()),
            ("tags", _TAGS),
            ("unsure", _TAGS),
            ("evidence", _EVIDENCE),
            ("start", pa.int32()),  # characters [start, end) of pages.text
            ("end", pa.int32()),
            ("text", pa.string()),
        ]
    ),
    "dropped": pa.schema(
        [
            ("page_id", pa.string()),
            ("position", pa.int32()),
            ("kind", pa.string()),
            ("score", pa.float64()),
            ("reason", pa.string()),
            ("text", pa.string()),
        ]
    ),
    "errors": pa.schema(
        [
            ("page_id", pa.string()),
            ("source", pa.string()),
            ("stage", pa.string()),
            ("error", pa.string()),
            ("message", pa.string()),
        ]
    ),
}

TABLES = tuple(_PLAIN)
#: Names that a label cannot have: they are columns of the tables.
COLUMNS = frozenset(name for schema in _PLAIN.values() for name in schema.names)
_TAGGED = ("sections", "passages")


@cache
def schemas(labels: tuple[str, ...]) -> Mapping[str, pa.Schema]:
    """The schema of every table of a run whose tagger has these labels."""
    made = dict(_PLAIN)
    for name in _TAGGED:
        at = made[name].get_field_index("tags") + 1
        for label in reversed(labels):
            made[name] = made[name].insert(at, pa.field(label, pa.float64()))
    return made


def labels_among(columns: Sequence[str]) -> tuple[str, ...]:
    """The labels of a table of sections or passages, told from its columns.

    >>> labels_among(["page_id", "tags", "causes", "remedies", "words", "text"])
    ('causes', 'remedies')
    """
    behind = columns[list(columns).index("tags") + 1 :]
    return tuple(takewhile(lambda name: name not in COLUMNS, behind))


Row = dict[str, Any]
Rows = dict[str, list[Row]]


def page_rows(article: Article, sections: Sequence[TaggedSection], labels: Sequence[str]) -> Rows:
    """The rows of one page for every table but `errors`.

    Parameters
    ----------
    article : Article
    sections : sequence of TaggedSection
        Empty for a page that is not tagged.
    labels : sequence of str
        The labels in the order of the scores.
    """
    page = article.page
    starts = _starts(article)
    kept = sum(verdict.keep for verdict in article.verdicts)
    text = article.text
    rows: Rows = {name: [] for name in TABLES}
    rows["pages"].append(
        {
            "page_id": page.page_id,
            "source": page.source,
            "url": page.url,
            "canonical": page.canonical,
            "site": page.site,
            "site_name": page.site_name,
            "title": page.title,
            "date": page.date,
            "modified": page.modified,
            "author": page.author,
            "language": page.language,
            "page_kind": article.page_kind,
            "words": len(text.split()),
            "kept": kept,
            "dropped": len(article.verdicts) - kept,
            "duplicate_of": None,
            "text": text,
        }
    )
    for position, (block, verdict) in enumerate(zip(page.blocks, article.verdicts, strict=True)):
        if not verdict.keep:
            rows["dropped"].append(
                {
                    "page_id": page.page_id,
                    "position": position,
                    "kind": block.kind,
                    "score": verdict.score,
                    "reason": verdict.reason,
                    "text": block.text,
                }
            )
    occurrences: Counter[str] = Counter()
    for number, section in enumerate(sections):
        section_id = f"{page.page_id}#{number}"
        rows["sections"].append(_section_row(page.page_id, section_id, section, labels, article))
        for tagged in section.passages:
            digest = text_hash(tagged.passage.text)
            row = {
                "page_id": page.page_id,
                "section_id": section_id,
                "passage_id": passage_id(page.page_id, digest, occurrences[digest]),
                "position": tagged.passage.block,
                "kind": tagged.passage.kind,
                "tags": list(tagged.tags),
                **dict(zip(labels, tagged.scores, strict=True)),
                "unsure": list(tagged.unsure),
                "evidence": [evidence_row(e) for e in tagged.evidence],
                "start": starts[tagged.passage.block],
                "end": starts[tagged.passage.block] + len(tagged.passage.text),
                "text": tagged.passage.text,
            }
            occurrences[digest] += 1
            rows["passages"].append(row)
    return rows


def text_hash(text: str) -> str:
    """Sixteen hex digits that name a text, whatever its white space."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:16]


def passage_id(page_id: str, digest: str, occurrence: int) -> str:
    """Sixteen hex digits: which page, which text, and which of its occurrences there (from 0)."""
    return hashlib.sha256(f"{page_id}\0{digest}\0{occurrence}".encode("utf-8", "replace")).hexdigest()[:16]


def evidence_row(evidence: Evidence) -> Row:
    """Evidence as plain values."""
    return {
        "tag": evidence.tag,
        "start": evidence.start,
        "end": evidence.end,
        "terms": [{"term": term, "weight": weight} for term, weight in evidence.terms],
    }


class TableWriter:
    """Writes one part of each table: under a name with a dot first, then renamed, so that readers see whole parts.

    The hidden name is this writer's own, so that a worker that was given up for lost does no harm when it still writes.

    Parameters
    ----------
    folder : Path
        The run's folder.
    part : str
        The name of the part, without ending.
    labels : tuple of str
        Those of the tagger.
    """

    def __init__(self, folder: Path, part: str, labels: tuple[str, ...]) -> None:
        own = secrets.token_hex(4)
        self.schemas = schemas(labels)
        self.paths = {name: (folder / name / f".{part}.{own}", folder / name / f"{part}.parquet") for name in TABLES}
        for hidden, _ in self.paths.values():
            hidden.parent.mkdir(parents=True, exist_ok=True)
        self.writers = {
            name: write_parquet(hidden, self.schemas[name], "zstd") for name, (hidden, _) in self.paths.items()
        }

    def add(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Append rows to their tables."""
        for name, new in rows.items():
            if new:
                self.writers[name].write_table(pa.Table.from_pylist(list(new), schema=self.schemas[name]))

    def copy(self, name: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Append rows that were written before to a table; gives their number."""
        rows = 0
        for batch in batches:
            self.writers[name].write_batch(batch)
            rows += len(batch)
        return rows

    def close(self) -> None:
        """Finish the parts and give them their names."""
        for writer in self.writers.values():
            writer.close()
        for hidden, path in self.paths.values():
            hidden.replace(path)


def _section_row(page_id: str, section_id: str, tagged: TaggedSection, labels: Sequence[str], article: Article) -> Row:
    passages = tagged.section.passages
    texts = [passage.text for passage in passages]
    return {
        "page_id": page_id,
        "section_id": section_id,
        "position": tagged.section.position,
        "heading": tagged.section.heading,
        "level": tagged.section.level,
        "tags": list(tagged.tags),
        **dict(zip(labels, tagged.scores, strict=True)),
        "words": sum(len(text.split()) for text in texts),
        "text": "\n".join(texts),
    }


def _starts(article: Article) -> dict[int, int]:
    """Where each kept block begins in the article's text."""
    starts, at = {}, 0
    for position, (block, verdict) in enumerate(zip(article.page.blocks, article.verdicts, strict=True)):
        if verdict.keep:
            starts[position] = at
            at += len(block.text) + 1
    return starts
