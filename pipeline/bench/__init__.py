"""bench: this cleaner beside other tools, and what each stage costs. Nothing here is imported at run time."""

from __future__ import annotations
