"""Headings that ask: our own ways to put the usual headings of health pages as questions.

Few hand-labelled articles ask in their headings ("What triggers hiccups?"), while many pages do. So the weak
heading model also learns from these questions, and every article with usual headings is learnt from twice: as it
is, and cut short with its headings asked. No score is ever taken from the asked form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from pipeline.learn.corpus import GoldArticle, WeakRow
from pipeline.records import Section

#: Passages of a section that a copy keeps at most.
MAX_PASSAGES = 2
#: Kind of heading -> (what headings of that kind look like, tags of a section under it, ways to ask).
#: "{topic}" stands for what the article is about.
_KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "causes": (
        r"(common )?causes?\b.*|triggers|what causes .*",
        ("causes",),
        (
            "What causes {topic}?",
            "What are the causes of {topic}?",
            "What triggers {topic}?",
            "What brings on {topic}?",
            "What leads to {topic}?",
            "What is behind {topic}?",
            "Why do people get {topic}?",
            "Why do we get {topic}?",
            "Why does {topic} happen?",
            "Where does {topic} come from?",
            "How do you get {topic}?",
            "Why does it happen?",
            "Where does it come from?",
        ),
    ),
    "risk factors": (
        r"risk factors?|who is at risk.*",
        ("causes",),
        (
            "Who is at risk of {topic}?",
            "Who gets {topic}?",
            "What raises the risk of {topic}?",
            "Are you at risk of {topic}?",
            "What makes {topic} more likely?",
            "Who is most at risk?",
        ),
    ),
    "symptoms": (
        r"(signs and )?symptoms?\b.*|what are the symptoms.*",
        ("warning_signs",),
        (
            "What are the symptoms of {topic}?",
            "What are the signs of {topic}?",
            "What does {topic} feel like?",
            "What does {topic} look like?",
            "How do you know if you have {topic}?",
            "How can you tell it is {topic}?",
            "What should you watch out for with {topic}?",
            "How do you notice it?",
        ),
    ),
    "doctor": (
        r"when to (see|call|contact|seek|get) .*",
        ("warning_signs",),
        (
            "When should you see a doctor?",
            "When should you see a doctor about {topic}?",
            "When should I call a doctor?",
            "When to worry about {topic}?",
            "Should I be worried about {topic}?",
            "Should you be concerned about {topic}?",
            "When is {topic} an emergency?",
            "When is {topic} a sign of something serious?",
            "Is {topic} serious?",
            "Is {topic} dangerous?",
            "Do I need medical help?",
            "Is it serious?",
            "Should I worry?",
            "When to get help?",
        ),
    ),
    "complications": (
        r"complications?",
        ("warning_signs",),
        (
            "What are the complications of {topic}?",
            "What happens if {topic} is not treated?",
            "Can {topic} be harmful?",
        ),
    ),
    "treatment": (
        r"treatments?\b.*|therapy|therapies|medications?|medicines?|how is .* treated.*",
        ("remedies",),
        (
            "How is {topic} treated?",
            "What are the treatments for {topic}?",
            "What helps against {topic}?",
            "What helps with {topic}?",
            "What can a doctor do about {topic}?",
            "Which medicines help with {topic}?",
            "Can {topic} be cured?",
            "How is it treated?",
            "What helps?",
        ),
    ),
    "home": (
        r"lifestyle and home remedies|home remedies|self-care|coping and support|.*\btips\b.*",
        ("remedies",),
        (
            "How can you treat {topic} at home?",
            "How do you get rid of {topic}?",
            "How can you stop {topic}?",
            "How can you ease {topic}?",
            "What can you do about {topic}?",
            "What should you do about {topic}?",
            "What should you do when you have {topic}?",
            "What can I do myself?",
            "What can you do?",
            "What should you do?",
            "How do you make it stop?",
            "Which home remedies help with {topic}?",
        ),
    ),
    "prevention": (
        r"prevention|how to prevent .*",
        ("remedies",),
        (
            "How can you prevent {topic}?",
            "Can {topic} be prevented?",
            "How do I avoid {topic}?",
            "How can you lower your risk of {topic}?",
            "How can you prevent it?",
        ),
    ),
    "none": (
        r"overview|diagnosis|definition|types|outlook|prognosis|tests?",
        (),
        (
            "What is {topic}?",
            "How common is {topic}?",
            "How is {topic} diagnosed?",
            "How do doctors test for {topic}?",
            "What types of {topic} are there?",
            "How long does {topic} last?",
        ),
    ),
}
_ASKS_NOTHING_NEW = {"none"}  # sections of these kinds keep their headings: they carry all sorts of passages

_TOPICS = (
    "hiccups",
    "back pain",
    "a dry cough",
    "leg cramps",
    "bloating",
    "tired eyes",
    "heartburn",
    "ringing in the ears",
    "cold feet",
    "a stiff neck",
    "night sweats",
    "itchy skin",
)
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, (pattern, _, _) in _KINDS.items()}
_LONGEST_TOPIC = 5  # words; a longer title is no name of a condition


def question_rows() -> list[WeakRow]:
    """Every question about every topic, as weak rows without text."""
    return [
        WeakRow("", question.format(topic=topic), tags, "questions", "")
        for _, tags, questions in _KINDS.values()
        for question in questions
        for topic in _TOPICS
    ]


def with_asked_headings(articles: Sequence[GoldArticle], seed: int = 0) -> list[GoldArticle]:
    """Short copies of the articles that have usual headings, with these asked; other articles are left out.

    Of each section at most `MAX_PASSAGES` passages in a row are kept: pages that ask are short.
    """
    random = Random(seed)
    copies = []
    for article in articles:
        short = 0 < len(article.title.split()) <= _LONGEST_TOPIC
        topic = article.title.lower() if short else random.choice(_TOPICS)
        labels = iter(article.labels)
        sections: list[Section] = []
        kept: list[tuple[str, ...]] = []
        for section in article.sections:
            of_section = [next(labels) for _ in section.passages]
            first = random.randrange(max(len(of_section) - MAX_PASSAGES, 0) + 1)
            here = slice(first, first + MAX_PASSAGES)
            heading = _ask(section.heading, topic, random)
            sections.append(section._replace(heading=heading, passages=section.passages[here]))
            kept += of_section[here]
        if any(new.heading != old.heading for new, old in zip(sections, article.sections, strict=True)):
            copies.append(article._replace(sections=tuple(sections), labels=tuple(kept), missed=()))
    return copies


def _ask(heading: str, topic: str, random: Random) -> str:
    for kind, pattern in _PATTERNS.items():
        if kind not in _ASKS_NOTHING_NEW and pattern.fullmatch(heading.strip()):
            return random.choice(_KINDS[kind][2]).format(topic=topic)
    return heading
