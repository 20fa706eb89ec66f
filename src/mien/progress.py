"""How long work reports its progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work advances: steps done, steps in total (None where unknown), and a note."""

    def __call__(self, done: int, total: int | None, note: str = "") -> None: ...
