"""How far readers agree: kappa and F1 of every tag, for every two who read the same passages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from pipeline.label.store import Answer, by_passage


class Agreement(NamedTuple):
    """Two readers and one tag."""

    readers: tuple[str, str]
    tag: str
    passages: int  # that both have read
    both: int  # to which both gave the tag
    one: int  # to which the first gave it
    other: int  # to which the second gave it

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: 1 for full agreement, 0 for that of chance; None where neither or both say it of all."""
        n = self.passages
        seen = (n - self.one - self.other + 2 * self.both) / n
        chance = (self.one * self.other + (n - self.one) * (n - self.other)) / n**2
        return None if chance == 1 else (seen - chance) / (1 - chance)

    @property
    def f1(self) -> float | None:
        """F1 of one against the other, whichever is taken for the truth; None where neither gave the tag."""
        return 2 * self.both / (self.one + self.other) if self.one + self.other else None


def agreements(answers: Iterable[Answer], names: Sequence[str]) -> list[Agreement]:
    """Every two readers with passages in common, tag by tag: of those that both were asked about."""
    shared: dict[tuple[str, str], list[tuple[Answer, Answer]]] = defaultdict(list)
    for of_readers in by_passage(answers).values():
        for one, other in combinations(sorted(of_readers, key=lambda answer: answer.reader), 2):
            shared[one.reader, other.reader].append((one, other))
    found = []
    for readers, pairs in sorted(shared.items()):
        for tag in names:
            carried = [
                (tag in one.tags, tag in other.tags)
                for one, other in pairs
                if all(tag in answer.asked or not answer.asked for answer in (one, other))
            ]
            if carried:
                both, first, second = sum(map(all, carried)), sum(a for a, _ in carried), sum(b for _, b in carried)
                found.append(Agreement(readers, tag, len(carried), both, first, second))
    return found


def agreement_table(found: Sequence[Agreement]) -> str:
    """The agreements for people."""
    lines = [f"{'readers':28} {'passages':>8}  {'tag':16} {'kappa':>6} {'F1':>6}"]
    for a in found:
        kappa, f1 = ("–" if value is None else f"{value:.3f}" for value in (a.kappa, a.f1))
        lines.append(f"{' / '.join(a.readers):28} {a.passages:8}  {a.tag:16} {kappa:>6} {f1:>6}")
    return "\n".join(lines)
