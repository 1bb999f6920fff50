"""Parsed pages kept beside a run between its passes: Arrow files, so that HTML is parsed once.

A page is a row; its blocks and elements are lists of values, a column for every field of their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.arrow_files import open_arrow, write_arrow
from pipeline.places import written
from pipeline.records import Block, Element, ParsedPage

#: Pages are written, and read again, so many at a time, or as many as have so many blocks and elements.
BATCH_PAGES, BATCH_PARTS = 50, 20_000

_PAGE = {
    "page_id": pa.string(), "source": pa.string(), "is_html": pa.bool_(), "url": pa.string(), "site": pa.string(),
    "title": pa.string(), "date": pa.string(), "author": pa.string(), "language": pa.string(),
    "modified": pa.string(), "site_name": pa.string(), "canonical": pa.string(),
}  # fmt: skip
_BLOCK = {
    "text": pa.large_string(), "kind": pa.string(), "level": pa.int32(), "link_share": pa.float64(),
    "element": pa.int32(), "start": pa.int32(), "end": pa.int32(), "marker": pa.string(), "indent": pa.int32(),
    "gap": pa.int32(), "bold": pa.bool_(),
}  # fmt: skip
_ELEMENT = {
    "tag": pa.string(), "names": pa.string(), "parent": pa.int32(), "first": pa.int32(), "last": pa.int32(),
}  # fmt: skip
#: The span of a block that has none.
_NO_SPAN = (-1, -1)

SCHEMA = pa.schema(
    [*_PAGE.items()]
    + [(f"block_{name}", pa.large_list(type_)) for name, type_ in _BLOCK.items()]
    + [(f"element_{name}", pa.large_list(type_)) for name, type_ in _ELEMENT.items()]
)


@contextmanager
def keep_pages(path: Path) -> Iterator[Callable[[ParsedPage], None]]:
    """Gives a function that adds a page to a file, which gets its name when all are written."""
    with written(path) as hidden, write_arrow(hidden, SCHEMA, "lz4") as writer:
        pages: list[ParsedPage] = []
        parts = 0

        def add(page: ParsedPage) -> None:
            nonlocal parts
            pages.append(page)
            parts += len(page.blocks) + len(page.elements)
            if len(pages) == BATCH_PAGES or parts >= BATCH_PARTS:
                flush()

        def flush() -> None:
            nonlocal parts
            if pages:
                writer.write_batch(_batch(pages))
            pages.clear()
            parts = 0

        yield add
        flush()


def kept_pages(path: Path) -> Iterator[ParsedPage]:
    """The pages of a file, in order."""
    with open_arrow(path) as file:
        for number in range(file.num_record_batches):
            yield from _pages(file.get_batch(number))


def _batch(pages: Sequence[ParsedPage]) -> pa.RecordBatch:
    columns: list[pa.Array] = []
    for name, type_ in _PAGE.items():
        columns.append(pa.array([getattr(page, name) for page in pages], type_))
    blocks: list[Any] = list(zip(*chain.from_iterable(page.blocks for page in pages), strict=True)) or [()] * 10
    spans = [span or _NO_SPAN for span in blocks[5]]
    fields = [*blocks[:5], [span[0] for span in spans], [span[1] for span in spans], *blocks[6:]]
    columns += _lists(fields, [len(page.blocks) for page in pages], _BLOCK)
    elements: list[Any] = list(zip(*chain.from_iterable(page.elements for page in pages), strict=True)) or [()] * 5
    columns += _lists(elements, [len(page.elements) for page in pages], _ELEMENT)
    return pa.record_batch(columns, schema=SCHEMA)


def _lists(fields: Sequence[Sequence[Any]], lengths: Sequence[int], types: dict[str, pa.DataType]) -> list[pa.Array]:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    borders = pa.array(offsets, pa.int64())
    return [
        pa.LargeListArray.from_arrays(borders, pa.array(values, type_))
        for values, type_ in zip(fields, types.values(), strict=True)
    ]


def _pages(batch: pa.RecordBatch) -> Iterator[ParsedPage]:
    heads = [batch.column(name).to_pylist() for name in _PAGE]
    block_ends = batch.column("block_text").offsets.to_pylist()
    element_ends = batch.column("element_tag").offsets.to_pylist()
    text, kind, level, share, element, start, end, *rest = (
        batch.column(f"block_{name}").values.to_pylist() for name in _BLOCK
    )
    spans = [None if first < 0 else (first, last) for first, last in zip(start, end, strict=True)]
    blocks = list(map(Block._make, zip(text, kind, level, share, element, spans, *rest, strict=True)))
    columns = (batch.column(f"element_{name}").values.to_pylist() for name in _ELEMENT)
    elements = list(map(Element._make, zip(*columns, strict=True)))
    for number, head in enumerate(zip(*heads, strict=True)):
        own_blocks = tuple(blocks[block_ends[number] : block_ends[number + 1]])
        own_elements = tuple(elements[element_ends[number] : element_ends[number + 1]])
        yield ParsedPage(**dict(zip(_PAGE, head, strict=True)), blocks=own_blocks, elements=own_elements)
