"""``mien.bench``: speed and memory of models on this machine, and the report of them."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from .. import report as doc
from ..errors import MienError
from ..model.card import ORIGINAL, load_model, shipped_models
from ..progress import Progress, no_progress
from ..reader import worker_count
from ..report import number, percent
from .images import PORTRAITS, SIZES, ImageSet, synthetic_images, user_images

#: Seconds after which a measurement is given up.
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Environment:
    """Conditions of a measurement.

    Attributes:
        mien, python, onnxruntime, system: versions.
        cores: logical cores that this process may use.
        load: processes that wanted to run, on average over the minute before; None on Windows.
        date: local time, ISO 8601.
    """

    mien: str
    python: str
    onnxruntime: str
    system: str
    processor: str
    cores: int
    load: float | None
    date: str

    @property
    def is_busy(self) -> bool:
        """Whether other work left no core free for the measurement."""
        return self.load is not None and self.load + 1 > self.cores + 0.5

    def summary(self) -> str:
        """One line, such as ``mien 0.1.0, onnxruntime 1.32.0, Python 3.11.7, AMD EPYC, 2 cores``."""
        versions = f"mien {self.mien}, onnxruntime {self.onnxruntime}, Python {self.python}"
        return f"{versions}, {self.processor}, {self.cores} cores"


def current_environment() -> Environment:
    """Describe this machine before a measurement, which uses one core."""
    return Environment(
        mien=__version__,
        python=platform.python_version(),
        onnxruntime=metadata.version("onnxruntime"),
        system=platform.platform(terse=True),
        processor=processor_name(),
        cores=worker_count(0),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def processor_name() -> str:
    """The processor's name; ``platform.processor()`` is only ``x86_64`` on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


@dataclass(frozen=True)
class StageTimes:
    """Time per stage for a set of images.

    Attributes:
        images: name of the set, with ``n_images`` and ``n_faces`` found in them.
        ms: milliseconds per image, by stage: ``decode``, ``detect``, ``crop``, ``classify``.
    """

    images: str
    n_images: int
    n_faces: int
    ms: dict[str, float]

    @property
    def images_per_s(self) -> float:
        """Images per second, from file to readings."""
        return 1000 / sum(self.ms.values())


@dataclass(frozen=True)
class Speed:
    """Speed and memory of one model.

    Attributes:
        flip: whether each face and its mirror image are averaged.
        start_s: seconds from a cold process to the first result.
        peak_mb: peak memory while reading images, in 10^6 bytes; None if the system is not Linux.
        ms_per_face: milliseconds to crop and classify one detected face.
        faces_per_s: detected faces cropped and classified per second, 64 at a time.
        stages: of each set of images.
    """

    model: str
    flip: bool
    start_s: float
    peak_mb: float | None
    ms_per_face: float
    faces_per_s: float
    stages: tuple[StageTimes, ...]


