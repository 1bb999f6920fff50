"""The language of a page, from its longest blocks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.records import Block

#: So much of the page's longest blocks is looked at.
SAMPLE_CHARS = 1200
#: Under so many letters a guess is no better than what the page says of itself.
MIN_CHARS = 60

#: A page whose words are to this share among these is English, and needs no further look.
ENGLISH_SHARE = 0.22
_ENGLISH = frozenset(
    "the of and to a in is that it for on with as are be was this by or at from have not an you can they which "
    "your their has more may but he she his her we said about who what when how if will would than".split()
)


def guess_language(blocks: Sequence[Block], told: str | None) -> str | None:
    """The ISO 639-1 code of the page's language.

    Common English words are counted first, which settles nearly every page; what is left goes to
    langid's naive Bayes model. Below `MIN_CHARS` characters what the page tells of itself is taken.
    """
    sample = _sample(blocks)
    if len(sample) < MIN_CHARS:
        return told
    words = sample.lower().split()
    if sum(word in _ENGLISH for word in words) >= ENGLISH_SHARE * len(words):
        return "en"
    import py3langid  # the model takes a quarter of a second to load, and most batches never need it

    return str(py3langid.classify(sample)[0])


def _sample(blocks: Iterable[Block]) -> str:
    """The longest blocks, up to `SAMPLE_CHARS` characters: prose, not menus."""
    parts: list[str] = []
    room = SAMPLE_CHARS
    for block in sorted(blocks, key=lambda block: -len(block.text))[:8]:
        if room <= 0:
            break
        parts.append(block.text[:room])
        room -= len(block.text)
    return " ".join(parts)
