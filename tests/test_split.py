"""split: blocks to sections. All texts are our own."""

from __future__ import annotations

import pytest

from pipeline.records import Block
from pipeline.split import split

PROSE = "Most people notice the twitch in an eyelid or a calf, and it usually fades within a few hours."
MORE = "Rest and water help, and so does less coffee, as many who lie awake at night have found out."


def page(*blocks: str | Block) -> list[tuple[int, Block]]:
    """Blocks with their indexes; "# x" is a heading of level 1, "## x" of 2, "- x" an item, "*x*" bold."""
    made = []
    for block in blocks:
        if isinstance(block, Block):
            made.append(block)
        elif block.startswith("#"):
            marks, text = block.split(" ", 1)
            made.append(Block(text, "heading", len(marks)))
        elif block.startswith("- "):
            made.append(Block(block[2:], "item", 1))
        elif block.startswith("*"):
            made.append(Block(block.strip("*"), "paragraph", bold=True))
        else:
            made.append(Block(block, "paragraph"))
    return list(enumerate(made))


def headings(*blocks: str | Block) -> list[str]:
    return [section.heading for section in split(page(*blocks))]


def test_no_blocks_no_sections() -> None:
    assert split([]) == []


def test_article_without_headings_is_one_section() -> None:
    (section,) = split(page(PROSE, MORE))
    assert (section.heading, section.level, section.parents) == ("", 0, ())
    assert [passage.text for passage in section.passages] == [PROSE, MORE]


def test_indexes_are_those_of_the_page() -> None:
    blocks = [(3, Block("Causes", "heading", 2)), (7, Block(PROSE, "paragraph")), (9, Block(MORE, "quote"))]
    (section,) = split(blocks)
    assert [(passage.block, passage.kind) for passage in section.passages] == [(7, "paragraph"), (9, "quote")]


def test_parents_are_the_headings_above_by_level() -> None:
    sections = split(
        page("# Gout", PROSE, "## Treatment", "### Medicines", PROSE, "### Diet", MORE, "## Outlook", MORE)
    )
    assert [(section.heading, section.level, section.parents) for section in sections] == [
        ("Gout", 1, ()),
        ("Treatment", 2, ("Gout",)),
        ("Medicines", 3, ("Gout", "Treatment")),
        ("Diet", 3, ("Gout", "Treatment")),
        ("Outlook", 2, ("Gout",)),
    ]


def test_no_heading_is_lost() -> None:
    sections = split(page("# Gout", "## Treatment", "### Medicines", PROSE, "## Outlook"))
    assert [(s.heading, s.position, len(s.passages)) for s in sections] == [
        ("Gout", 0, 0),
        ("Treatment", 1, 0),
        ("Medicines", 2, 1),
        ("Outlook", 4, 0),
    ]


def test_position_is_that_of_the_heading_or_of_the_first_passage() -> None:
    blocks = [(3, Block(PROSE, "paragraph")), (5, Block("Causes", "heading", 2)), (9, Block(MORE, "quote"))]
    assert [section.position for section in split(blocks)] == [3, 5]


def test_headings_without_level_stand_side_by_side() -> None:
    sections = split(
        [
            (0, Block("Causes", "heading")),
            (1, Block(PROSE, "paragraph")),
            (2, Block("Treatment", "heading")),
            (3, Block(MORE, "paragraph")),
        ]
    )
    assert [(section.level, section.parents) for section in sections] == [(2, ()), (2, ())]