@dataclass(frozen=True)
class BenchResult:
    """Results of a benchmark, a ``Speed`` for each model with and without flip; ``quick``: few rounds, small images only."""

    environment: Environment
    quick: bool
    speeds: tuple[Speed, ...]

    def to_json(self) -> str:
        """JSON text with all fields."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def bench(
    models: Sequence[str] = (),
    *,
    images: str | Path | None = None,
    quick: bool = False,
    progress: Progress = no_progress,
) -> BenchResult:
    """Measure how fast models read images on one core, stage by stage, each model in a separate process.

    Args:
        models: names or ONNX files; by default the int8 models that come with mien.
        images: a folder of JPEG and PNG images; None uses synthetic photos.
        quick: take some seconds rather than a minute for each model.
        progress: called for each model.

    Raises:
        ModelError: a model cannot be used.
        SourceError: there are no images in the folder.
    """
    shipped = sorted((name for name in shipped_models() if not name.endswith(ORIGINAL)), key=lambda n: n != "default")
    named = [(name, load_model(name)[0].name) for name in (*shipped, *models)]  # a wrong one fails now
    variants = [(*each, flip) for each in named for flip in (True, False)]
    environment = current_environment()
    speeds = []
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        progress(0, len(variants), "preparing images")
        if images:
            sets = [user_images(Path(images))]
        else:
            sets = [synthetic_images(Path(folder), 3 if quick else 10, size) for size in SIZES[: 1 if quick else None]]
        for done, (model, name, flip) in enumerate(variants):
            progress(done, len(variants), name)
            speeds.append(_measured(name, {"model": model, "flip": flip}, sets, quick))
    return BenchResult(environment, quick, tuple(speeds))


def _measured(name: str, job: dict[str, Any], sets: Sequence[ImageSet], quick: bool) -> Speed:
    job |= {"portrait": str(PORTRAITS[0]), "seconds": 0.2 if quick else 4.0, "rounds": 1 if quick else 3, "sets": {}}
    starts = []
    for _ in range(1 if quick else 5):
        began = time.time()  # the other process reads the same clock
        starts.append(_run(job)["ready"] - began)
    answer = _run(job | {"sets": {each.name: [str(path) for path in each.paths] for each in sets}})
    del answer["ready"]
    stages = tuple(StageTimes(**stage) for stage in answer.pop("stages"))
    return Speed(name, job["flip"], statistics.median(starts), **answer, stages=stages)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Have a new process measure on one core, without a GPU."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"{__package__}.worker"], input=json.dumps(job), capture_output=True, check=True,
            encoding="utf-8", errors="replace", timeout=TIMEOUT_S,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
        )  # fmt: skip
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired as error:
        raise MienError(f"the benchmark of {job['model']} took more than {TIMEOUT_S:.0f} s") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise MienError(f"the benchmark of {job['model']} failed: {last}") from error


def report(result: BenchResult) -> doc.Document:
    """Build the report: speed and memory of each model, and where the time of an image goes."""
    environment = result.environment
    blocks: list[doc.Block] = []
    if environment.is_busy:
        load = f"load {environment.load} on {environment.cores} cores"
        blocks.append(doc.Note(f"The machine was busy ({load}): measure again when it is idle.", doc.Tone.WARNING))
    blocks.append(_speed_table(result.speeds))
    first = result.speeds[0]
    charts = tuple(_stage_chart(stages) for stages in first.stages)
    blocks.append(doc.Section(f"Time per image with {_label(first)}", (doc.Row(charts),)))
    about = {"environment": environment.summary(), "date": environment.date}
    return doc.Document("Speed of mien", tuple(blocks), metadata=about)


def _label(speed: Speed) -> str:
    return f"{speed.model}{'' if speed.flip else ', no flip'}"


def _speed_table(speeds: tuple[Speed, ...]) -> doc.Table:
    sets = [f"images/s {stages.images}" for stages in speeds[0].stages]
    columns = [doc.Column(name, "right") for name in ("faces/s", *sets, "memory (MB)")]
    columns.insert(1, doc.Column("ms/face", "right", optional=True))
    columns.insert(-1, doc.Column("start (s)", "right", optional=True))
    rows = tuple(
        (
            _label(speed),
            *map(number, (speed.faces_per_s, speed.ms_per_face)),
            *(number(stages.images_per_s) for stages in speed.stages),
            *map(number, (speed.start_s, speed.peak_mb)),
        )
        for speed in speeds
    )
    caption = (
        "faces/s, ms/face: detected faces, 64 at a time and one. images/s: from file to readings, detection included. "
        "start: cold process to first result. memory: peak while reading images."
    )
    return doc.Table((doc.Column("model"), *columns), rows, caption)


def _stage_chart(stages: StageTimes) -> doc.BarChart:
    total, faces = sum(stages.ms.values()), stages.n_faces / stages.n_images
    bars = (doc.Bar(stage, ms, f"{ms:.1f} ms, {percent(ms / total, 0)}") for stage, ms in stages.ms.items())
    return doc.BarChart(tuple(bars), f"{stages.images}: {total:.1f} ms, {faces:.1f} faces per image")
