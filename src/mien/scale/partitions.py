"""Partitions of a run: the plan, the reader of one partition, and its files."""

from __future__ import annotations

import importlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import SourceError
from ..extras import require
from ..io.tables import SCHEMA_VERSION, Row, rows, write_parquet
from ..options import ReadOptions
from ..reader import Reader, overlapped, read_images
from ..types import Frame
from .storage import Store, path_of, read_bytes, scheme_of

RUN, LISTING = "_run.json", "_listing.parquet"
ROWS, ERRORS = "rows", "errors"
#: Columns of the table of errors, all of them text.
ERROR_COLUMNS = ("source", "error", "message", "hint")
#: Seconds to decode an image in.
_IMAGE_TIMEOUT_S = 60.0
#: Files fetched from object storage at the same time, which hides its latency.
_FETCHES = 16

OnError: TypeAlias = Callable[[str, SourceError], None]


@dataclass(frozen=True)
class Plan:
    """What all workers of a run know.

    Attributes:
        out: the folder or URL of the results.
        folder: where relative paths start.
        options: how to read.
        columns: names of the table's columns.
        settings: what the rows depend on, JSON values; they are in the metadata of each partition.
        listing: SHA-256 of the list of sources.
        partitions: their number; partition ``i`` reads row group ``i`` of the listing.
        timeout_s: time limit for decoding an image, in seconds.
    """

    out: str
    folder: str
    options: ReadOptions
    columns: tuple[str, ...]
    settings: dict[str, Any]
    listing: str
    partitions: int
    timeout_s: float | None = None

    def header(self) -> dict[str, Any]:
        """What identifies the run: it is resumed only with the same."""
        return {"schema": SCHEMA_VERSION, "columns": list(self.columns), **self.settings, "listing": self.listing}


@dataclass(frozen=True)
class PartitionSummary:
    """What was read in one partition; ``peak_bytes`` is the largest memory of its worker so far, 0 if unknown."""

    partition: int
    images: int
    faces: int
    errors: int
    seconds: float
    peak_bytes: int


class PartitionReader:
    """Reads partitions: the stateful worker of a cluster. It loads its models once.

    Reading a partition again replaces its files with the same content, so a repeated task neither loses nor doubles a row.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._store = plan, Store(plan.out)
        self._reader = Reader(plan.options)

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Read the partition ``item["partition"]``, and return its ``PartitionSummary`` as a row."""
        return vars(self.read(int(item["partition"])))

    def read(self, partition: int) -> PartitionSummary:
        """Read a partition and write its files; ``OutputError`` if they cannot be written."""
        started = time.perf_counter()
        failures: list[dict[str, str]] = []
        found: list[Row] = []
        images = faces = 0
        frames = self._frames(self._sources(partition), lambda name, error: failures.append(_failure(name, error)))
        for frame, readings in self._reader.read_frames(frames):
            found += rows(frame, readings, self._reader.emotions)
            images += 1
            faces += len(readings)
        self._write(partition, found, failures)
        return PartitionSummary(partition, images, faces, len(failures), time.perf_counter() - started, _peak_bytes())

    def _sources(self, partition: int) -> list[str]:
        with self._store.open(LISTING) as file:
            group = require("pyarrow.parquet", "ray").ParquetFile(file).read_row_group(partition)
            names: list[str] = group.column("source").to_pylist()
            return names

    def _frames(self, names: Sequence[str], on_error: OnError) -> Iterator[Frame]:
        """Decode images one after the other; each frame has the name of its source as it is listed."""
        current = ""

        def contents() -> Iterator[Path | _Fetched]:
            nonlocal current
            for name, content in overlapped(self._content, names, _FETCHES):
                current = name
                if isinstance(content, SourceError):
                    on_error(name, content)
                else:
                    yield content

        plan = self._plan
        frames = read_images(
            contents(),
            lambda _source, error: on_error(current, error),
            max_megapixels=plan.options.max_megapixels,
            timeout_s=_IMAGE_TIMEOUT_S if plan.timeout_s is None else plan.timeout_s,
            reduced=self._reader.reduces,
        )
        for frame in frames:
            yield replace(frame, name=current)

    def _content(self, name: str) -> tuple[str, Path | _Fetched | SourceError]:
        if not scheme_of(name):
            return name, Path(self._plan.folder, path_of(name))
        try:
            return name, _Fetched(read_bytes(name), name)
        except SourceError as error:
            return name, error

    def _write(self, partition: int, found: Sequence[Row], failures: Sequence[dict[str, str]]) -> None:
        # The table of rows is last: where it is, the partition is complete
        name = part_name(partition)
        if failures:
            self._store.write(f"{ERRORS}/{name}", _error_table(failures))
        else:
            self._store.remove([f"{ERRORS}/{name}"])  # an earlier attempt may have had some
        metadata = {"mien_run": json.dumps(self._plan.header()), "mien_partition": str(partition)}
        file = io.BytesIO()
        write_parquet(file, self._plan.columns, found, metadata=metadata)
        self._store.write(f"{ROWS}/{name}", file.getvalue())


class _Fetched(io.BytesIO):
    """The content of a URL, as an open file with its name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.filename = name


def part_name(partition: int) -> str:
    """The file name of a partition."""
    return f"part-{partition:06}.parquet"


def listing_table(names: Sequence[str], size: int) -> bytes:
    """The list of sources as a parquet file with a row group for each partition of ``size`` sources."""
    pa, parquet = require("pyarrow", "ray"), require("pyarrow.parquet", "ray")
    file = io.BytesIO()
    table = pa.table({"source": pa.array(names, pa.string())})
    parquet.write_table(table, file, compression="zstd", row_group_size=size)
    return file.getvalue()


@dataclass(frozen=True)
class Part:
    """The metadata of a partition's file: what identifies the run that wrote it."""

    header: dict[str, Any]


def read_part(store: Store, partition: int) -> Part | None:
    """The metadata of a complete partition; None if there is none, or another program's file or a damaged one."""
    pa, parquet = require("pyarrow", "ray"), require("pyarrow.parquet", "ray")
    try:
        with store.open(f"{ROWS}/{part_name(partition)}") as file:
            metadata = parquet.read_schema(file).metadata or {}
        return Part(json.loads(metadata[b"mien_run"]))
    except (pa.ArrowException, OSError, KeyError, ValueError):
        return None


def _error_table(failures: Sequence[dict[str, str]]) -> bytes:
    pa, parquet = require("pyarrow", "ray"), require("pyarrow.parquet", "ray")
    schema = pa.schema([pa.field(name, pa.string()) for name in ERROR_COLUMNS])
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(failures), schema=schema), file, compression="zstd")
    return file.getvalue()


def _failure(name: str, error: SourceError) -> dict[str, str]:
    return dict(zip(ERROR_COLUMNS, (name, type(error).__name__, str(error), error.hint)))


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    resource = importlib.import_module("resource")
    peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else 1024 * peak  # Linux counts in KiB
