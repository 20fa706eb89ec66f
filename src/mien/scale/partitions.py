"""Partitions of a run: the plan, the reader of one partition, and its files."""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from .. import __version__
from ..errors import MienError, OptionError, OutputError, SourceError
from ..extras import require
from ..io.limits import DECODE_S
from ..io.tables import SCHEMA_VERSION, Row, rows, write_parquet
from ..io.video import Video
from ..options import ReadOptions
from ..reader import Reader, overlapped, read_images
from ..redaction import Privacy
from ..types import Frame, table_text
from ..video import reader_for
from .storage import Store, local_file, path_of, read_bytes, scheme_of
from .videos import Segment, read_segment, segment_from_bytes, stitch

RUN, LISTING = "_run.json", "_listing.parquet"
ROWS, ERRORS, SEGMENTS = "rows", "errors", "segments"
#: What the names of all files in these folders begin with.
PART = "part-"
#: Columns of the table of errors, all of them text.
ERROR_COLUMNS = ("source", "error", "message", "hint")
#: Files fetched from object storage at the same time, which hides its latency.
_FETCHES = 16

OnError: TypeAlias = Callable[[str, SourceError], None]


class Task(NamedTuple):
    """What a worker does at a time: read a partition, or one segment of its video."""

    partition: int
    segment: int | None = None


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
        partitions: their number; partition ``i`` reads row group ``i`` of the listing. The last ones hold a video each.
        timeout_s: time limit for decoding an image, in seconds.
        interval_s: in videos, sample one frame per interval, in seconds.
        segments: for each video, the number of its segments.
    """

    out: str
    folder: str
    options: ReadOptions
    columns: tuple[str, ...]
    settings: dict[str, Any]
    listing: str
    partitions: int
    timeout_s: float | None = None
    interval_s: float = 0.0
    segments: tuple[int, ...] = ()

    def segments_of(self, partition: int) -> int | None:
        """The number of segments of a partition's video; None for images."""
        video = partition - (self.partitions - len(self.segments))
        return self.segments[video] if video >= 0 else None

    def header(self) -> dict[str, Any]:
        """What identifies the run: it is resumed only with the same."""
        return {"schema": SCHEMA_VERSION, "columns": list(self.columns), **self.settings, "listing": self.listing}


@dataclass(frozen=True)
class PartitionSummary:
    """What was done in one task; ``peak_bytes`` is the largest memory of its worker so far, 0 if unknown.

    ``errors`` counts sources that could not be read, or (videos) only in part; ``done`` images and segments of videos.
    """

    partition: int
    images: int
    faces: int
    errors: int
    seconds: float
    peak_bytes: int
    videos: int = 0
    done: int = 0


