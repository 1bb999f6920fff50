"""What a page costs grows with its blocks, not with their square."""

import time

import pytest

from pipeline.clean import clean
from pipeline.model_store import SHIPPED
from pipeline.parse import parse
from pipeline.records import RawPage
from pipeline.shard import load_models, tag_article

SENTENCE = "Swelling of the foot may come from long flights and salt; rest and cold water help most people, number {}."
PAGES_OF = {
    "flat": lambda n: "<h1>Feet</h1>" + "".join(f"<p class=x{i % 5}>{SENTENCE.format(i)}</p>" for i in range(n)),
    "deep": lambda n: "".join(f"<div class=c{i % 7}><p>{SENTENCE.format(i)}</p>" for i in range(n)),
    "items": lambda n: "<ul>" + "".join(f"<li><a href=x>Item {i}</a>" for i in range(n)) + "</ul>",
    "dump": lambda n: "\n\n".join(map(SENTENCE.format, range(n))),
}


@pytest.mark.parametrize("shape", PAGES_OF)
def test_a_page_costs_in_proportion_to_its_blocks(shape):
    """Ten times the blocks, at most twenty times the time: what is quadratic would take a hundred times as much."""
    models = load_models((SHIPPED / "cleaner", SHIPPED / "tagger"))

    def cost(blocks: int) -> float:
        content = PAGES_OF[shape](blocks)
        times = []
        for _ in range(3):
            started = time.process_time()
            page = parse(RawPage("page", "test", content, shape != "dump"))
            tag_article(clean(page, models.cleaner), models.tagger)
            times.append(time.process_time() - started)
        return min(times)

    cost(10)  # what is loaded once
    assert cost(2500) < 20 * cost(250)
