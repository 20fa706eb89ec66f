"""``read_dataset``: millions of images into a partitioned table."""

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
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import Reader
from ..redaction import Privacy
from ..video import read_settings
from .engine import connected, run_partitions
from .listing import is_video_name, list_sources
from .partitions import ERRORS, LISTING, ROWS, RUN, Plan, listing_table, part_name, read_part
from .storage import Store, path_of, scheme_of

#: Most images in a partition: a lost worker repeats at most these, some 15 s of work.
MAX_PARTITION = 500
#: Fewer would cost more time for tasks and files than for images.
_MIN_PARTITION = 16
#: Least number of partitions of a large dataset, so that many workers have several each.
_PARTITIONS = 128


@dataclass(frozen=True)
class DatasetResult:
    """The result of ``read_dataset``.

    Attributes:
        out: the folder or URL of the results.
        images, faces: number of images read in this run, and of faces in them.
        errors: number of files that could not be read in this run; they are in ``<out>/errors``.
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


def read_dataset(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    options: ReadOptions | None = None,
    *,
    mode: Mode = "new",
    address: str | None = None,
    workers: int | None = None,
    recursive: bool = False,
    column: str | None = None,
    partition_size: int | None = None,
    timeout_s: float | None = None,
    progress: Progress = no_progress,
) -> DatasetResult:
    """Read images on the workers of a Ray cluster into a partitioned parquet table. Unreadable files are skipped.

    ::

        result = mien.read_dataset("s3://bucket/photos", "s3://bucket/faces", address="auto")
        table = pandas.read_parquet("s3://bucket/faces/rows")

    A worker holds one reader and reads whole partitions. A partition's file appears completely or not at all, so a lost
    worker or node loses no row and doubles none. The rows are those of ``read_files``.

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
        column: the column of manifests; None takes the first of ``path``, ``url``, ``file`` and similar names.
        partition_size: images in a partition; None chooses 16 to 500.
        timeout_s: stop decoding an image after this time, in seconds; None gives up after 60.
        progress: called with the number of images done.

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
    if videos := [name for name in names if is_video_name(name)]:
        message = f"sources: got {len(videos):,} videos such as {videos[0]}, expected images"
        raise OptionError(message, hint="Read videos with read_files, on one machine.", field="sources")
    reader = Reader(options)
    settings = read_settings(options, reader, 0.0, Privacy())
    listing = _digest(names)
    size = before["partition_size"] if before else partition_size or _suitable_size(len(names))
    plan = Plan(
        str(store), str(Path.cwd()), options, columns(reader.emotions), json.loads(json.dumps(settings, default=str)),
        listing, math.ceil(len(names) / size), timeout_s,
    )  # fmt: skip
    del reader
    if before:
        _check_same(before["run"], plan.header(), store)
    todo = _todo(store, plan) if before else list(range(plan.partitions))
    done = len(names) - sum(min(size, len(names) - number * size) for number in todo)
    images = faces = errors = peak = 0
    progress(done, len(names), "images")
    with connected(address, workers) if todo else nullcontext() as ray:
        if not before:
            _start(store, plan, names, size)
        for summary in run_partitions(ray, plan, todo, workers) if todo else ():
            images, faces, errors = images + summary.images, faces + summary.faces, errors + summary.errors
            peak = max(peak, summary.peak_bytes)
            progress(done + images + errors, len(names), "images")
    return DatasetResult(str(store), images, faces, errors, plan.partitions, plan.partitions - len(todo), peak)


def _earlier_run(store: Store, mode: Mode) -> dict[str, Any] | None:
    """What ``_run.json`` says of the run to resume; None for a new run."""
    names = store.names()
    if RUN in names and mode == "new":
        hint = "Continue it with --resume, replace it with --overwrite, or write elsewhere."
        raise OutputError(f"{store} holds a dataset", hint=hint, path=str(store))
    if RUN not in names:
        if names and mode != "resume" and not {*names} <= {ROWS, ERRORS, LISTING}:
            hint = "Write to a new or empty folder."
            raise OutputError(f"{store} holds other files, such as {names[0]}", hint=hint, path=str(store))
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


def _start(store: Store, plan: Plan, names: Sequence[str], size: int) -> None:
    """Remove an earlier run, then write the listing and ``_run.json``, which is last."""
    store.remove([RUN, *(f"{folder}/{name}" for folder in (ROWS, ERRORS) for name in store.names(folder))])
    store.write(LISTING, listing_table(names, size))
    run = {"run": plan.header(), "partition_size": size, "partitions": plan.partitions, "sources": len(names)}
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
        digest.update((name if scheme_of(name) else os.path.abspath(path_of(name))).encode() + b"\0")  # noqa: PTH100
    return digest.hexdigest()
