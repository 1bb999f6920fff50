"""parse, HTML: which blocks a page has, and what each knows of itself."""

from __future__ import annotations

import pytest
from conftest import html_page

from pipeline.parse.walk import name_words

BLOCKS = [
    # (html, [(text, kind), ...])
    ("<p>One.</p><p>Two.</p>", [("One.", "paragraph"), ("Two.", "paragraph")]),
    ("<div>Bare <b>bold</b> text<p>Then a paragraph</p>and a tail</div>",
     [("Bare bold text", "paragraph"), ("Then a paragraph", "paragraph"), ("and a tail", "paragraph")]),
    ("<h2>Signs</h2><ul><li>Itch</li><li>Pain<ul><li>at night</li></ul></li></ul>",
     [("Signs", "heading"), ("Itch", "item"), ("Pain", "item"), ("at night", "item")]),
    ("One<br>line<br><br>Another", [("One line", "paragraph"), ("Another", "paragraph")]),
    ("<table><tr><th>Sign</th><td>Fever</td></tr><tr><td>Do</td><td>Rest</td></tr></table>",
     [("Sign Fever", "cell"), ("Do Rest", "cell")]),
    ("<table><tr><td><p>A column of prose.</p></td><td><p>Another column.</p></td></tr></table>",
     [("A column of prose.", "cell"), ("Another column.", "cell")]),
    ("<blockquote><p>Said.</p></blockquote><figure><figcaption>A picture</figcaption></figure>",
     [("Said.", "quote"), ("A picture", "caption")]),
    ("<pre>a\n  b</pre>", [("a b", "pre")]),
    ("<dl><dt>Why?</dt><dd>Because.</dd></dl>", [("Why?", "paragraph"), ("Because.", "paragraph")]),
    ("<my-card>Custom</my-card><my-card>elements</my-card>", [("Custom", "paragraph"), ("elements", "paragraph")]),
    ("<script>x</script><style>y</style><template>z</template><select><option>o</option></select>Seen",
     [("Seen", "paragraph")]),
    ("<!-- not --><p hidden>Kept for the cleaner</p>", [("Kept for the cleaner", "paragraph")]),
    ("soft\u00adhyphen and zero\u200bwidth", [("softhyphen and zerowidth", "paragraph")]),
    ("<p>unclosed <b>bold<p>next", [("unclosed bold", "paragraph"), ("next", "paragraph")]),
    ("<a href=x><h3>Card</h3><p>Teaser</p></a>", [("Card", "heading"), ("Teaser", "paragraph")]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), BLOCKS)
def test_blocks(body, expected):
    assert [(b.text, b.kind) for b in html_page(body).blocks] == expected


def test_levels_and_shares():
    page = html_page(
        "<h3>H</h3><ol><li>a<ol><li>b</li></ol></li></ol><p>go <a href=x>there</a></p><p><b>All bold</b></p>"
    )
    assert [b.level for b in page.blocks] == [3, 1, 2, 0, 0]
    assert page.blocks[3].link_share == pytest.approx(5 / 7, abs=1e-4)
    assert [b.bold for b in page.blocks] == [False, False, False, False, True]
    assert all(b.span is None for b in page.blocks)


def test_a_link_round_blocks_counts_for_each_of_them():
    page = html_page("<a href=x><h3>Card</h3><p>Teaser</p></a><p>free</p>")
    assert [b.link_share for b in page.blocks] == [1.0, 1.0, 0.0]


def test_elements_hold_the_ranges_of_their_blocks():
    page = html_page("<div class='postBody'><p>a</p><p>b</p></div><footer id=foot>c</footer>")
    found = {(e.tag, e.names): (e.first, e.last) for e in page.elements}
    assert found[("div", "post body")] == (0, 2)
    assert found[("footer", "foot")] == (2, 3)
    for i, element in enumerate(page.elements):
        assert element.parent < i
        if element.parent >= 0:
            parent = page.elements[element.parent]
            assert parent.first <= element.first < element.last <= parent.last
    for i, b in enumerate(page.blocks):
        assert page.elements[b.element].first <= i < page.elements[b.element].last


def test_noscript_is_read_only_where_there_is_little_else():
    hidden = "<noscript><p>Please enable scripts.</p></noscript>"
    assert [b.text for b in html_page(hidden).blocks] == ["Please enable scripts."]
    assert all("enable" not in b.text for b in html_page(hidden + "<p>Long enough prose. </p>" * 30).blocks)


def test_deep_nesting_is_walked_without_recursion():
    page = html_page("<div>" * 3000 + "deep" + "</div>" * 3000)
    assert [b.text for b in page.blocks] == ["deep"]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("entry-content", "entry content"),
        ("postBody_2 post", "post body"),
        ("css-1x a", "css"),
        ("", ""),
        ("NAV nav", "nav"),
    ],
)
def test_name_words(raw, words):
    assert name_words(raw) == words
