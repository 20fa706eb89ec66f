"""``mien.bench``: speed and memory of models on this machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import MienError
from ..model.card import ORIGINAL, load_model, shipped_models
from ..progress import Progress, no_progress
from .environment import Environment, current_environment
from .images import PORTRAITS, SIZES, ImageSet, synthetic_images, user_images

#: Seconds after which a measurement is given up.
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class StageTimes:
    """Where the time of a set of images goes.

    Attributes:
        images: name of the set.
        n_images, n_faces: images read, and faces found in them.
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
        model: its name.
        flip: whether each face and its mirror image are averaged.
        start_s: seconds from a cold process to the first result.
        peak_mb: peak memory while reading images, in 10^6 bytes; None where the system is not Linux.
        ms_per_face: milliseconds to crop and classify one detected face.
        faces_per_s: detected faces cropped and classified per second, 64 at a time.
        stages: one for each set of images.
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
    """Results of a benchmark.

    Attributes:
        environment: where and when.
        quick: whether few rounds were run, on small images only.
        speeds: one for each model, with and without flip.
    """

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
    threads: int = 1,
    quick: bool = False,
    progress: Progress = no_progress,
) -> BenchResult:
    """Measure how fast models read images here, stage by stage; each in a process of its own.

    Args:
        models: names or ONNX files; by default the int8 models that come with mien.
        images: a folder of JPEG and PNG images; None uses synthetic photos.
        threads: cores for each measurement; 0 is all.
        quick: take some seconds rather than a minute for each model.
        progress: called for each model.

    Raises:
        ModelError: a model cannot be used.
        SourceError: there are no images in the folder.
    """
    shipped = sorted((name for name in shipped_models() if not name.endswith(ORIGINAL)), key=lambda n: n != "default")
    named = [(name, load_model(name)[0].name) for name in (*shipped, *models)]  # a wrong one fails now
    variants = [(*each, flip) for each in named for flip in (True, False)]
    environment = current_environment(threads)
    speeds = []
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        sizes = SIZES[:1] if quick else SIZES
        sets = (
            [user_images(Path(images))]
            if images
            else [synthetic_images(Path(folder), 3 if quick else 10, size) for size in sizes]
        )
        for done, (model, name, flip) in enumerate(variants):
            progress(done, len(variants), name)
            speeds.append(_measured(name, {"model": model, "flip": flip, "threads": threads}, sets, quick))
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
    """Have a new process measure, without a GPU and with the given number of threads."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(job["threads"])) if job["threads"] else {}
    command = [sys.executable, "-m", f"{__package__}.worker"]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(job),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=True,
            env=os.environ | threads | {"CUDA_VISIBLE_DEVICES": "-1"},
        )
        return dict(json.loads(done.stdout))
    except subprocess.TimeoutExpired as error:
        raise MienError(f"the benchmark of {job['model']} took more than {TIMEOUT_S:.0f} s") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        raise MienError(f"the benchmark of {job['model']} failed: {last}") from error
