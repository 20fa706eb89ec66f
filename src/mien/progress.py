"""The one protocol by which long work reports progress."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A callback for long work; ``mien.cli.progress`` shows it as a bar."""

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        """Take note of progress: units done and in all (None if unknown), and what is being worked on."""


def no_progress(done: int, total: int | None, note: str = "") -> None:
    """Report nothing: the default of every ``progress`` argument."""