WORKS_AS_HEADING = {
    "question": "What causes muscle twitching?",
    "question with number": "2. How long does a cold last?",
    "question that opens with an auxiliary": "Can hiccups be a sign of something serious?",
    "bold line": "*When it is time to call someone*",
    "bold word with colon": "*Symptoms:*",
    "bare section word": "Symptoms",
    "bare section words in title case": "Home Remedies",
    "bare section word that sounds like a list of links": "Related conditions",
    "bare advice": "Recommendations",
    "bare title of many words": "Five Foods That Calm the Stomach",
    "bare line in sentence case": "Getting through the night",
    "numbered bare line": "3. Drink More Water",
}
IS_A_PASSAGE = {
    "full sentence": "Twitching is common.",
    "myth told as a sentence": "Myth: Cold weather gives you the flu.",
    "myth in bold": "*Myth: Cold weather gives you the flu.*",
    "name": "Jane Miller",
    "name with degree": "Robert A. Hall, MD",
    "byline": "By our health desk",
    "dateline": "OSLO, March 4, 2021",
    "date": "Updated 12 May",
    "one word": "Advertisement",
    "picture credit": "Photo courtesy of the clinic",
    "lead-in": "Common triggers include:",
    "lead-in that breaks off": "Among the things that add to it are",
    "label with a value": "Serves: four",
    "open sentence": "and then it went away",
    "two sentences, one asked": "It hurts. What now?",
    "tag question in quotes": "“Why me?”",
    "question that is no heading": "Your knee hurts again and you wonder whether to run?",
}


@pytest.mark.parametrize("line", WORKS_AS_HEADING.values(), ids=WORKS_AS_HEADING.keys())
def test_paragraph_that_works_as_heading(line: str) -> None:
    assert headings(PROSE, line, MORE) == ["", line.strip("*")]


@pytest.mark.parametrize("line", IS_A_PASSAGE.values(), ids=IS_A_PASSAGE.keys())
def test_paragraph_that_is_a_passage(line: str) -> None:
    assert headings(PROSE, line, MORE) == [""]


def test_a_run_of_short_lines_is_a_list() -> None:
    assert headings(PROSE, "Bright light at night", "Too much strong coffee", "Loud and sudden noise", MORE) == [""]


def test_question_and_bold_line_are_headings_beside_short_lines() -> None:
    assert headings("Strong coffee at night", "What helps?", MORE) == ["", "What helps?"]
    assert headings("Strong coffee at night", "*What helps most people*", MORE) == [
        "",
        "What helps most people",
    ]


def test_questions_in_a_row_are_no_headings() -> None:
    assert headings("Do you sleep badly?", "Do you wake up tired?", PROSE) == ["", "Do you wake up tired?"]


def test_last_line_is_no_heading() -> None:
    assert headings(PROSE, "What causes hiccups?") == [""]


def test_found_headings_stand_below_marked_ones() -> None:
    sections = split(page("## Treatment", PROSE, "What can I do at home?", MORE, "## Outlook", PROSE))
    assert [(section.level, section.parents) for section in sections] == [
        (2, ()),
        (3, ("Treatment",)),
        (2, ()),
    ]


def lead_ins(*blocks: str | Block) -> list[str]:
    return [passage.lead_in for section in split(page(*blocks)) for passage in section.passages]


def test_all_items_of_a_run_carry_the_lead_in() -> None:
    nested = Block("Red wine", "item", 2)
    assert lead_ins("Triggers include:", "- Alcohol", nested, "- Stress", PROSE, "- Alone") == [
        "", "Triggers include:", "Triggers include:", "Triggers include:", "", "",
    ]  # fmt: skip


def test_lead_in_is_the_last_sentence() -> None:
    assert lead_ins(PROSE + " Call a doctor if you have:", "- Fever")[1] == "Call a doctor if you have:"


@pytest.mark.parametrize(
    ("line", "leads_in"),
    [("Try the following steps.", True), ("Doctors look for these signs", True), ("It hurts.", False)],
)
def test_short_line_without_colon(line: str, leads_in: bool) -> None:
    assert lead_ins(line, "- One thing")[1] == (line if leads_in else "")


def test_rows_of_a_table_carry_the_lead_in() -> None:
    assert lead_ins("Doses are:", Block("Adults 20 mg", "cell"))[1] == "Doses are:"


def test_items_that_lost_their_bullets_carry_the_lead_in() -> None:
    assert lead_ins("You may notice:", "a stiff neck", "a high fever", PROSE)[1:] == ["You may notice:"] * 2 + [""]


def test_a_heading_ends_the_run() -> None:
    assert lead_ins("Triggers include:", "- Alcohol", "## Diet", "- Fish")[1:] == ["Triggers include:", ""]
