"""The shipped tagger on small pages of our own whose headings ask, and on news-like passages without headings.

One case is one page: its lines, and the first tag wanted of each section ("" where none is wanted).
"""

from __future__ import annotations

import pytest

from pipeline.records import Block
from pipeline.split import split
from pipeline.tag import Tagger, load_tagger, tag

C, R, W = "causes", "remedies", "warning_signs"

PAGES: dict[str, list[tuple[str, str, list[str]]]] = {
    "Muscle twitching": [
        (
            "What causes muscle twitching?",
            C,
            [
                "A twitch starts when a nerve fires off on its own. Strong coffee, hard training and short nights "
                "all make that more likely.",
                "Low levels of magnesium or potassium can also set the fibres off, and so can asthma inhalers.",
            ],
        ),
        (
            "How can you treat muscle twitching at home?",
            R,
            [
                "Go to bed an hour earlier for a week and see what happens.",
                "- Stretch the muscle gently, twice a day",
                "- Drink a glass of water with every meal",
            ],
        ),
        (
            "When should you see a doctor?",
            W,
            [
                "Make an appointment if the twitch goes on for more than two weeks, or if the limb grows weak.",
                "Numbness, trouble swallowing or slurred speech need a look the same day.",
            ],
        ),
        ("Is it serious?", W, ["Muscle twitching is rarely serious, but see a doctor if it spreads."]),
    ],
    "Hiccups": [
        (
            "Why do we get hiccups?",
            C,
            ["The diaphragm cramps. Large meals, fizzy drinks and sudden excitement are the usual triggers."],
        ),
        ("What helps against hiccups?", R, ["Hold your breath for ten seconds, or sip ice-cold water slowly."]),
        (
            "When are hiccups a sign of something serious?",
            W,
            ["Chest pain or vomiting blood along with hiccups is an emergency."],
        ),
        (
            "The bottom line",
            W,
            [
                "Hiccups are almost always harmless and stop by themselves. Do see a doctor, though, if they last "
                "beyond 48 hours or you lose weight."
            ],
        ),
    ],
    "Leg cramps": [
        (
            "What causes leg cramps at night?",
            C,
            ["Tired muscles, too little fluid and long hours on your feet are the most common reasons."],
        ),
        (
            "Who is at risk?",
            C,
            ["Cramps become more frequent after fifty. People with diabetes get them more often too."],
        ),
        (
            "How can you stop a leg cramp?",
            R,
            ["Pull your toes towards your shin and keep them there. A warm towel afterwards eases the soreness."],
        ),
        (
            "When should you call a doctor about leg cramps?",
            W,
            ["Leg cramps are rarely dangerous, but call if the leg stays swollen or red, as that can be a clot."],
        ),
    ],
    "Dry cough": [
        (
            "What can I do for a dry cough?",
            R,
            ["Honey in warm water coats the throat. Keep the bedroom air moist and sleep with your head raised."],
        ),
        ("What are the red flags?", W, ["Coughing up blood, a fever above 39 degrees or getting out of breath."]),
        ("How is a dry cough diagnosed?", "", ["The doctor listens to the lungs and may order an X-ray."]),
        (
            "Should I worry?",
            W,
            ["Most dry coughs are harmless and pass within a month; have yours checked if you lose weight."],
        ),
    ],
}

NEWS = [
    ("The team followed 4,000 nurses for eleven years and published its work on Monday.", ()),
    ("“We were very pleased,” said the hospital's director.", ()),
    ("The company hopes to sell the drug from next spring for about 90 dollars a month.", ()),
    ("Some of the volunteers complained of dizziness, blurred vision and a dry mouth.", (W,)),
]

#: Sections that it should get right and does not yet.
KNOWN_MISSES = [
    ("What should you do when your nose bleeds?", R, "Sit up, lean forward and pinch the soft part of the nose."),
    ("How do I make it stop?", R, "Lay a warm cloth on the eye and blink often. Artificial tears soothe a dry eye."),
]


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return load_tagger()


@pytest.mark.parametrize("heading_kind", ["heading", "paragraph"])  # marked, or found by `split`
@pytest.mark.parametrize("title", PAGES)
def test_sections_under_questions(title: str, heading_kind: str, tagger: Tagger) -> None:
    blocks = []
    for heading, _, lines in PAGES[title]:
        blocks.append(Block(heading, heading_kind if heading.endswith("?") else "heading", 2))
        blocks += [Block(x[2:], "item", 1) if x.startswith("- ") else Block(x, "paragraph") for x in lines]
    tagged = tag(title, split(list(enumerate(blocks))), tagger)
    given = {section.section.heading: (section.tags or ("",))[0] for section in tagged}
    assert given == {heading: wanted for heading, wanted, _ in PAGES[title]}


def test_news_without_headings(tagger: Tagger) -> None:
    sections = split([(number, Block(text, "paragraph")) for number, (text, _) in enumerate(NEWS)])
    (section,) = tag("New tablet for headaches", sections, tagger)
    assert [passage.tags for passage in section.passages] == [tags for _, tags in NEWS]


@pytest.mark.xfail(strict=True, reason="short sections in words that the corpora do not know")
@pytest.mark.parametrize(("heading", "wanted", "text"), KNOWN_MISSES)
def test_known_misses(heading: str, wanted: str, text: str, tagger: Tagger) -> None:
    (section,) = tag(None, split([(0, Block(heading, "heading", 2)), (1, Block(text, "paragraph"))]), tagger)
    assert section.tags[:1] == (wanted,)
