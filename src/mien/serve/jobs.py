"""Video jobs: accepted onto the disk, read one after the other, resumed after a restart, deleted after a time."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from ..errors import MienError, OptionError, SourceError
from ..extras import check_installed
from ..io.atomic import write_atomically, writing_to
from ..io.journal import partial_path
from ..io.tables import FORMATS, columns, write_table
from ..io.video import Video, is_video
from ..io.video_sinks import TableFile
from ..options import ReadOptions
from ..reader import Reader
from ..video import MIN_FACE_SHARE, process_video
from .answers import JobState
from .metrics import Metrics
from .problems import Problem
from .settings import ServeSettings

_SMALLEST_FACE = 20  # pixels, as process_video has it
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Job:
    """A video to be read.

    Attributes:
        source: name of the video; ``caller``: who may see the job, empty for everyone.
        options: fields of ``ReadOptions`` that differ from the server's; ``interval_s`` as in ``process_video``.
        created, ended: seconds since 1970.
        frames, total: frames read, and in the video where known.
        error: problem details of a failed job; ``problems``: what could not be read of a damaged video.
    """

    id: str
    source: str
    caller: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    interval_s: float = 0.0
    state: JobState = JobState.QUEUED
    created: float = field(default_factory=time.time)
    ended: float | None = None
    frames: int = 0
    total: int | None = None
    faces: int | None = None
    error: dict[str, Any] | None = None
    problems: tuple[str, ...] = ()


class _Interrupted(Exception):  # noqa: N818 - no error: the job was canceled, or the server ends
    """Leaves the loop over frames; rows read until then are kept."""


class Jobs:
    """The jobs of a server, for any thread. ``reader_for`` gives the reader of some options."""

    def __init__(
        self, settings: ServeSettings, metrics: Metrics, reader_for: Callable[[ReadOptions], Reader], log: Any
    ) -> None:
        self._settings, self._metrics, self._reader_for, self._log = settings, metrics, reader_for, log
        self.folder = settings.data_dir / "jobs"
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._closing = False
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mien-job")
        self._delete_old()
        for path in sorted(self.folder.glob("*/job.json"), key=lambda path: path.stat().st_mtime):
            with suppress(ValueError, TypeError, OSError):  # a damaged file is no job
                table = json.loads(path.read_text("utf-8"))
                job = Job(**{**table, "state": JobState(table["state"]), "problems": tuple(table["problems"])})
                self._keep(job)
        for job in sorted(self._jobs.values(), key=lambda job: job.created):
            if not job.state.ended:
                self._pool.submit(self._run, job.id)

    def close(self) -> None:
        """Stop after the current frame; unfinished jobs go on when the server starts again."""
        self._closing = True
        self._pool.shutdown(cancel_futures=True)

    def check_room(self) -> None:
        """``Problem`` 429 where too many jobs wait."""
        waiting = sum(not job.state.ended for job in self._jobs.values())
        if waiting >= self._settings.max_jobs:
            expected = f"at most {self._settings.max_jobs} jobs"
            raise Problem(429, "jobs_full", "too many jobs wait", got=waiting, expected=expected, retry_after_s=60)

    def add(self, video: IO[bytes], source: str, options: dict[str, Any], interval_s: float, caller: str) -> Job:
        """Accept a video: when this returns, the job is on the disk and survives the process.

        Raises:
            SourceError: it cannot be read as a video.
            Problem: too long, or too many jobs wait.
        """
        check_installed(("av", "trackers", "supervision"), "video")
        self._delete_old()
        self.check_room()
        job = Job(uuid.uuid4().hex, source, caller, options, interval_s)
        folder = self.folder / job.id
        with writing_to(folder):
            folder.mkdir(parents=True)
        try:
            with writing_to(folder), self._video(job).open("wb") as file:
                shutil.copyfileobj(video, file, _CHUNK)
                file.flush()
                os.fsync(file.fileno())
            # By its content: FFmpeg would follow what a playlist names
            if not is_video(self._video(job)):
                raise SourceError(
                    f"{source} is not a video", hint="Send an MP4, MOV, MKV, WebM or AVI file.", path=source
                )
            facts = self._open(job).facts
            if (facts.duration_s or 0) > self._settings.max_video_s:
                expected = f"at most {self._settings.max_video_s:g} s"
                raise Problem(413, "video_too_long", "the video is too long", got=facts.duration_s, expected=expected)
            self._save(job)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._pool.submit(self._run, job.id)
        return job

    def get(self, identifier: str, caller: str) -> Job:
        """A job of this caller; ``Problem`` 404 where there is none."""
        job = self._jobs.get(identifier)
        if job is None or (job.caller and job.caller != caller):
            raise Problem(404, "job_not_found", "there is no such job", got=identifier)
        return job

    def cancel(self, identifier: str, caller: str) -> Job:
        """Cancel a job that has not ended, or delete one that has, with its result."""
        job = self.get(identifier, caller)
        if job.state.ended:
            self._forget(job)
            return job
        return self._end(job, JobState.CANCELED)

    def result(self, identifier: str, caller: str, ending: str) -> Path:
        """The table of a finished job, ``.jsonl``, ``.csv`` or ``.parquet``; ``Problem`` 409 before."""
        job = self.get(identifier, caller)
        if job.state is not JobState.DONE:
            raise Problem(409, "job_not_done", "the job has no result", got=job.state.value, expected="done")
        rows, wanted = self._rows(job), self._rows(job).with_suffix(ending)
        if ending not in FORMATS:
            raise OptionError(f"format: got {ending!r}, expected one of {', '.join(FORMATS)}", field="format")
        if not wanted.exists():
            with rows.open("rb") as file:
                names = columns(self._reader(job).emotions, video=True)
                write_table(wanted, names, (json.loads(line) for line in file))
        return wanted

    def _run(self, identifier: str) -> None:
        job = self._jobs[identifier]
        if job.state.ended or self._closing:
            return
        try:
            if not self._rows(job).exists():  # else the process ended between the result and its mark
                job = self._save(replace(job, state=JobState.RUNNING))
                try:
                    job = self._read(job)
                except OptionError:  # the model was replaced, whose rows would not fit those of the other
                    partial_path(self._rows(job)).unlink(missing_ok=True)
                    job = self._read(job)
            self._end(job, JobState.DONE)
        except _Interrupted:
            return
        except Exception as error:  # noqa: BLE001 - the border: a job fails, the server goes on
            problem = Problem.of(error) if isinstance(error, MienError) else error
            if not isinstance(problem, Problem):
                self._log.error("job", job=identifier, kind=type(error).__name__)
                problem = Problem(500, "internal_error", "internal server error")
            self._end(replace(job, error=problem.to_dict("")), JobState.FAILED)

    def _read(self, job: Job) -> Job:
        video = self._open(job)

        def progress(done: int, total: int | None, note: str = "") -> None:  # noqa: ARG001 - part of the protocol
            if self._closing or self._jobs[job.id].state is JobState.CANCELED:
                raise _Interrupted
            if done / video.facts.rate > self._settings.max_video_s + 1:  # its header said less
                raise Problem(413, "video_too_long", "the video is too long")
            self._jobs[job.id] = replace(job, frames=done, total=total)

        sinks, reader = [TableFile(self._rows(job))], self._reader(job, video.facts.height)
        result = process_video(
            video, reader.options, sinks=sinks, resume=True, progress=progress, keep_rows=False, reader=reader
        )
        return replace(self._jobs[job.id], faces=result.faces, problems=result.problems)

    def _reader(self, job: Job, height: int = 0) -> Reader:
        options = replace(self._settings.read_options(), **job.options)
        smallest = options.min_face or max(_SMALLEST_FACE, round(height * MIN_FACE_SHARE))
        return self._reader_for(replace(options, min_face=smallest, rotate=options.rotate or 0))

    def _open(self, job: Job) -> Video:
        limit = self._settings.max_megapixels
        return Video(self._video(job), interval_s=job.interval_s, max_megapixels=limit, name=job.source)

    def _end(self, job: Job, state: JobState) -> Job:
        job = self._save(replace(job, state=state, ended=time.time()))
        self._video(job).unlink(missing_ok=True)
        self._log.info("job", job=job.id, state=state.value, frames=job.frames)
        return job

    def _video(self, job: Job) -> Path:
        return self.folder / job.id / "video"

    def _rows(self, job: Job) -> Path:
        return self.folder / job.id / "readings.jsonl"

    def _save(self, job: Job) -> Job:
        with self._lock:
            before = self._jobs.get(job.id)
            if before and before.state is JobState.CANCELED:
                raise _Interrupted
            write_atomically(self.folder / job.id / "job.json", json.dumps(asdict(job)).encode())
            self._keep(job)
        return job

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        for state in JobState:
            self._metrics.jobs.labels(state.value).set(sum(one.state is state for one in self._jobs.values()))

    def _forget(self, job: Job) -> None:
        with self._lock:
            self._jobs.pop(job.id, None)
            shutil.rmtree(self.folder / job.id, ignore_errors=True)

    def _delete_old(self) -> None:
        for job in list(self._jobs.values()):
            if job.ended and time.time() - job.ended > self._settings.job_ttl_h * 3600:
                self._forget(job)
