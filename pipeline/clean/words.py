"""The word model: a logistic regression over the tokens of a block (see `tokens.block_tokens`).

While cleaning no token is ever spelled out: the weights lie by the role that a word plays (in the block, at its
beginning or end, in the heading above ...), and are looked up by the word itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np

from pipeline.clean.tokens import HEADING_WORDS, WHOLE_MAX_CHARS, label_of, shape_of, shape_tokens
from pipeline.records import ParsedPage

#: So many shapes are remembered.
_MAX_SHAPES = 1 << 16


class Roles(NamedTuple):
    """Weights by what the word stands for: `block_tokens` marks it by these signs."""

    inside: dict[str, float]  # and all other tokens, as they are
    heading: dict[str, float]  # <word
    first: dict[str, float]  # ^word, and two words joined by a blank
    last: dict[str, float]  # word$
    whole: dict[str, float]  # =all words of the text


class Words:
    """The fitted model.

    Parameters
    ----------
    weights : mapping of str to float
        By token.
    bias : float
    """

    def __init__(self, weights: Mapping[str, float], bias: float) -> None:
        self.weights, self.bias = weights, bias
        self._shapes: dict[tuple[str, str, int, int, str], float] = {}

    def of_tokens(self, tokens: Sequence[Sequence[str]]) -> np.ndarray:
        """Logits of blocks whose tokens are given, shape (n_blocks,)."""
        get = self.weights.get
        return np.array([self.bias + sum([get(token, 0.0) for token in row]) for row in tokens])

    def of_page(self, page: ParsedPage, words: Sequence[Sequence[str]], above: Sequence[int]) -> np.ndarray:
        """The logits that `of_tokens` gives for the page's `tokens.page_tokens`, up to rounding.

        Parameters
        ----------
        page : ParsedPage
        words : sequence of sequences of str, length n_blocks
            From `tokens.page_words`.
        above : sequence of int, length n_blocks
            From `tokens.headings_above`.
        """
        inside, heading, first, last, whole = (role.get for role in self._roles)
        tags = [element.tag for element in page.elements]
        under: dict[int, float] = {-1: self.bias}
        none, shapes = repeat(0.0), self._shapes
        logits = []
        for block, held, over in zip(page.blocks, words, above, strict=True):
            logit = under.get(over)
            if logit is None:
                logit = under[over] = self.bias + sum(map(heading, words[over][:HEADING_WORDS], none))
            shape = shape_of(block, tags[block.element])
            logit += shapes[shape] if shape in shapes else self._shape(shape)
            if held:
                opening = held[0]
                logit += sum(map(inside, dict.fromkeys(held), none)) + first(opening, 0.0) + last(held[-1], 0.0)
                logit += first(f"{opening} {held[1]}" if len(held) > 1 else opening, 0.0)
                if len(block.text) <= WHOLE_MAX_CHARS:
                    logit += whole(" ".join(held), 0.0)
            if block.span and (label := label_of(block.text)):
                logit += inside(label, 0.0)
            logits.append(logit)
        return np.array(logits)

    def _shape(self, shape: tuple[str, str, int, int, str]) -> float:
        """What the tokens weigh that tell a block's shape; there are not many, so each is spelled out once."""
        if len(self._shapes) == _MAX_SHAPES:
            self._shapes.clear()
        return self._shapes.setdefault(shape, sum(self.weights.get(token, 0.0) for token in shape_tokens(*shape)))

    @cached_property
    def _roles(self) -> Roles:
        roles = Roles({}, {}, {}, {}, {})
        marked = {"<": roles.heading, "^": roles.first, "=": roles.whole}
        for token, weight in self.weights.items():
            if token[0] in marked:
                marked[token[0]][token[1:]] = weight
            elif token[-1] == "$":
                roles.last[token[:-1]] = weight
            else:
                roles.inside[token] = weight
        return roles
