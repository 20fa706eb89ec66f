"""The file that a long run keeps as it goes, so that it can be interrupted and resumed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

from ..errors import MienError, OptionError, OutputError
from .atomic import writing_to
from .rows import SCHEMA_VERSION, Row
from .tables import check_format, write_table

Mode = Literal["new", "resume", "overwrite"]


class Journal:
    """Rows on their way to a table.

    They go to ``<out>.partial`` first: JSON lines, a header (schema, columns, settings) and then one line a source with
    all its rows. When the ``with`` block ends well, the table is made of it and it is removed; when the block ends with
    an exception, Ctrl-C included, it stays, and the table is neither made nor touched. ::

        with Journal.open(Path("results.csv"), columns(emotions), settings, "resume") as journal:
            for batch in batches(path for path in images if str(path) not in journal.done):
                journal.write((str(path), rows_of(path)) for path in batch)

    Attributes:
        out: the table.
        path: ``<out>.partial``.
        done: the sources whose rows are written.
        finished: the table is complete: nothing is left to do, and ``write`` refuses.
    """

    def __init__(self, out: Path, columns: tuple[str, ...]) -> None:
        """Use ``Journal.open``."""
        self.out = out
        self.path = partial_path(out)
        self.done: set[str] = set()
        self.finished = False
        self._columns = columns
        self._file: BinaryIO | None = None

    @classmethod
    def open(cls, out: Path, columns: tuple[str, ...], settings: Mapping[str, Any], mode: Mode = "new") -> Journal:
        """Begin a run, or go on with one.

        Args:
            out: the table, ``.csv``, ``.jsonl`` or ``.parquet``; its folder is made if need be.
            columns: names of the columns, as ``rows.columns`` gives them.
            settings: what the rows depend on, as JSON values: a run is only resumed with the same.
            mode: ``"new"`` wants neither the table nor a partial file to exist. ``"overwrite"`` will replace the table;
                an unfinished run still stops it. ``"resume"`` goes on with the partial file; without one it begins, or,
                where the table exists, is ``finished``.

        Raises:
            OptionError: the format is unknown; or the run to resume had other columns or settings.
            MissingExtraError: the format needs pyarrow, which is not installed.
            OutputError: a file is in the way or is no journal, or the place cannot be written to.
        """
        check_format(out)
        journal = cls(out, columns)
        _check_nothing_in_the_way(out, mode)
        if mode == "resume" and out.exists() and not journal.path.exists():
            journal.finished = True
            return journal
        header = {"schema": SCHEMA_VERSION, "columns": list(columns), "settings": dict(settings)}
        with writing_to(journal.path):
            out.parent.mkdir(parents=True, exist_ok=True)
            journal._begin_or_go_on(json.loads(json.dumps(header)), mode)
        return journal

    def write(self, batch: Iterable[tuple[str, Sequence[Row]]], note: str = "") -> None:
        """Add sources with their rows, and a word on them. They are on the disk when this returns.

        Raises:
            OptionError: a source is there already, or the run is finished.
            OutputError: the disk is full or gone; what was written before is kept.
        """
        if self._file is None:
            raise OptionError(f"{self.out} takes no more rows: its journal is closed", hint="Open a new journal.")
        lines = []
        for source, rows in batch:
            if source in self.done:
                raise OptionError(
                    f"{source} is in the table already", hint="Give each source once, and leave out those in done."
                )
            self.done.add(source)
            lines.append(_line({"source": source, "rows": list(rows), **({"note": note} if note else {})}))
        self._append(b"".join(lines))

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        if kind is not None:
            with suppress(OSError):  # the error on its way out says more than a failing close
                file.close()
                if not self.done and issubclass(kind, MienError):  # nothing was read, and nothing would be
                    self.path.unlink()
            return
        with writing_to(self.path):
            file.close()
        write_table(self.out, self._columns, self.rows())
        with writing_to(self.path):
            self.path.unlink()
        self.finished = True

    def _begin_or_go_on(self, header: dict[str, Any], mode: Mode) -> None:
        # "x" lets two runs with the same output not both begin
        self._file = self.path.open("r+b" if mode == "resume" and self.path.exists() else "x+b")
        with ExitStack() as on_failure:
            on_failure.callback(self._file.close)
            first = self._file.readline()
            if first.endswith(b"\n"):
                _compare(_parsed_header(first, self.path), header)
                self._drop_torn_end(self._file)
            else:  # new, or stopped before its header was whole
                self._file.truncate(0)
                self._file.seek(0)
                self._append(_line(header))
            on_failure.pop_all()

    def _drop_torn_end(self, file: BinaryIO) -> None:
        """Keep the lines up to the first that is cut off or unreadable, as a crash may leave at the end."""
        end = file.tell()
        for line in file:
            entry = _parsed(line)
            if entry is None or not {"source", "rows"} <= entry.keys():
                break
            self.done.add(entry["source"])
            end += len(line)
        file.truncate(end)
        file.seek(end)

    def _append(self, lines: bytes) -> None:
        if self._file is not None:
            with writing_to(self.path):
                self._file.write(lines)
                self._file.flush()
                os.fsync(self._file.fileno())

    def rows(self) -> Iterator[Row]:
        """The rows written so far, in earlier runs too."""
        for _, rows, _ in self.entries():
            yield from rows

    def entries(self) -> Iterator[tuple[str, list[Row], str]]:
        """Each source written so far, in earlier runs too, with its rows and the note on it."""
        with self.path.open("rb") as file:
            next(file)
            for line in file:
                entry = json.loads(line)
                yield entry["source"], entry["rows"], entry.get("note", "")


def partial_path(out: Path) -> Path:
    """The journal's file for the table ``out``."""
    return out.with_name(out.name + ".partial")


def _check_nothing_in_the_way(out: Path, mode: Mode) -> None:
    partial = partial_path(out)
    if out.is_dir() or partial.is_dir():
        raise OutputError(f"{out if out.is_dir() else partial} is a folder", hint="Name a file to write.")
    if mode != "resume" and partial.exists():
        raise OutputError(
            f"{partial} is there: an earlier run has not finished",
            hint="Go on with it with --resume, or delete it to begin anew.",
        )
    if mode == "new" and out.exists():
        raise OutputError(f"{out} exists", hint="Use --overwrite to replace it, or write elsewhere.")


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _parsed_header(line: bytes, path: Path) -> dict[str, Any]:
    header = _parsed(line)
    if header is None or not {"schema", "columns", "settings"} <= header.keys():
        raise OutputError(f"{path} is no journal of mien", hint="Move it away or delete it.")
    return header


def _compare(old: dict[str, Any], new: dict[str, Any]) -> None:
    changes = [f"{key}: {old[key]!r} then, {new[key]!r} now" for key in ("schema", "columns") if old[key] != new[key]]
    before, now = old["settings"], new["settings"]
    changes += [
        f"{key}: {before.get(key)!r} then, {now.get(key)!r} now"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]
    if changes:
        raise OptionError(
            "cannot resume the run with other settings: " + "; ".join(changes),
            hint="Resume with the old settings, or delete the .partial file to begin anew.",
        )
