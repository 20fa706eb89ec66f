"""The partial file of a long run, which makes it possible to interrupt and resume it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

from ..errors import MienError, OptionError, OutputError
from .atomic import check_new, writing_to
from .tables import SCHEMA_VERSION, ListSeparator, Row, check_format, write_table

Mode = Literal["new", "resume", "overwrite"]


class Journal:
    """Collects rows in ``<out>.partial`` until the table can be written; use ``Journal.open`` as a context.

    The partial file holds JSON lines: a header (schema, columns, settings), then one line per source with all its rows. When
    the ``with`` block ends normally, the table is written and the partial file removed; after an exception, Ctrl-C included,
    it is kept and the table is not touched.

    Attributes:
        done: the sources whose rows are written.
        finished: the table is complete; ``write`` is refused.
    """

    def __init__(self, out: Path, columns: tuple[str, ...], *, excel: ListSeparator | None = None) -> None:
        self.out, self.path, self._columns, self._excel = out, partial_path(out), columns, excel
        self.done: set[str] = set()
        self.finished = False
        self._file: BinaryIO | None = None

    @classmethod
    def open(
        cls,
        out: Path,
        columns: tuple[str, ...],
        settings: Mapping[str, Any],
        mode: Mode = "new",
        *,
        excel: ListSeparator | None = None,
    ) -> Journal:
        """Start or resume a run.

        Args:
            out: the table, ``.csv``, ``.jsonl`` or ``.parquet``; its folder is made if need be.
            columns: names of the columns, from ``rows.columns``.
            settings: what the rows depend on, as JSON values: a run is only resumed with the same settings.
            mode: ``"new"`` requires that neither the table nor a partial file exists. ``"overwrite"`` replaces the table,
                but not an unfinished run. ``"resume"`` continues the partial file; without one it starts a run, or is
                ``finished`` if the table exists.
            excel: separator of a CSV file for Excel.

        Raises:
            OptionError: the format is unknown; or the run to resume had other columns or settings.
            OutputError: a file is in the way or is not a journal, or the place cannot be written to.
        """
        check_format(out, excel=excel)
        journal = cls(out, columns, excel=excel)
        _check_nothing_in_the_way(out, mode)
        if mode == "resume" and out.exists() and not journal.path.exists():
            journal.finished = True
            return journal
        header = {"schema": SCHEMA_VERSION, "columns": list(columns), "settings": dict(settings)}
        with writing_to(journal.path):
            out.parent.mkdir(parents=True, exist_ok=True)
            journal._start(json.loads(json.dumps(header)), mode)
        return journal

    def write(self, batch: Iterable[tuple[str, Sequence[Row]]], note: str = "") -> None:
        """Add sources with their rows and a note. They are on the disk when this returns; each source is accepted once."""
        if self._file is None:
            raise OptionError(f"{self.out} takes no more rows: its journal is closed", path=self.out)
        lines = []
        for source, rows in batch:
            if source in self.done:
                raise OptionError(f"{source} is in the table already", hint="Leave out the sources in done.")
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
            with suppress(OSError):  # the original error matters more than a failing close
                file.close()
                if not self.done and issubclass(kind, MienError):  # nothing was read, and nothing would be
                    self.path.unlink()
            return
        with writing_to(self.path):
            file.close()
        write_table(self.out, self._columns, (row for _, rows, _ in self.entries() for row in rows), excel=self._excel)
        with writing_to(self.path):
            self.path.unlink()
        self.finished = True

    def _start(self, header: dict[str, Any], mode: Mode) -> None:
        # "x": of two runs with the same output only one can start
        self._file = self.path.open("r+b" if mode == "resume" and self.path.exists() else "x+b")
        with ExitStack() as on_failure:
            on_failure.callback(self._file.close)
            first = self._file.readline()
            if first.endswith(b"\n"):
                _compare(first, header, self.path)
                self._drop_torn_end(self._file)
            else:  # new, or stopped before its header was complete
                self._file.truncate(0)
                self._file.seek(0)
                self._append(_line(header))
            on_failure.pop_all()

    def _drop_torn_end(self, file: BinaryIO) -> None:
        """Keep the lines up to the first incomplete one, as a crash may leave at the end."""
        end = file.tell()
        for line in file:
            entry = _parsed(line, {"source", "rows"})
            if entry is None:
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

    def entries(self) -> Iterator[tuple[str, list[Row], str]]:
        """Yield each source written so far, including those of earlier runs, with its rows and note."""
        with self.path.open("rb") as file:
            next(file)
            for line in file:
                entry = json.loads(line)
                yield entry["source"], entry["rows"], entry.get("note", "")


def partial_path(out: Path) -> Path:
    """Return the journal's file for the table ``out``."""
    return out.with_name(out.name + ".partial")


def _check_nothing_in_the_way(out: Path, mode: Mode) -> None:
    partial = partial_path(out)
    for path in (out, partial):
        if path.is_dir():
            raise OutputError(f"{path} is a folder, expected a file name", hint="Name a file.", path=path)
    if mode != "resume" and partial.exists():
        message = f"{partial} exists: an earlier run is not finished"
        raise OutputError(message, hint="Continue it with --resume, or delete the file to start again.", path=partial)
    check_new(out, overwrite=mode != "new")


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, allow_nan=False).encode() + b"\n"


def _parsed(line: bytes, keys: set[str]) -> dict[str, Any] | None:
    """Return the entry of a complete line with ``keys``, else None."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and keys <= entry.keys() else None


def _compare(first: bytes, new: dict[str, Any], path: Path) -> None:
    old = _parsed(first, {"schema", "columns", "settings"})
    if old is None:
        raise OutputError(f"{path} is not a journal of mien", hint="Move it away or delete it.", path=path)
    before, now = ({"schema": one["schema"], "columns": one["columns"], **one["settings"]} for one in (old, new))
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if changed:
        changes = "; ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in changed)
        message = f"cannot resume the run with other settings: {changes}"
        hint = "Resume with the old settings, or delete the .partial file to start again."
        raise OptionError(message, hint=hint, path=path, field=changed[0], value=now.get(changed[0]))
