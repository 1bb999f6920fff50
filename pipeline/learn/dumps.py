"""Text dumps made for training, so that the branch for dumps learns from more pages than were dumped.

`dump` and `torn_dump` print a labelled HTML page; `rewrap` puts another article into the chrome of a labelled dump.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Container, Sequence
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from pipeline.decode import decode
from pipeline.learn.align import coverage
from pipeline.records import ParsedPage

#: A line is content if so much of it stands in its place in the reference.
MIN_LINE_COVERAGE = 0.6
#: What stands before a list item; which one a page gets is told by its id.
BULLETS = ("- ", "* ", "• ", "  * ", "", "+ ")

#: Headings of an article that sound like the name of a list of links; one of three rewrapped articles gets one.
DECOYS = (
    "Recommendations", "Related problems", "Related illnesses", "Popular remedies", "Latest findings", "More on causes",
    "Recommended foods", "Top tips", "Similar complaints", "Featured exercises", "Ranking the options",
)  # fmt: skip


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


def torn_dump(path: Path, reference: str) -> tuple[list[str], list[int]]:
    """One line a text node, as BeautifulSoup's `get_text("\\n")` prints a page: links and bold words tear paragraphs.

    Parameters
    ----------
    path : Path
        A gzipped HTML file.
    reference : str
        The text of its article.

    Returns
    -------
    lines : list of str
    labels : list of int
        1 for lines that stand in the reference.
    """
    tree = LexborHTMLParser(decode(gzip.decompress(path.read_bytes())))
    tree.strip_tags(["script", "style", "template", "noscript", "head"])
    text = tree.root.text(separator="\n") if tree.root else ""
    lines = [" ".join(line.split()) for line in text.split("\n") if line.strip()]
    return lines, [int(share >= MIN_LINE_COVERAGE) for share in coverage(lines, reference)]


def rewrap(
    lines: Sequence[str], labels: Sequence[int], neutral: Container[int], title: str,
    new_title: str, blocks: Sequence[tuple[str, str]], style: int,
) -> tuple[list[str], list[int]]:  # fmt: skip
    """The chrome of a dump round another article; what stood inside the old article stands inside the new one.

    Parameters
    ----------
    lines, labels, neutral, title
        The dump, the labels of its lines (1 = article), its title lines, its title.
    new_title : str
    blocks : sequence of (kind, text)
        The new article.
    style : int
        Chooses the bullet of its list items, and whether one of its headings becomes a decoy.

    Returns
    -------
    lines : list of str
    labels : list of int
    """
    bullet = BULLETS[style % len(BULLETS)]
    headings = [i for i, (kind, _) in enumerate(blocks) if kind == "heading"]
    if headings and style % 3 == 0:
        decoy = headings[style // 3 % len(headings)]
        blocks = [*blocks[:decoy], ("heading", DECOYS[style // 7 % len(DECOYS)]), *blocks[decoy + 1 :]]
    article = [(bullet if kind == "item" else "") + text for kind, text in blocks]
    slots = [i for i, label in enumerate(labels) if label and i not in neutral]
    spaced = "" in lines
    new_lines: list[str] = []
    new_labels: list[int] = []
    taken = 0
    for i, line in enumerate(lines):
        if labels[i] and i not in neutral:
            until = (slots.index(i) + 1) * len(article) // len(slots)
            for text in article[taken:until]:
                if spaced and new_lines and new_lines[-1]:
                    new_lines.append("")
                    new_labels.append(0)
                new_lines.append(text)
                new_labels.append(1)
            taken = until
        else:
            new_lines.append(line.replace(title, new_title) if title else line)
            new_labels.append(0)
    return new_lines, new_labels