class PartitionReader:
    """Reads partitions: the stateful worker of a cluster. It loads its models once.

    Reading a partition again replaces its files with the same content, so a repeated task neither loses nor doubles a row.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan, self._store = plan, Store(plan.out)
        self._video_readers: dict[int, Reader] = {}

    @cached_property
    def _reader(self) -> Reader:
        reader, settings = Reader(self._plan.options), self._plan.settings
        found, wanted = (reader.card.sha256, __version__), (settings["model"], settings["version"])
        if found != wanted:
            message = f"a worker has another model or version of mien: got {found}, expected {wanted}"
            raise OptionError(message, hint="Install the same on all nodes.", field="model", value=found[0])
        return reader

    def __call__(self, item: dict[str, Any]) -> dict[str, bytes]:
        """Do the ``Task`` with these fields (``segment`` -1 for none); the outcome is its summary or a ``MienError``."""
        segment = int(item["segment"])
        outcome: PartitionSummary | MienError
        try:
            outcome = self.do(Task(int(item["partition"]), segment if segment >= 0 else None))
        except MienError as error:  # Ray would print its own report of it
            outcome = error
        return {"outcome": pickle.dumps(outcome)}

    def do(self, task: Task) -> PartitionSummary:
        """Read a partition, or a segment, and write its files.

        Raises:
            OptionError: the model is not that of the run.
            OutputError: the files cannot be written, or another run has replaced this one.
        """
        if task.segment is not None:
            return self._read_segment(task.partition, task.segment)
        if self._plan.segments_of(task.partition) is not None:
            return self._read_video(task.partition)
        return self._read_images(task.partition)

    def _read_segment(self, partition: int, number: int) -> PartitionSummary:
        started = time.perf_counter()
        segment = self._segment(partition, number)
        self._store.write(segment_name(partition, number), segment.to_bytes())
        return PartitionSummary(partition, 0, 0, 0, time.perf_counter() - started, _peak_bytes(), done=1)

    def _segment(self, partition: int, number: int) -> Segment:
        (name,), count = self._sources(partition), self._plan.segments_of(partition) or 1
        options, header = self._plan.options, self._plan.header()
        try:
            with local_file(name, self._plan.folder) as path:
                limit = options.max_megapixels
                video = Video(
                    path,
                    interval_s=self._plan.interval_s,
                    max_megapixels=limit,
                    name=name,
                    timeout_s=self._plan.timeout_s,
                )
                height = video.facts.height
                if height not in self._video_readers:
                    self._video_readers = {height: reader_for(options, Privacy(), height)}
                return read_segment(video, self._video_readers[height], header, number, count)
        except SourceError as error:
            return Segment(header, problems=(str(error),))

    def _read_video(self, partition: int) -> PartitionSummary:
        """Track people through the segments of a video, which earlier tasks have read unless it has one only."""
        started = time.perf_counter()
        (name,), count = self._sources(partition), self._plan.segments_of(partition) or 1
        problems: dict[str, None] = {}
        read = faces = 0

        def segments() -> Iterator[Segment]:
            for number in range(count):
                segment = self._kept_segment(partition, number) if count > 1 else None
                segment = segment or self._segment(partition, number)
                problems.update(dict.fromkeys(segment.problems))
                yield segment

        def table() -> Iterator[Row]:
            nonlocal read, faces
            for frame, readings in stitch(name, segments()):
                yield from rows(frame, readings, self._reader.emotions, video=True)
                read, faces = 1, faces + len(readings)

        content = self._table(partition, table())
        failures = [_failure(name, SourceError(problem)) for problem in problems]
        self._write(partition, content, failures)
        if count > 1:
            self._store.remove([segment_name(partition, number) for number in range(count)])
        errors, alone = int(bool(failures)), int(count == 1)
        seconds = time.perf_counter() - started
        return PartitionSummary(partition, 0, faces, errors, seconds, _peak_bytes(), read, alone)

    def _kept_segment(self, partition: int, number: int) -> Segment | None:
        content = self._store.read(segment_name(partition, number))
        segment = segment_from_bytes(content, self._reader.emotions) if content else None
        return segment if segment and segment.run == self._plan.header() else None

    def _read_images(self, partition: int) -> PartitionSummary:
        started = time.perf_counter()
        failures: list[dict[str, str]] = []
        found: list[Row] = []
        images = faces = 0
        frames = self._frames(self._sources(partition), lambda name, error: failures.append(_failure(name, error)))
        for frame, readings in self._reader.read_frames(frames):
            found += rows(frame, readings, self._reader.emotions, video=bool(self._plan.segments))
            images += 1
            faces += len(readings)
        self._write(partition, self._table(partition, found), failures)
        seconds, done = time.perf_counter() - started, images + len(failures)
        return PartitionSummary(partition, images, faces, len(failures), seconds, _peak_bytes(), done=done)

    def _sources(self, partition: int) -> list[str]:
        pa, parquet = require("pyarrow", "ray"), require("pyarrow.parquet", "ray")
        try:
            with self._store.open(LISTING) as file:
                listing = parquet.ParquetFile(file)
                same = (listing.schema_arrow.metadata or {}).get(b"mien_listing") == self._plan.listing.encode()
                names = listing.read_row_group(partition).column("source").to_pylist() if same else []
        except (OSError, pa.ArrowException) as error:
            message = f"a worker cannot read {self._store.place(LISTING)}: {error}"
            hint = "All nodes must reach --out: use a shared folder or object storage."
            raise OutputError(message, hint=hint, path=str(self._store)) from error
        if not same:
            message = f"a run with other sources has replaced this one in {self._store}"
            raise OutputError(message, hint="Give each run its own --out.", path=str(self._store))
        return list(map(os.fsdecode, names))

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
            timeout_s=DECODE_S if plan.timeout_s is None else plan.timeout_s,
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

    def _table(self, partition: int, found: Iterable[Row]) -> bytes:
        metadata = {"mien_run": json.dumps(self._plan.header()), "mien_partition": str(partition)}
        file = io.BytesIO()
        write_parquet(file, self._plan.columns, found, metadata=metadata)
        return file.getvalue()

    def _write(self, partition: int, table: bytes, failures: Sequence[dict[str, str]]) -> None:
        # The table of rows is last: where it is, the partition is complete
        name = part_name(partition)
        if failures:
            self._store.write(f"{ERRORS}/{name}", _error_table(failures))
        else:
            self._store.remove([f"{ERRORS}/{name}"])  # an earlier attempt may have had some
        self._store.write(f"{ROWS}/{name}", table)


class _Fetched(io.BytesIO):
    """The content of a URL, as an open file with its name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.filename = name


def part_name(partition: int) -> str:
    """The file name of a partition."""
    return f"{PART}{partition:06}.parquet"


def segment_name(partition: int, segment: int) -> str:
    """The file of a segment, from the folder of results; it is removed once its video is complete."""
    return f"{SEGMENTS}/{PART}{partition:06}-{segment:05}.npz"


def listing_table(images: Sequence[str], videos: Sequence[str], size: int, digest: str) -> bytes:
    """The list of sources as a parquet file with a row group for each partition: ``size`` images, or one video.

    Names are bytes, because not all of them are UTF-8; ``digest`` is that of the plan.
    """
    pa, parquet = require("pyarrow", "ray"), require("pyarrow.parquet", "ray")
    file = io.BytesIO()
    schema = pa.schema([("source", pa.binary())], {"mien_listing": digest})
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for names, group in ((images, size), (videos, 1)):
            if names:
                writer.write_table(pa.table([list(map(os.fsencode, names))], schema), row_group_size=group)
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
    return dict(zip(ERROR_COLUMNS, map(table_text, (name, type(error).__name__, str(error), error.hint))))


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    resource = importlib.import_module("resource")
    peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else 1024 * peak  # Linux counts in KiB
