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
            "What happens inside the body when you have {topic}?",
            "What goes wrong in the body?",
            "What goes on in the nerves?",
            "What is going on in the joint?",
            "What takes place in the airways during an attack?",
            "What is going on under the skin?",
            "How does a harmless habit turn into {topic}?",
            "How does {topic} develop?",
            "Why does the body react this way?",
            "What is the mechanism behind {topic}?",
            "What role do hormones and nerves play in {topic}?",
            "Why is {topic} worse at night?",
            "Can stress bring it on?",
            "Could a medicine you take be causing {topic}?",
            "Which diseases can be the reason for {topic}?",
            "So why am I getting {topic} all of a sudden?",
            "Is {topic} contagious?",
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
            "Does {topic} run in families?",
            "Why are some people more prone to {topic} than others?",
            "Are women affected more often than men?",
            "Do age and weight play a part?",
            "Which habits increase your chances of getting {topic}?",
            "Who is likely to develop it?",
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
            "How does {topic} show itself?",
            "What are the first signs?",
            "Which other symptoms come along with {topic}?",
            "Where does it hurt?",
            "Could what I feel be {topic}?",
            "How do symptoms change as {topic} gets worse?",
            "Does {topic} look different in children?",
            "What might you notice?",
        ),
    ),
    "doctor": (
        r"when to (see|call|contact|seek|get) .*",
        ("warning_signs",),
        (
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
            "What are the side effects of medicines for {topic}?",
            "Does the treatment have any risks?",
            "Are there any side effects?",
            "How safe is it to take?",
            "What can go wrong during or after surgery?",
            "What other problems can {topic} lead to?",
            "Can {topic} cause lasting damage?",
            "Who should not take these medicines?",
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
            "Do you need surgery for {topic}?",
            "What are my options if nothing has worked so far?",
            "How do medicines for {topic} work?",
            "What will my doctor prescribe?",
            "Is there a cure?",
            "When is physical therapy worth a try?",
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
            "What brings quick relief from {topic}?",
            "What should I eat if I have {topic}?",
            "Is it okay to exercise with {topic}?",
            "How do you live well with {topic}?",
            "Does heat or ice work better?",
            "Which over-the-counter products are worth trying?",
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
            "How do you keep {topic} from coming back?",
            "What can I do so that I don't get it again?",
            "Is there a vaccine?",
            "Which everyday habits protect you against {topic}?",
            "How can you protect yourself and your family?",
            "Does a healthy diet keep {topic} away?",
        ),
    ),
    "tests": (
        r"diagnosis|(exams and )?tests?( and (procedures|diagnosis))?|how is .* diagnosed.*|diagnosing .*",
        (),
        (
            "How is {topic} diagnosed?",
            "How do doctors test for {topic}?",
            "How do doctors find out whether it is {topic}?",
            "What will the doctor ask you about {topic}?",
            "What happens at the appointment?",
            "What does the physical examination involve?",
            "Which tests might you need for {topic}?",
            "What do the blood results mean?",
            "What is a normal value?",
            "Can a scan or an X-ray show it?",
            "How accurate is the test?",
            "How do they rule out other conditions?",
            "How should you prepare for the test?",
            "What should you bring to the appointment?",
            "What should I write down before my visit?",
            "Which questions should you ask your doctor about {topic}?",
            "Do you need to have blood taken?",
            "Is there a blood test for {topic}?",
            "What do doctors look for in the blood?",
            "Will I need a scan?",
            "Should you be tested for {topic}?",
            "Who ought to have a check-up?",
            "What does the specialist examine?",
            "How does the doctor tell {topic} from other things?",
            "How do you find out what is behind it?",
            "What is the examination like?",
            "What does the ultrasound look at?",
            "When is an X-ray worth it?",
            "Can {topic} be seen on a picture?",
            "Which samples go to the lab?",
            "How is the severity worked out?",
            "Do the results mean anything?",
            "Is a biopsy needed?",
            "What do the readings say?",
        ),
    ),
    "none": (
        r"overview|definition|types|outlook|prognosis",
        (),
        (
            "What is {topic}?",
            "How common is {topic}?",
            "What types of {topic} are there?",
            "How long does {topic} last?",
            "What do doctors mean by {topic}?",
            "What counts as {topic}?",
            "What does the term mean?",
            "Is {topic} a disease or a symptom?",
            "What else is {topic} called?",
            "Acute or chronic: what is the difference?",
            "How does it normally work?",
            "What does this part of the body do?",
            "Where in the body is it found?",
            "What happens in a healthy body?",
            "How much is normal?",
            "How many people have {topic}?",
            "Is {topic} rare?",
            "Which kind of doctor deals with {topic}?",
            "What is the outlook for people with {topic}?",
            "Does {topic} go away on its own?",
            "How soon will I feel better?",
            "Can it come back?",
            "What are the chances of a full recovery?",
            "Where does the name come from?",
            "Who first described {topic}?",
            "What did people believe about {topic} in the past?",
            "How much does it cost?",
            "Will insurance pay for it?",
            "What is the liver for?",
            "How do the kidneys work?",
            "What are hormones?",
            "How does hearing work?",
            "What is the job of the spleen?",
            "How is the knee built?",
            "How do our eyes keep clean?",
            "What are joints made of?",
            "What exactly is {topic}?",
            "What do we call {topic}?",
            "What is meant by {topic}?",
            "How long will {topic} be with me?",
            "What is the usual course?",
            "What are researchers studying now?",
            "How was the study done?",
        ),
    ),
}
_ASKS_NOTHING_NEW = {"none"}  # sections of these kinds keep their headings: they carry all sorts of passages

_TOPICS = (
    "hiccups",
    "back pain",
    "a dry cough",
    "hay fever",
    "bloating",
    "motion sickness",
    "snoring",
    "a blocked nose",
    "cold feet",
    "a stiff neck",
    "sunburn",
    "acne",
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
        labels = iter(zip(article.labels, article.asked, strict=True))
        sections: list[Section] = []
        kept: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        for section in article.sections:
            of_section = [next(labels) for _ in section.passages]
            first = random.randrange(max(len(of_section) - MAX_PASSAGES, 0) + 1)
            here = slice(first, first + MAX_PASSAGES)
            heading = _ask(section.heading, topic, random)
            sections.append(section._replace(heading=heading, passages=section.passages[here]))
            kept += of_section[here]
        if any(new.heading != old.heading for new, old in zip(sections, article.sections, strict=True)):
            tags, asked = zip(*kept, strict=True) if kept else ((), ())
            copies.append(article._replace(sections=tuple(sections), labels=tags, missed=(), asked=asked))
    return copies


def _ask(heading: str, topic: str, random: Random) -> str:
    for kind, pattern in _PATTERNS.items():
        if kind not in _ASKS_NOTHING_NEW and pattern.fullmatch(heading.strip()):
            return random.choice(_KINDS[kind][2]).format(topic=topic)
    return heading
