"""label: from a run to passages worth labelling, from readers' answers to `data/labels/`, and from there to texts.

run --draw--> tasks --readers--> answers --import_--> data/labels/*.jsonl --attach--> labelled articles
"""

from pipeline.label.sketch import sketch
from pipeline.label.store import Answer, LabelError, LabelName, read_answers, read_label_names, read_labels
from pipeline.write import text_hash

__all__ = [
    "Answer",
    "LabelError",
    "LabelName",
    "read_answers",
    "read_label_names",
    "read_labels",
    "sketch",
    "text_hash",
]
