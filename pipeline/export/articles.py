"""Articles as they leave: the kept text of each page of a run, by its sections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.tables import Row, read_pages


class Part(NamedTuple):
    """A section, or what stands in none."""

    heading: str  # "" where there is none
    level: int
    tags: list[str]
    passages: list[tuple[str, str]]  # kind, text


class Article(NamedTuple):
    """A page's row, and its text by sections."""

    row: Row
    parts: list[Part]

    @property
    def tags(self) -> list[str]:
        """The tags of its sections, the most frequent first."""
        counts: dict[str, int] = defaultdict(int)
        for part in self.parts:
            for tag in part.tags:
                counts[tag] += 1
        return sorted(counts, key=lambda tag: (-counts[tag], tag))


def read_articles(folder: Path) -> Iterator[Article]:
    """The pages that hold text, in the order of the run."""
    for row, blocks in read_pages(folder):
        if not row["text"]:
            continue
        inside: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
        for passage in sorted(blocks["passages"], key=lambda passage: passage["position"]):
            inside[passage["section_id"]].append((passage["kind"], passage["text"]))
        parts = [Part("", 0, [], inside[None])] if inside.get(None) else []
        for section in sorted(blocks["sections"], key=lambda section: section["position"]):
            passages = inside[section["section_id"]]
            parts.append(Part(section["heading"] or "", section["level"] or 0, section["tags"] or [], passages))
        yield Article(row, parts)
