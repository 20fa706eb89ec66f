"""``read_dataset``: millions of images and hours of video into a partitioned table."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import OptionError, OutputError
from ..extras import check_installed
from ..io.journal import Mode
from ..io.tables import columns
from ..model.card import shipped_models
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import Reader, overlapped
from ..redaction import Privacy
from ..video import read_settings
from .engine import connected, run_tasks
from .listing import identity, is_video_name, list_sources
from .partitions import (
    ERRORS,
    LISTING,
    PART,
    ROWS,
    RUN,
    SEGMENTS,
    Plan,
    Task,
    listing_table,
    part_name,
    read_part,
    segment_name,
)
from .storage import Store, path_of, scheme_of
from .videos import count_segments

#: Most images in a partition: a lost worker repeats at most these, some 15 s of work.
MAX_PARTITION = 500
#: Fewer would cost more time for tasks and files than for images.
_MIN_PARTITION = 16
#: Videos whose headers are read at the same time.
_OPENED = 16
#: Least number of partitions of a large dataset, so that many workers have several each.
_PARTITIONS = 128


@dataclass(frozen=True)
class DatasetResult:
    """The result of ``read_dataset``.

    Attributes:
        out: the folder or URL of the results.
        images, videos, faces: number of images and videos read in this run, and of faces in them.
        errors: number of files that could not be read, or (videos) only in part, in this run; see ``<out>/errors``.
        partitions: number of partitions of the dataset.
        resumed: how many of them earlier runs had completed.
        peak_bytes: largest memory of a worker in bytes; 0 if unknown.
    """

    out: str
    images: int = 0
    faces: int = 0
    errors: int = 0
    partitions: int = 0
    resumed: int = 0
    peak_bytes: int = 0
    videos: int = 0


def read_dataset(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    options: ReadOptions | None = None,
    *,
    mode: Mode = "new",
    address: str | None = None,
    workers: int | None = None,
    recursive: bool = False,
    interval_s: float = 0.0,
    column: str | None = None,
    partition_size: int | None = None,
    timeout_s: float | None = None,
    progress: Progress = no_progress,
) -> DatasetResult:
    """Read images and videos on the workers of a Ray cluster into a partitioned parquet table.

    Unreadable files are skipped.

    ::

        result = mien.read_dataset("s3://bucket/photos", "s3://bucket/faces", address="auto")
        table = pandas.read_parquet("s3://bucket/faces/rows")

    A worker holds one reader and reads whole partitions. A partition's file appears completely or not at all, so a lost
    worker or node loses no row and doubles none. The rows are those of ``read_files``. Long videos are read in segments in
    parallel, and people are tracked once all segments have been read.

    Args:
        sources: files, folders and patterns, local or as URLs of fsspec (``s3://``, ``gs://``, ``az://``); and manifests,
            ``.csv`` or ``.parquet`` tables with a column of paths or URLs. All nodes must be able to read them.
        out: a folder that all nodes share, or a URL. It gets ``rows/part-*.parquet``, with the columns of ``read_files`` and
            the settings and hash of the model in the metadata; ``errors/part-*.parquet``, a row for each file that cannot be
            read; ``_listing.parquet`` and ``_run.json``.
        options: how to read; ``threads`` is ignored: each worker uses one processor core.
        mode: ``new``, ``overwrite``, or ``resume`` a run with the same sources and settings: complete partitions are kept.
        address: ``auto`` (the cluster that this machine belongs to) or ``HOST:PORT``; None starts Ray on this machine.
        workers: largest number of workers; None uses all cores of the cluster, or GPUs with ``device="cuda"``.
        recursive: include sub-folders.
        interval_s: in videos, sample one frame per interval, in seconds; 0 reads every frame.
        column: the column of manifests; None takes the first of ``path``, ``url``, ``file`` and similar names.
        partition_size: images in a partition; None chooses 16 to 500. Each video is a partition.
        timeout_s: stop decoding an image, or a segment of a video, after this time, in seconds. None gives up on an image
            after 60, on a video never.
        progress: called with the number of images, and of segments of videos, that are done.

    Raises:
        SourceError: there is nothing to read.
        OptionError: an option is out of range, the cluster cannot be reached, or the run to resume had other sources,
            settings or another model.
        OutputError: ``out`` holds a run and ``mode`` is ``new``, or it cannot be written to.
        MissingExtraError: Ray, or the package for a URL's scheme, is not installed.
    """
    check_installed(("ray", "pyarrow", "fsspec"), "ray")
    for name, value in (("workers", workers), ("partition_size", partition_size)):
        if value is not None and value < 1:
            raise OptionError(f"{name}: got {value}, expected at least 1", field=name, value=value)
    options = replace(options or ReadOptions(), threads=1)
    store = Store(out)
    before = _earlier_run(store, mode)
    names = list_sources([sources] if isinstance(sources, (str, Path)) else sources, recursive=recursive, column=column)
    images, videos = ([name for name in names if is_video_name(name) == moving] for moving in (False, True))
    if videos:
        check_installed(("av", "trackers"), "video")
    reader = Reader(options)
    settings = read_settings(options, reader, interval_s, Privacy())
    size = before["partition_size"] if before else partition_size or _suitable_size(len(images))
    plan = Plan(
        str(store), str(Path.cwd()), _with_absolute_paths(options), columns(reader.emotions, video=bool(videos)),
        json.loads(json.dumps(settings, default=str)), _digest(names), math.ceil(len(images) / size) + len(videos),
        timeout_s, interval_s, _segments(videos, interval_s, options),
    )  # fmt: skip
    del reader
    if before:
        _check_same(before["run"], plan.header(), store)
    todo = _todo(store, plan) if before else list(range(plan.partitions))
    steps = [step for step in _steps(store, plan, todo, resumed=bool(before)) if step]
    total = len(images) + sum(plan.segments)
    done = total - sum(_units(plan, task, len(images), size) for step in steps for task in step)
    result = DatasetResult(str(store), partitions=plan.partitions, resumed=plan.partitions - len(todo))
    progress(done, total, "images")
    with connected(address, workers) if todo else nullcontext() as ray:
        if not before:
            _earlier_run(store, mode)  # another one may have begun meanwhile
            _start(store, plan, images, videos, size)
        for step in steps:
            for summary in run_tasks(ray, plan, step, workers):
                result = replace(
                    result, images=result.images + summary.images, videos=result.videos + summary.videos,
                    faces=result.faces + summary.faces, errors=result.errors + summary.errors,
                    peak_bytes=max(result.peak_bytes, summary.peak_bytes),
                )  # fmt: skip
                done += summary.done
                progress(done, total, "images and segments" if videos else "images")
    return result


def _with_absolute_paths(options: ReadOptions) -> ReadOptions:
    """Options that mean the same on workers, which have other working folders."""
    kind, colon, file = options.detector.partition(":")
    return replace(
        options,
        model=options.model if options.model in shipped_models() else path_of(str(options.model)).absolute(),
        detector=f"{kind}:{path_of(file).absolute()}" if colon else kind,
    )


def _segments(videos: Sequence[str], interval_s: float, options: ReadOptions) -> tuple[int, ...]:
    """The number of segments of each video; what URLs hold is copied to one worker, and read there as a whole."""
    if not videos:
        return ()

    def count(name: str) -> int:
        return 1 if scheme_of(name) else count_segments(str(path_of(name)), interval_s, options.max_megapixels)

    return tuple(overlapped(count, videos, _OPENED))


def _steps(store: Store, plan: Plan, todo: Sequence[int], *, resumed: bool) -> tuple[list[Task], list[Task]]:
    """What can be done at the same time, and what needs its results: the videos of several segments."""
    kept = set(store.names(SEGMENTS)) if resumed else set()
    split = [number for number in todo if (plan.segments_of(number) or 1) > 1]
    # Segments, the longest tasks, come first, so that no worker is left with one at the end
    first = [
        Task(number, segment)
        for number in split
        for segment in range(plan.segments_of(number) or 1)
        if segment_name(number, segment).rpartition("/")[2] not in kept
    ]
    whole = set(todo) - set(split)
    first += [Task(number) for number in reversed(todo) if number in whole]
    return first, [Task(number) for number in split]


def _units(plan: Plan, task: Task, images: int, size: int) -> int:
    """How much a task adds to the progress: see ``PartitionSummary.done``."""
    if task.segment is not None:
        return 1
    segments = plan.segments_of(task.partition)
    if segments is not None:
        return int(segments == 1)
    return min(size, images - task.partition * size)


def _earlier_run(store: Store, mode: Mode) -> dict[str, Any] | None:
    """The entries of ``_run.json`` for the run to resume; None for a new run."""
    names = store.names()
    if RUN in names and mode == "new":
        hint = "Continue it with --resume, replace it with --overwrite, or write elsewhere."
        raise OutputError(f"{store} holds a dataset", hint=hint, path=str(store))
    if RUN not in names:
        parts = {folder: store.names(folder) for folder in (ROWS, ERRORS, SEGMENTS) if folder in names}
        foreign = [name for name in names if name not in (*parts, LISTING)]
        foreign += [f"{folder}/{name}" for folder in parts for name in parts[folder] if not name.startswith(PART)]
        if foreign:
            hint = "Write to a new or empty folder."
            raise OutputError(f"{store} holds other files, such as {foreign[0]}", hint=hint, path=str(store))
        return None
    if mode == "overwrite":
        return None
    try:
        found: dict[str, Any] = json.loads(store.read(RUN) or b"")
        if not isinstance(found["run"], dict) or not isinstance(found["partition_size"], int):
            raise TypeError("its fields are of other types")
    except (ValueError, KeyError, TypeError) as error:
        hint = "Replace the dataset with --overwrite."
        raise OutputError(f"{store.place(RUN)} is damaged: {error}", hint=hint, path=store.place(RUN)) from error
    return found


def _start(store: Store, plan: Plan, images: Sequence[str], videos: Sequence[str], size: int) -> None:
    """Remove an earlier run, then write the listing and ``_run.json``, which is last."""
    parts = [f"{folder}/{name}" for folder in (ROWS, ERRORS, SEGMENTS) for name in store.names(folder)]
    store.remove([RUN, *(name for name in parts if name.partition("/")[2].startswith(PART))])
    store.write(LISTING, listing_table(images, videos, size, plan.listing))
    sources = len(images) + len(videos)
    run = {"run": plan.header(), "partition_size": size, "partitions": plan.partitions, "sources": sources}
    store.write(RUN, json.dumps(run, indent=2).encode())


def _todo(store: Store, plan: Plan) -> list[int]:
    """Partitions that are not complete; refuses files of a run with another model or settings."""
    there = set(store.names(ROWS))
    todo = []
    for number in range(plan.partitions):
        part = read_part(store, number) if part_name(number) in there else None
        if part is None:
            todo.append(number)
        else:
            _check_same(part.header, plan.header(), store)
    return todo


def _check_same(before: dict[str, Any], now: dict[str, Any], store: Store) -> None:
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if not changed:
        return
    changes = "; ".join(f"{name} was {before.get(name)!r}, is {now.get(name)!r}" for name in changed)
    message = f"{store} cannot be resumed with other settings: {changes}"
    hint = "Resume with the old sources, settings and model, or write elsewhere."
    raise OptionError(message, hint=hint, path=str(store), field=changed[0], value=now.get(changed[0]))


def _suitable_size(images: int) -> int:
    """Images in a partition; it does not depend on the cluster, so that another one may resume the run."""
    return min(MAX_PARTITION, max(_MIN_PARTITION, math.ceil(images / _PARTITIONS)))


def _digest(names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(os.fsencode(identity(name)) + b"\0")
    return digest.hexdigest()
