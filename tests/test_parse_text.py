"""parse, dumps: lines to blocks, with wrapped and torn paragraphs mended."""

from __future__ import annotations

import pytest
from conftest import text_page

from pipeline.parse.text import parse_text

PROSE = (
    "The muscle at the back of the lower leg hardens without any warning, most often in the second half of the night, "
    "and the pain wakes even deep sleepers. It lasts from a few seconds to some ten minutes, and the calf may feel sore "
    "for the whole of the following day. Nobody knows exactly why the nerve fires when the leg is at rest."
)


def wrapped(text: str, width: int, indent: str = "") -> str:
    lines, line = [], indent
    for word in text.split():
        if len(line) + len(word) + (line != indent) > width:
            lines.append(line)
            line = indent
        line += (" " if line != indent else "") + word
    return "\n".join([*lines, line])


@pytest.mark.parametrize("width", [72, 80, 100])
@pytest.mark.parametrize("indent", ["", "   "])
def test_wrapped_paragraphs_are_joined(width, indent):
    source = (
        "\n\n".join(wrapped(PROSE, width, indent) for _ in range(4))
        + "\n\nWhat helps?\n\n"
        + wrapped(PROSE, width, indent)
    )
    assert [b.text for b in text_page(source).blocks] == [PROSE] * 4 + ["What helps?", PROSE]


def test_a_wrapped_list_keeps_its_items_apart():
    items = ["Drink enough before you go to bed, and keep a glass of water within reach for the hours after midnight.",
             "Stretch the calf against a wall for half a minute, three times, every evening before you lie down to sleep."]  # fmt: skip
    source = "\n\n".join([wrapped(PROSE, 80)] * 3) + "\n\n" + "\n".join(wrapped("- " + i, 80) for i in items)
    assert [(b.text, b.marker) for b in text_page(source).blocks][3:] == [(i, "-") for i in items]


TORN = [
    (["Cramps in the calf are often blamed on a lack of", "magnesium", ", although trials say otherwise."],
     ["Cramps in the calf are often blamed on a lack of magnesium, although trials say otherwise."]),
    (["Most people get better without any treatment, says", "Dr. Ada Wren", "of the sleep clinic in the next town."],
     ["Most people get better without any treatment, says Dr. Ada Wren of the sleep clinic in the next town."]),
    (["What causes cramps?", "Nobody knows for certain what makes a calf harden in the night."],
     ["What causes cramps?", "Nobody knows for certain what makes a calf harden in the night."]),
    (["Iron is the part of", "haemoglobin", "that holds on to oxygen, and without enough of it the cells stay small."],
     ["Iron is the part of haemoglobin that holds on to oxygen, and without enough of it the cells stay small."]),
    (["Nine out of ten start in one place, which doctors call", "Kiesselbach's area", ". It lies close to the skin."],
     ["Nine out of ten start in one place, which doctors call Kiesselbach's area. It lies close to the skin."]),
    (["For a small child a handful of them may be", "deadly", "."], ["For a small child a handful of them may be deadly."]),
    (["a knock on the nose or a fall", "sprays with", "steroids", ", above all if they are used for weeks"],
     ["a knock on the nose or a fall", "sprays with steroids, above all if they are used for weeks"]),
    (["about", "contact", "privacy"], ["about", "contact", "privacy"]),
    (["The first paragraph ends here, with a full stop.", "and a menu in small letters"],
     ["The first paragraph ends here, with a full stop.", "and a menu in small letters"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), TORN)
def test_torn_paragraphs_are_mended(lines, expected):
    assert [b.text for b in text_page("\n".join(lines)).blocks] == expected


MARKED = [
    ("- Rest", "-", "Rest"),
    ("• Rest", "•", "Rest"),
    ("  * Rest", "*", "Rest"),
    ("3. Rest", "3.", "Rest"),
    ("12) Rest", "12)", "Rest"),
    ("» Rest", "»", "Rest"),
    ("3.5 litres a day", "", "3.5 litres a day"),
    ("-5 degrees", "", "-5 degrees"),
    ("Rest - a lot", "", "Rest - a lot"),
]


@pytest.mark.parametrize(("line", "marker", "text"), MARKED)
def test_markers(line, marker, text):
    (block,) = text_page(line).blocks
    assert (block.marker, block.text) == (marker, text)
    assert block.kind == ("item" if marker else "paragraph")


def test_a_bullet_on_a_line_of_its_own_belongs_to_the_next_line():
    assert [(b.marker, b.text) for b in text_page("•\nRest\n•\nSleep").blocks] == [("•", "Rest"), ("•", "Sleep")]


def test_spans_point_at_the_source():
    source = "Title of the page\n\n  - An item\nA somewhat longer paragraph that is torn in the\nmiddle\n, and goes on after it.\n-----\n"
    page = text_page(source)
    assert [source[a:b] for a, b in (b.span for b in page.blocks)] == [
        "Title of the page", "An item", "A somewhat longer paragraph that is torn in the\nmiddle\n, and goes on after it.",
    ]  # fmt: skip


def test_link_marks_are_taken_off_where_a_dump_has_many():
    source = "\n".join(f"   [{n}]Link number {n} of a page" for n in range(1, 7))
    assert text_page(source).blocks[0].text == "Link number 1 of a page"
    assert text_page("As shown before [3] by others").blocks[0].text == "As shown before [3] by others"


def test_runs_of_like_lines_are_elements():
    page = parse_text("Related\n- One\n- Two\n" + PROSE)
    shapes = [(e.tag, e.first, e.last) for e in page.elements if e.tag not in ("page", "section")]
    assert shapes == [("short", 0, 1), ("bullets-", 1, 3), ("prose", 3, 4)]


@pytest.mark.parametrize("source", ["<!--", "-----\n* * *\n", "\u202e\u202e"])
def test_a_dump_without_words_has_no_blocks(source):
    assert text_page(source).blocks == ()
