"""The cleaner's model card, written from its manifest."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

_CARD = """\
# The cleaner

Tells for every block of a page whether it belongs to the article. Two branches, one for HTML and one for text
dumps, of one design: a linear model of the block's words, one of the names (tags, classes, ids) around it, and
{trees} boosted trees over their scores, the block's neighbours, its containers and the page. {second_trees} more trees
take a second look, at what the first said of the surroundings. Dumps have {border_trees} more, which tell where the
article begins and ends, and all lines of a page are decided together. What the pages of a site repeat is told by a
table, where one was counted.
Made {created} by `python -m pipeline train cleaner`.

## Data
WCXB development pages (HTML, {html_pages}), labelled by aligning their blocks with the reference text, and
{text_pages} text dumps with a label for every line (`a`: dumps of real pages; `b`: real articles in content-farm
chrome). Pages whose reference is known to be wrong are not learnt from, but are scored. More pages are learnt from and
never scored: HTML pages printed as text in two ways, and the farm pages' chrome round other articles, some of them
written for the project (`data/written`), each in the fold of its site. {snippets} pages have no reference: their blocks
are labelled where four other cleaners agree. The digests of the files are in `manifest.json`.

## Figures
Pooled over {count} folds, held out by {held}. No model that scores a page has seen a page of its fold; the trees
for borders learn from what is said of other folds' pages in this way. `b alone` is `b` with each page judged without
the other pages of its site. The baseline keeps blocks of ten words and more that are
not mostly links.{notes}{taught}

### HTML: word F1, mean over pages
{html}

{strings}### Text dumps: line F1, mean over pages
{text}

## Where it fails
- Pages that are no articles: product cards, listings and collections. Their references keep some cards and leave
  out others, and so does the model.
- Comments and reviews of users in elements that are not named so; a second article appended to the first.
- Promotion in the publisher's own voice ("Our clinic offers a first visit free of charge.") reads like the article.
- In dumps: bare headlines between paragraphs, and lists of names that read like menus.
- Pages in other languages than English: hardly any were among the training pages.

## Use
For articles and pages like them. It judges what belongs to the article, not whether it is true.

Options: {options}.
"""
_HEAD = "| pages | n | F1 | baseline | 95 % | folds | below 0.5 | exact |\n|---|---:|---:|---:|---|---|---:|---:|"


def cleaner_card(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    scores = manifest["scores"]
    return _CARD.format(
        trees=manifest["options"]["trees"],
        second_trees=manifest["options"]["second_trees"],
        notes="".join(f"\n\n{textwrap.fill(note, 120)}" for note in manifest.get("notes", ())),
        taught=_taught(manifest.get("taught")),
        border_trees=manifest["options"]["border_trees"],
        snippets=scores["html"].get("snippets", {}).get("pages", 0),
        created=manifest["created"],
        html_pages=scores["html"]["all"]["pages"],
        text_pages=scores["text"]["all"]["pages"],
        count=manifest["folds"]["count"],
        held=manifest["folds"]["by"],
        html=_table(scores["html"]),
        strings=_strings(scores["html"].get("snippets")),
        text=_table(scores["text"]),
        options=", ".join(f"{key} {value}" for key, value in manifest["options"].items()),
    )


def _taught(taught: Mapping[str, Any] | None) -> str:
    """What a user's labels brought."""
    if not taught:
        return ""
    told = "; ".join(
        f"{branch}: learnt from {of['blocks']} blocks of {of['pages']} pages, of which {of['own_right'][0]} were right "
        f"before and {of['own_right'][1]} are by trees that had not seen the page; word F1 on the shipped rows "
        f"{of['elsewhere_f1'][0]:.4f} before, {of['elsewhere_f1'][1]:.4f} by trees that had not seen the site"
        for branch, of in taught["branches"].items()
    )
    said = (
        f"More trees were added to the second look from labels of its user, each of which counts {taught['weight']:g}"
    )
    return "\n\n" + textwrap.fill(f"{said} times ({told}). The figures below are those of the model before.", 120)


def _strings(found: Mapping[str, Any] | None) -> str:
    """The figures of the pages without a reference."""
    if not found:
        return ""
    return (
        f"On the {found['pages']} pages without a reference, strings that a right article must hold or must not hold: "
        f"precision {found['precision']:.3f}, recall {found['recall']:.3f}, F1 {found['f1']:.3f}.\n\n"
    )


def _table(groups: Mapping[str, Any]) -> str:
    rows = [_HEAD]
    for group, r in groups.items():
        if group == "snippets":
            continue
        low, high = r["interval"]
        spread = f"{min(r['folds']):.3f} to {max(r['folds']):.3f}"
        figures = f"{r['f1']:.3f} | {r['baseline']:.3f} | {low:.3f} to {high:.3f} | {spread}"
        rows.append(f"| {group} | {r['pages']} | {figures} | {r['below_half']} | {r['exact']:.3f} |")
    return "\n".join(rows)
