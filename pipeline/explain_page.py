"""explain --html: one page's explanation as one self-contained page for the browser, blocks in reading order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from pipeline.clean.reasons import REASONS
from pipeline.clean.weigh import Weight
from pipeline.explain import Explanation, amount_text, untagged_note
from pipeline.palette import style_of
from pipeline.records import Block, TaggedPassage, TaggedSection
from pipeline.webpage import (
    Chip,
    PassageView,
    Segment,
    is_web_address,
    open_environment,
    score_text,
    tag_chips,
    view_passage,
)
from pipeline.write import evidence_row

TEMPLATE = "explain.html.j2"
#: A bar is full from this part of the logit on.
FULL_BAR = 2.5
#: So many steps of a path stay at either end where the window is narrow.
PATH_ENDS = 2


class Bar(NamedTuple):
    """One thing that weighed, with a bar from the middle to the right (for) or to the left (against)."""

    side: str  # for | against
    amount: str
    phrase: str
    detail: str
    left: float  # where the bar begins, 0 to 100
    width: float


class PathView(NamedTuple):
    """A path, its middle apart."""

    head: str
    middle: str
    tail: str


class BlockView(NamedTuple):
    """A block as it is shown."""

    number: int
    keep: bool
    score: str
    note: str  # kind of a kept block, reason of a dropped one
    meaning: str  # of the reason
    path: PathView
    bars: list[Bar]
    passage: PassageView
    section: int  # the number of the section that it begins, 0 if it begins none
    section_tags: list[Chip]


def render(explanation: Explanation) -> str:
    """The explanation as HTML: nothing in it acts, and nothing outside it is asked for."""
    article, page, labels = explanation.article, explanation.article.page, explanation.labels
    passages = {t.passage.block: t for section in explanation.sections for t in section.passages}
    starts = {section.section.position: (n, section) for n, section in enumerate(explanation.sections, 1)}
    blocks = []
    for i, (block, verdict, weighed) in enumerate(zip(page.blocks, article.verdicts, explanation.weighed, strict=True)):
        number, section = starts.get(i, (0, None))
        blocks.append(
            BlockView(
                number=i,
                keep=verdict.keep,
                score=score_text(verdict.score),
                note=block.kind if verdict.keep else verdict.reason,
                meaning=REASONS.get(verdict.reason, ""),
                path=_path(weighed.path),
                bars=[_bar(weight) for weight in weighed.weights],
                passage=_passage(block, passages.get(i), bool(section and section.section.heading), labels),
                section=number,
                section_tags=_section_tags(section, labels) if section else [],
            )
        )
    kept = sum(verdict.keep for verdict in article.verdicts)
    facts = (page.site, page.date, page.author, page.language, article.page_kind)
    return (
        open_environment()
        .get_template(TEMPLATE)
        .render(
            page=page,
            link=page.url if is_web_address(page.url) else None,
            facts=[fact for fact in facts if fact],
            threshold=score_text(explanation.threshold),
            counts={"all": len(blocks), "kept": kept, "dropped": len(blocks) - kept},
            note="" if explanation.sections else untagged_note(article),
            blocks=blocks,
            further_style=Markup(style_of(labels)),
        )
    )


def _passage(block: Block, tagged: TaggedPassage | None, is_heading: bool, labels: Sequence[str]) -> PassageView:
    if tagged is None:  # a dump's headings are paragraphs that do the work of one
        return PassageView("heading" if is_heading else block.kind, [Segment(block.text, (), "")], [], [], [])
    scores = dict(zip(labels, tagged.scores, strict=True))
    evidence = [evidence_row(e) for e in tagged.evidence]
    row = {"kind": block.kind, "text": block.text, "tags": tagged.tags, "evidence": evidence, **scores}
    return view_passage(row, labels)


def _section_tags(tagged: TaggedSection, labels: Sequence[str]) -> list[Chip]:
    return tag_chips(dict(zip(labels, tagged.scores, strict=True)), tagged.tags)


def _path(path: tuple[str, ...]) -> PathView:
    arrow = " > "
    if len(path) <= 2 * PATH_ENDS:
        return PathView("", "", arrow.join(path))
    head, middle, tail = path[:PATH_ENDS], path[PATH_ENDS:-PATH_ENDS], path[-PATH_ENDS:]
    return PathView(arrow.join(head) + arrow, arrow.join(middle), arrow + arrow.join(tail))


def _bar(weight: Weight) -> Bar:
    length = 50 * min(1.0, abs(weight.amount) / FULL_BAR)
    side = "for" if weight.amount > 0 else "against"
    left = 50.0 if weight.amount > 0 else 50 - length
    return Bar(side, amount_text(weight.amount), weight.phrase, weight.detail, round(left, 1), round(length, 1))
