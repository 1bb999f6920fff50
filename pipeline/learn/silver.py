"""Pages without a reference as training pages: a block is labelled where independent tools agree on it.

The pages come with strings that a right article must hold or must not hold; these go before the tools.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.bench.tools import TOOLS, Extract, version
from pipeline.decode import decode
from pipeline.learn.align import coverage
from pipeline.learn.bench import MIN_COVERAGE, Example, fold_of_site, parse_or_empty
from pipeline.learn.rows import CorpusError, read_rows
from pipeline.parse.metadata import site_of
from pipeline.records import RawPage

GROUP = "snippets"
FILE = "html/snippets.jsonl.gz"
#: A tool has a vote on a page if it found at least so much text there.
MIN_CHARS = 150
#: A page is learnt from if so many tools have a vote; a block is content if so many of them keep it, none if none does.
MIN_VOTES = 3
#: A block inside a required or forbidden string counts as it if it has at least so many characters.
MIN_PART_CHARS = 20


def read_silver(bench: Path, folds: Mapping[str, int]) -> list[Example]:
    """The pages on which enough tools agree; their labels count where all or none of them keep a block.

    No pages where the benchmark has none.

    Parameters
    ----------
    bench : Path
        The folder of the cleaning benchmarks.
    folds : mapping of str to int
        The fold of each site among the pages with a reference, which a page of the same site must share.

    Raises
    ------
    CorpusError
        If the pages cannot be read, or the tools are not installed.
    """
    if not (bench / FILE).exists():
        return []
    missing = [tool.distribution for tool in TOOLS if version(tool) is None]
    if missing:
        raise CorpusError(f"{bench / FILE}: labelling needs {', '.join(missing)}; pip install healthsift[bench]")
    extracts = [tool.build() for tool in TOOLS]
    examples = []
    for row in read_rows(bench / FILE):
        path = bench / "html" / "snippets" / f"{row['id']}.html.gz"
        content = gzip.decompress(path.read_bytes())
        page = parse_or_empty(RawPage(f"snippet-{row['id']}", str(path), content, True, url=row["url"]))
        texts = [block.text for block in page.blocks]
        votes, voters = _votes(texts, decode(content), extracts)
        keep = votes >= MIN_VOTES
        counted = (keep | (votes == 0)) & (voters >= MIN_VOTES)
        for strings, label in ((row["with"], True), (row["without"], False)):
            for i in _holding(texts, strings):
                keep[i], counted[i] = label, True
        site = site_of(row["url"] or "") or row["id"]
        fold = folds.get(site, fold_of_site(site))
        truth = (row["with"], row["without"])
        examples.append(Example(page, keep.tolist(), counted.tolist(), fold, GROUP, False, False, truth))
    return examples


def string_scores(texts: Sequence[str], truths: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[str, float]:
    """Precision, recall and F1 over the strings that articles must hold and must not hold.

    >>> string_scores(["a b c"], [(["a b", "x y"], ["b c"])])
    {'pages': 1, 'precision': 0.5, 'recall': 0.5, 'f1': 0.5}
    """
    found = lost = wrong = 0
    for text, (wanted, unwanted) in zip(texts, truths, strict=True):
        folded = " ".join(text.split())
        held = sum(" ".join(string.split()) in folded for string in wanted)
        found += held
        lost += len(wanted) - held
        wrong += sum(" ".join(string.split()) in folded for string in unwanted)
    precision, recall = found / max(1, found + wrong), found / max(1, found + lost)
    f1 = 2 * found / max(1, 2 * found + wrong + lost)
    return {"pages": len(texts), "precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def _votes(texts: Sequence[str], html: str, extracts: Sequence[Extract]) -> tuple[np.ndarray, int]:
    votes, voters = np.zeros(len(texts), dtype=np.int64), 0
    for extract in extracts:
        try:
            found = extract(html)
        except Exception:  # a tool that breaks on a page has no vote there
            continue
        if len(found) >= MIN_CHARS:
            voters += 1
            votes += np.array(coverage(texts, found)) >= MIN_COVERAGE
    return votes, voters


def _holding(texts: Sequence[str], strings: Sequence[str]) -> list[int]:
    """The blocks that hold one of the strings, or are a longer part of one."""
    folded = [" ".join(string.split()) for string in strings]
    return [
        i
        for i, text in enumerate(texts)
        if any(string in text or (len(text) >= MIN_PART_CHARS and text in string) for string in folded)
    ]
