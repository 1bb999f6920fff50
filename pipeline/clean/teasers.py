"""Lines inside an article that lead to another one, and say so: "Also read: Why we hiccup".

The model keeps many of them, since they stand between paragraphs and read like headings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.records import ParsedPage

#: A line of more words says more than a headline.
MAX_WORDS = 30
#: In HTML the headline is a link, so at least this share of the line's characters.
MIN_LINK_SHARE = 0.4

#: What stands before the headline, by language.
LABELS: dict[str, str] = {
    "English": (
        "also read|also see|also watch|read|read also|read more|read next|read this(?: too| next)?|see also|see more|"
        "must read|keep reading|continue reading|further reading|(?:recommended|suggested)(?: reading| stories)?|"
        "related(?: articles?| stor(?:y|ies)| news| posts?| reading| coverage| content| links?| topics?)?|"
        "more(?: news| stories| coverage| reading| on this| from [^:]{1,30})?|"
        "you (?:may|might)(?: also)? (?:like|be interested in)|don['’]?t miss"
    ),
    "Spanish": (
        "le[ae]|leer|le[ae] (?:más|además|también)|[lt]e (?:puede|podría) interesar|te recomendamos leer|mir[ae]|"
        "ve[ra] (?:más|también)|vea además|puedes ver|notas? relacionadas?|relacionad[oa]s?"
    ),
    "French": "[àa] (?:lire|voir)(?: aussi)?|(?:lire|voir) aussi",
    "German": (
        "lesen sie (?:auch|mehr|dazu)|lies (?:auch|mehr)|auch interessant|mehr (?:dazu|zum thema)|passend dazu|"
        "siehe auch"
    ),
    "Italian": "leggi (?:anche|pure)|guarda anche|vedi anche|per approfondire",
    "Portuguese": "(?:leia|veja) (?:também|mais|ainda)",
    "Dutch": "lees (?:ook|meer|verder)|bekijk ook",
    "Scandinavian": "l[äa]s (?:också|även|mer)|les (?:også|mer)|læs (?:også|mere)",
    "Polish": "(?:czytaj|zobacz|przeczytaj) (?:też|także|również|więcej)",
}
_TEASER = re.compile(rf"(?:{'|'.join(LABELS.values())})\s?[:：»|>]+\s?\w.*", re.IGNORECASE)


def are_teasers(page: ParsedPage, keep: Sequence[bool]) -> list[bool]:
    """For each block whether it is such a line.

    Parameters
    ----------
    page : ParsedPage
    keep : sequence of bool, length n_blocks
        What would be kept without asking; other blocks are not looked at.
    """
    least = MIN_LINK_SHARE if page.is_html else 0.0
    return [
        kept and block.link_share >= least and is_teaser(block.text)
        for block, kept in zip(page.blocks, keep, strict=True)
    ]


def is_teaser(text: str) -> bool:
    """Whether a text is a label and a headline.

    >>> is_teaser("Also read: Why we hiccup"), is_teaser("Read the label: salt hides in bread.")
    (True, False)
    """
    return text.count(" ") < MAX_WORDS and _TEASER.match(text) is not None
