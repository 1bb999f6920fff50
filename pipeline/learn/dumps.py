"""Text dumps made from labelled HTML pages, so that the branch for dumps learns from more pages than were dumped."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from pipeline.records import ParsedPage

#: What stands before a list item; which one a page gets is told by its id.
BULLETS = ("- ", "* ", "• ", "  * ", "", "+ ")


def dump(page: ParsedPage, labels: Sequence[bool]) -> tuple[list[str], list[int]]:
    """One line a block, as `inscriptis` and `html2text` would print it.

    Parameters
    ----------
    page : ParsedPage
        An HTML page.
    labels : sequence of bool, length n_blocks

    Returns
    -------
    lines : list of str
        With blank lines between blocks on half of the pages.
    labels : list of int
        1 for lines of the article, 0 for the others and for blank lines.
    """
    style = zlib.crc32(page.page_id.encode())
    bullet = BULLETS[style % len(BULLETS)]
    spaced = style // len(BULLETS) % 2
    lines: list[str] = []
    content: list[int] = []
    for i, (block, label) in enumerate(zip(page.blocks, labels, strict=True)):
        in_list = block.kind == "item" and i > 0 and page.blocks[i - 1].kind == "item"
        if spaced and lines and not in_list:
            lines.append("")
            content.append(0)
        lines.append((bullet if block.kind == "item" else "") + block.text)
        content.append(int(label))
    return lines, content
