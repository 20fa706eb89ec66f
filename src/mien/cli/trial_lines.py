"""What is shown of a search's trials: one line each while they come and go, and a table of the best."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..lab.evaluate.scores import wilson
from ..lab.tune.plan import Epoch
from ..lab.tune.results import Event, Row, ranked
from ..lab.tune.space import Choices, Space

#: Trials in the table of the best.
_SHOWN = 10


class TrialLines:
    """Prints one aligned line for each trial, readable in a terminal, a pipe and a log file.

    Args:
        space: what varies.
    """

    def __init__(self, space: Space) -> None:

        self._space, self._headed = space, False
        self._console = Console(soft_wrap=True, highlight=False)
        self._short = short_values(space)
        self._titles = dict(zip(space.ways, short_names(list(space.ways))))
        self._widths = {
            path: max(9, len(title), *(len(text) for text in self._short[path].values()))
            for path, title in self._titles.items()
        }

    def show(self, event: Event) -> dict[str, Any]:
        """Print the end of a trial; gives what a progress bar shall show."""
        if isinstance(event, Epoch):
            return {
                "description": f"trial {event.trial}, epoch {event.epoch}", "completed": event.epoch, "total": event.epochs,
            }  # fmt: skip
        if not self._headed:
            titles = [f"{title:>{self._widths[path]}}" for path, title in self._titles.items()]
            heads = (f"{name:>8}" for name in ("trial", "score", "loss", "epochs", "seconds"))
            self._console.print("  ".join([*heads, *titles, "state"]), style="bold", markup=False)
            self._headed = True
        cells = [f"{cell:>8}" for cell in (event.number, *measured(event), event.epochs, f"{event.seconds:.1f}")]
        values = [f"{self.value(event, path):>{width}}" for path, width in self._widths.items()]
        state = f"{event.state}: {event.why}" if event.why else event.state
        self._console.print("  ".join([*cells, *values, state]), markup=False)
        return {}

    def value(self, row: Row, path: str) -> str:
        """A trial's value of a field, in few characters."""
        value = row.values.get(path, "")
        return self._short[path].get(_key(value)) or (f"{value:.3g}" if isinstance(value, float) else str(value))

    def table(self, rows: Sequence[Row], judged: Mapping[str, int]) -> Table:
        """The best of the finished trials, with 95 % intervals where one head is judged."""
        n = next(iter(judged.values())) if len(judged) == 1 else 0
        count = f"{n:,}" if n else " and ".join(f"{name}: {images:,}" for name, images in judged.items())
        table = Table(title=f"The best trials, on {count} training images set aside", title_justify="left")
        for title in ("trial", "score", *(["95 % interval"] if n else []), "loss", "epochs", "seconds"):
            table.add_column(title, justify="right")
        for title in self._titles.values():
            table.add_column(title, justify="right", overflow="fold")
        for row in ranked(rows, self._space)[:_SHOWN]:
            score, loss = measured(row)
            ends = wilson(round((row.score or 0.0) * n), n) if n else ()
            between = [f"{100 * ends[0]:.1f} - {100 * ends[1]:.1f} %"] if ends else []
            values = (self.value(row, path) for path in self._titles)
            table.add_row(str(row.number), score, *between, loss, str(row.epochs), f"{row.seconds:.1f}", *values)
        return table


def measured(row: Row) -> tuple[str, str]:
    """Score and loss in words; empty where there are none."""
    return (
        "" if row.score is None else f"{100 * row.score:.2f} %",
        "" if row.loss is None else f"{row.loss:.4f}",
    )


def short_names(paths: Sequence[str]) -> list[str]:
    """Fields in as few of their last words as tell them apart."""

    def ending(path: str, words: int) -> str:
        return ".".join(path.split(".")[-words:])

    def needed(path: str) -> int:
        words = 2 if path.rpartition(".")[2].isdigit() else 1
        while words < path.count(".") + 1 and sum(ending(other, words) == ending(path, words) for other in paths) > 1:
            words += 1
        return words

    return [ending(path, needed(path)) for path in paths]


def short_values(space: Space) -> dict[str, dict[str, str]]:
    """For each field with choices, what to show for each: of texts, only the words in which they differ."""
    found: dict[str, dict[str, str]] = {}
    for path, way in space.ways.items():
        found[path] = {}
        values = way.values if isinstance(way, Choices) else ()
        if len(values) > 1 and all(isinstance(value, str) for value in values):
            texts = [value.split() for value in values]
            least = min(map(len, texts))
            start = next((i for i in range(least) if len({text[i] for text in texts}) > 1), 0)
            end = next((i for i in range(least - start) if len({text[-1 - i] for text in texts}) > 1), 0)
            found[path] = {_key(value): " ".join(text[start : len(text) - end]) for value, text in zip(values, texts)}
    return found


def _key(value: Any) -> str:
    return json.dumps(value)
