"""What a run tells on the way, as lines on standard error: text for people, JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOGS = ("bar", "text", "json")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": when, "level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps(said | getattr(record, "fields", {}), ensure_ascii=False)


def start_log(kind: str) -> None:
    """Write what runs log from now on, as one of `LOGS` but the bar."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if kind == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("pipeline.run")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
