"""How further labels look on the HTML pages we write.

The style sheets know three labels by name. Every other label of a run gets the next of `LOOKS`: colours for light and
dark, a sign before its name, and a line under the sentence that carries it, so that colour is not all that tells
labels apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

#: Labels that `base.css` and `report.css` style.
STYLED = ("causes", "remedies", "warning_signs")


class Shades(NamedTuple):
    """The colours of a label in light or in dark: of signs and lines, of its words, and behind them."""

    plain: str
    ink: str
    wash: str


class Look(NamedTuple):
    """How a label is told from the others."""

    light: Shades
    dark: Shades
    sign: str  # as CSS writes a character
    line: str  # text-decoration-style, and -thickness


#: In this order; a run with more labels begins again.
LOOKS = (
    Look(
        Shades("#a8418f", "#74285f", "#f8e6f3"), Shades("#e08bc9", "#f2bfe3", "#43203b"),
        "\\2605", "wavy; text-decoration-thickness: 1px",
    ),
    Look(
        Shades("#8a7400", "#5c4d00", "#f6f0cd"), Shades("#d8c23c", "#ecde8c", "#39330d"),
        "\\25A0", "double",
    ),
    Look(
        Shades("#80522f", "#5e391d", "#f1e6dd"), Shades("#c9a080", "#e3cab5", "#382a1f"),
        "\\25BC", "solid; text-decoration-thickness: 4px",
    ),
    Look(
        Shades("#5a4fcf", "#3d349c", "#e9e7fb"), Shades("#9d94f5", "#c8c3fb", "#292551"),
        "\\25B6", "dashed; text-decoration-thickness: 3px",
    ),
    Look(
        Shades("#c22f4e", "#8c1c36", "#fce5e9"), Shades("#f47f96", "#f9b5c1", "#481b25"),
        "\\2716", "dotted",
    ),
)  # fmt: skip

_RULES = """\
:root {{ --tag-{label}: {light.plain}; --tag-{label}-ink: {light.ink}; --tag-{label}-wash: {light.wash}; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --tag-{label}: {dark.plain}; --tag-{label}-ink: {dark.ink}; --tag-{label}-wash: {dark.wash}; }}
}}
.{label}.chip, .tag.{label} b {{ background: var(--tag-{label}-wash); color: var(--tag-{label}-ink); }}
.glyph.{label}::before {{ content: "{sign}"; }}
.glyph.{label} {{ color: var(--tag-{label}); }} .chip .glyph.{label} {{ color: inherit; }}
mark.{label} {{ background: var(--tag-{label}-wash); }}
svg.{label} {{ fill: var(--tag-{label}); }}
.section.{label} {{ border-color: var(--tag-{label}); }}
.passage.{label} {{ --wash: var(--tag-{label}-wash); }}
.passage.also-{label} > p {{ box-shadow: inset -4px 0 var(--tag-{label}); }}
#view-page mark.{label} {{ text-decoration-color: var(--tag-{label}); text-decoration-style: {line}; }}
@media (min-width: 861px) {{ .index [data-sort={label}] {{ width: 6.6rem; }} }}
"""

#: The table of sites has a column for each label and one for none, set off from the others.
_COLUMNS = """\
.sites thead th:nth-last-child(4), .sites tbody td:nth-last-child(4) {{ padding-left: 0; }}
.sites thead th:nth-last-child({n}), .sites tbody td:nth-last-child({n}) {{ padding-left: 1.5rem; }}
"""


def style_of(labels: Sequence[str]) -> str:
    """The rules that a page with these labels needs beside its style sheets.

    >>> style_of(["causes", "remedies", "warning_signs"])
    ''
    """
    further = zip([label for label in labels if label not in STYLED], cycle(LOOKS), strict=False)
    rules = "".join(_RULES.format(label=label, **look._asdict()) for label, look in further)
    return rules + ("" if len(labels) == len(STYLED) else _COLUMNS.format(n=len(labels) + 1))
