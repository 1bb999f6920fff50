"""Plots of the notebooks, in the colours of Okabe and Ito, which the colour-blind can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

#: Of the labels, in their order.
COLOURS = ("#D55E00", "#009E73", "#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
PLAIN, PALE = "#0072B2", "#999999"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def bars(values: pd.Series, what: str, title: str) -> None:
    """One bar a row, the longest on top; `what` is the unit."""
    axes = values.sort_values().plot.barh(color=PLAIN, figsize=(8, 0.4 + 0.32 * len(values)))
    _finish(axes, what, title)


def stacked(table: pd.DataFrame, what: str, title: str) -> None:
    """One bar a row, in parts of a colour each."""
    colours: list[Any] = [colour for _, colour in zip(table.columns, cycle(COLOURS), strict=False)]
    axes = table.plot.barh(stacked=True, color=colours, edgecolor="white", figsize=(8, 0.8 + 0.4 * len(table)))
    axes.legend(loc="lower right", frameon=False)
    _finish(axes, what, title)


def histogram(values: pd.Series, what: str, counted: str, title: str) -> None:
    """How often values from 0 to 1 come."""
    axes = values.plot.hist(bins=20, range=(0, 1), color=PLAIN, edgecolor="white", figsize=(8, 3))
    axes.set_ylabel(counted)
    _finish(axes, what, title, keep_y=True)


def grouped(table: pd.DataFrame, what: str, title: str) -> None:
    """Bars side by side: a group a row, a colour a column, with the value on each."""
    colours: list[Any] = [PALE, "#56B4E9", PLAIN, "#E69F00", "#CC79A7"][: len(table.columns)]
    axes = table.plot.bar(color=colours, rot=0, figsize=(8, 3.6), width=0.8)
    for container in axes.containers:
        axes.bar_label(container, fmt="%.2f", fontsize=8)  # type: ignore[arg-type]
    axes.set_ylim(0, 1.12)
    axes.set_ylabel(what)
    axes.legend(loc="upper center", ncol=len(table.columns), frameon=False, fontsize=9)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    plt.show()


def reliability_plot(tables: Mapping[str, pd.DataFrame], title: str) -> None:
    """Probability against share carried, a line a label; on the diagonal, a probability means what it says."""
    _, axes = plt.subplots(figsize=(5, 4.6))
    axes.plot([0, 1], [0, 1], color=PALE, linestyle="--", label="as it should be")
    for (label, table), marker, colour in zip(tables.items(), cycle(MARKERS), cycle(COLOURS), strict=False):
        axes.plot(table["probability"], table["carried"], marker=marker, color=colour, label=label)
    axes.set_ylabel("share of passages that carry the tag")
    axes.legend(frameon=False)
    _finish(axes, "mean probability of a bin", title, keep_y=True)


def curve(table: pd.DataFrame, what: str, title: str) -> None:
    """A line a tag over the index, shares drawn to a logarithmic scale."""
    _, axes = plt.subplots(figsize=(6, 3.8))
    for (name, values), marker, colour in zip(table.items(), cycle(MARKERS), cycle(COLOURS), strict=False):
        axes.plot(values.index, values, marker=marker, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xticks(list(table.index), [f"{share:.0%}" for share in table.index])
    axes.set_ylim(0, 1)
    axes.set_ylabel(what)
    axes.legend(frameon=False)
    _finish(axes, str(table.index.name), title, keep_y=True)


def confusion_plot(counts: pd.DataFrame, title: str) -> None:
    """A square of counts, darker for more."""
    _, axes = plt.subplots(figsize=(5.4, 4.2))
    axes.imshow(counts, cmap="cividis_r")
    names = [str(name) for name in counts.columns]
    axes.set_xticks(range(len(names)), names, rotation=20)
    axes.set_yticks(range(len(names)), names)
    numbers = counts.to_numpy(int)
    middle = numbers.max() / 2
    for row in range(len(names)):
        for column in range(len(names)):
            value = numbers[row, column]
            axes.text(column, row, str(value), ha="center", va="center", color="white" if value > middle else "black")
    axes.set_ylabel("first tag by a person (passages)")
    axes.set_xlabel("first tag by the model (passages)")
    axes.set_title(title)
    plt.show()


def _finish(axes: plt.Axes, what: str, title: str, keep_y: bool = False) -> None:
    axes.set_xlabel(what)
    if not keep_y:
        axes.set_ylabel("")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    plt.show()
