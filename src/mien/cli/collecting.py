"""Where the rows of a run go, image by image and frame by frame: into the journal and to standard output."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..io.journal import Journal, Mode
from ..io.rows import Row
from ..io.tables import JsonArray
from ..redaction import Privacy


@dataclass(frozen=True)
class Outputs:
    """Where the readings go.

    Attributes:
        as_json: a JSON array to standard output, in place of the table.
        out: a table file, or None.
        annotate: a folder for marked copies, the name of one marked video, or None.
        mode: what to do about an earlier run with the same ``out``.
        privacy: whose face may be seen, and whether any image may be.
    """

    as_json: bool
    out: Path | None
    annotate: Path | None
    mode: Mode
    privacy: Privacy = field(default_factory=Privacy)


class Collector:
    """Takes in the rows of sources, each known by its path however that was typed.

    Args:
        emotions: the label set of the run.
        video: the rows are those of videos.
        journal: keeps the rows, or None; what it holds from an earlier run is handed to ``array`` at once.
        array: shows the rows, or None.
    """

    def __init__(
        self, emotions: tuple[str, ...], video: bool, journal: Journal | None, array: JsonArray | None
    ) -> None:
        self.emotions, self.video = emotions, video
        self._journal, self._array = journal, array
        if journal and array:
            array.add(journal.rows())

    def is_done(self, path: Path) -> bool:
        """Whether an earlier run has read all of this source."""
        return self._journal is not None and key(path) in self._journal.done

    def add(self, path: str | Path, rows: Sequence[Row], part: int | None = None, note: str = "") -> None:
        """Keep rows of a source: all of them, or a part, known by a number; and what went wrong with it so far.

        No rows and no part say that all parts are there.
        """
        if self._journal and not (part is None and self.is_done(Path(path))):
            self._journal.write([(key(path) if part is None else f"{key(path)}#{part}", rows)], note)
        if self._array:
            self._array.add(rows)

    def parts(self, path: Path) -> Iterator[Row]:
        """The rows of all parts of a source that an earlier run has kept, in order."""
        for _, rows, _ in self._entries(path):
            yield from rows

    def note(self, path: Path) -> str:
        """What went wrong with a source in an earlier run; "" where nothing did."""
        return next((note for _, _, note in reversed(list(self._entries(path))) if note), "")

    def _entries(self, path: Path) -> Iterator[tuple[str, list[Row], str]]:
        if self._journal:
            for name, rows, note in self._journal.entries():
                source, _, part = name.rpartition("#")
                if name == key(path) or (source == key(path) and part.isdecimal()):
                    yield name, rows, note


def key(path: Path | str) -> str:
    """What a source is known by, however its path was typed."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would take a link and what it points to for one source
