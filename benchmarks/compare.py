"""Compare mien with other libraries on this machine: speed, memory and install size, in one run.

    python benchmarks/compare.py --python others/bin/python --out comparison.md

Each library runs in processes of its own, in the first environment that has it. See README.md for how to read the table.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from mien.benchmarking.bench import Environment, current_environment
from mien.benchmarking.images import PORTRAITS, SIZES, ImageSet, synthetic_images, user_images
from mien.io.atomic import write_atomically
from mien.report import Bullets, Column, Document, Note, Section, Table, Tone, number

HERE = Path(__file__).parent
#: Read by OpenMP, the BLAS libraries, TensorFlow and OpenCV when they start.
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "OPENCV_FOR_THREADS_NUM"),
)
#: Below this share of a core, other work disturbed the measurement.
MIN_CPU_SHARE = 0.9


@dataclass(frozen=True)
class Library:
    """A library in one of the ways in which it is used.

    Attributes:
        name: shown in the table.
        adapter: name of the file in ``adapters`` that calls it, without ``_adapter.py``.
        packages: distributions that must be installed, the library first; one name of each entry.
        options: for the adapter.
    """

    name: str
    adapter: str
    packages: tuple[tuple[str, ...], ...]
    options: dict[str, Any] = field(default_factory=dict)


_TENSORFLOW = ("tensorflow", "tensorflow-cpu")
LIBRARIES = (
    Library("mien", "mien", (("mien",),)),
    Library("mien, no flip", "mien", (("mien",),), {"flip": False}),
    Library("mien (tiny)", "mien", (("mien",),), {"model": "tiny"}),
    Library("fer (Haar)", "fer", (("fer",), _TENSORFLOW)),
    Library("fer (MTCNN)", "fer", (("fer",), _TENSORFLOW, ("facenet-pytorch",), ("torch",)), {"mtcnn": True}),
    Library("deepface (ONNX)", "deepface", (("deepface",), ("onnxruntime",), ("onnx",)), {"engine": "onnx"}),
    Library("deepface (TF)", "deepface", (("deepface",), _TENSORFLOW), {"engine": "tensorflow"}),
    Library("hsemotion-onnx", "hsemotion", (("hsemotion-onnx",), ("onnxruntime",), ("onnx",))),
    Library("emotion-ferplus", "ferplus", (("onnxruntime",), ("onnx",), ("opencv-python",))),
)


@dataclass(frozen=True)
class Result:
    """Measurements of one library; None where a figure does not apply.

    Attributes:
        library, version: what was measured.
        install_mb: size of the package and all that it requires, as installed, in 10^6 bytes.
        faces_per_s, ms_per_face: detected faces classified, 64 at a time and one.
        photos_per_s: from file to result, by name of the set; empty for libraries that find no faces.
        start_s: from a cold process to the first result.
        peak_mb: peak memory while photos are read, in 10^6 bytes.
        faces: how many were found in all photos.
        random_weights: whether the network ran with random weights, because its own would have to be fetched.
        cpu_share: share of a core that the process had while it was measured.
        problem: why it was not measured; empty where it was.
    """

    library: str
    version: str = ""
    install_mb: float | None = None
    faces_per_s: float | None = None
    ms_per_face: float | None = None
    photos_per_s: dict[str, float] = field(default_factory=dict)
    start_s: float | None = None
    peak_mb: float | None = None
    faces: int | None = None
    random_weights: bool = False
    cpu_share: float | None = None
    problem: str = ""


def compare(pythons: Sequence[Path], sets: Sequence[ImageSet], seconds: float) -> list[Result]:
    """Measure every library in the first environment that has what it needs."""
    names = sorted({name for library in LIBRARIES for either in library.packages for name in either})
    versions = {python: _versions(python, names) for python in pythons}
    results = []
    for library in LIBRARIES:
        sys.stderr.write(f"measuring {library.name}\n")
        python, missing = home_of(library, versions)
        if python is None:
            results.append(Result(library.name, problem=f"not installed: pip install {' '.join(missing)}"))
        else:
            results.append(_measured(library, python, sets, seconds))
    return results


def home_of(library: Library, versions: dict[Path, dict[str, str]]) -> tuple[Path | None, list[str]]:
    """The first interpreter that has all that a library needs; or None, and what the first one lacks."""
    lacking = {
        python: [either[0] for either in library.packages if not any(name in found for name in either)]
        for python, found in versions.items()
    }
    home = next((python for python, names in lacking.items() if not names), None)
    return home, next(iter(lacking.values()), [])


def _versions(python: Path, names: list[str]) -> dict[str, str]:
    answer = ask(python, "", {"task": "size", "packages": names, "threads": 0})
    if "problem" in answer:
        sys.exit(f"{python} is not a Python interpreter that can be run: {answer['problem']}")
    return dict(answer["versions"])


def _measured(library: Library, python: Path, sets: Sequence[ImageSet], seconds: float) -> Result:
    job = {"options": library.options, "threads": 1, "portrait": str(PORTRAITS[0])}
    packages = [name for either in library.packages for name in either]
    size = ask(python, "", {"task": "size", "packages": packages, "threads": 0})
    known = {"library": library.name, "version": _version(size["versions"], library), "install_mb": size["mb"]}
    starts = []
    for _ in range(5):
        began = time.time()  # the other process reads the same clock
        answer = ask(python, library.adapter, job | {"task": "start"})
        if "problem" in answer:
            return Result(**known, problem=answer["problem"])
        starts.append(answer["ready"] - began)
    paths = {each.name: [str(path) for path in each.paths] for each in sets}
    effort = {"photo_seconds": seconds, "face_seconds": seconds / 2, "least_rounds": 3}
    answer = ask(python, library.adapter, job | {"task": "speed", "sets": paths, "effort": effort})
    if "problem" in answer:
        return Result(**known, problem=answer["problem"])
    photos = answer.pop("photos")
    return Result(
        **known,
        **answer,
        start_s=statistics.median(starts),
        photos_per_s={name: each["per_s"] for name, each in photos.items()},
        faces=sum(each["faces"] for each in photos.values()) if photos else None,
    )


def _version(versions: dict[str, str], library: Library) -> str:
    return versions.get(library.packages[0][0], "")


def ask(python: str | Path, adapter: str, job: dict[str, Any], limit_s: float = 600) -> dict[str, Any]:
    """Have a process measure; gives its answer, or ``problem`` in one line.

    The process sees no GPU, and its libraries are told to use ``job["threads"]`` threads.
    """
    environment = dict(os.environ)
    if job["threads"]:
        environment |= dict.fromkeys(_THREADS, str(job["threads"]))
    if str(python) != sys.executable:  # these lead to packages of this environment
        for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
            environment.pop(name, None)
    environment |= {"ORT_DISABLE_TELEMETRY": "1", "CUDA_VISIBLE_DEVICES": "-1"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}
    script = adapter if adapter.endswith(".py") else str(HERE / "adapters" / f"{adapter}_adapter.py")
    try:
        done = subprocess.run(
            [str(python), str(HERE / "measure.py"), script],
            input=json.dumps(job),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit_s,
            check=False,
            env=environment,
        )
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {"problem": _last_line(done)}
    except subprocess.TimeoutExpired:
        return {"problem": f"took more than {limit_s:.0f} s"}
    except OSError as error:
        return {"problem": f"cannot start {python}: {error.strerror or error}"}
    except ValueError:
        return {"problem": f"gave no figures: {_last_line(done)}"}


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    return lines[-1][:300] if lines else f"exit code {done.returncode}"


def ratios(mien: Result, other: Result) -> dict[str, float]:
    """How many times better mien is, by name of the figure; above 1 mien is better. Only what both have."""
    higher = {"faces_per_s": (mien.faces_per_s, other.faces_per_s)}
    higher |= {name: (rate, other.photos_per_s.get(name)) for name, rate in mien.photos_per_s.items()}
    lower = {
        name: (getattr(mien, name), getattr(other, name))
        for name in ("ms_per_face", "start_s", "peak_mb", "install_mb")
    }
    found = {name: mine / theirs for name, (mine, theirs) in higher.items() if mine and theirs}
    return found | {name: theirs / mine for name, (mine, theirs) in lower.items() if mine and theirs}


def report(results: Sequence[Result], sets: Sequence[ImageSet], environment: Environment) -> Document:
    """Build the report: the figures, and how mien compares."""
    rates = [each.name for each in sets]
    names = [
        "disk MB",
        "faces/s",
        "ms/face",
        *(f"img/s {name.split()[0]}" for name in rates),
        "start s",
        "peak MB",
        "faces",
    ]
    measured = [each for each in results if not each.problem]
    rows = tuple(
        (
            f"{each.library}{'*' if each.random_weights else ''} {each.version}",
            *(number(value) for value in (each.install_mb, each.faces_per_s, each.ms_per_face)),
            *(number(each.photos_per_s.get(name)) for name in rates),
            *(number(value) for value in (each.start_s, each.peak_mb)),
            each.faces,
        )
        for each in measured
    )
    figures = ("install_mb", "faces_per_s", "ms_per_face", *rates, "start_s", "peak_mb")
    better = tuple(
        (each.library, *(number(ratios(measured[0], each).get(name), 2) for name in figures))
        for each in measured[1:]
        if not each.library.startswith("mien")
    )
    shares = [each.cpu_share for each in measured if each.cpu_share is not None]
    busy = min(shares, default=1) < MIN_CPU_SHARE
    known = [each.faces for each in sets]
    total = f" Faces shown: {sum(known)}." if all(known) else ""  # type: ignore[arg-type]
    remarks = [f"{each.library} was not measured: {each.problem}" for each in results if each.problem]
    remarks += ["\\* random weights, because its own would have to be fetched."] * any(
        r.random_weights for r in measured
    )
    blocks = [
        *[Note("Other work disturbed the measurement: run it again on an idle machine.", Tone.WARNING)] * busy,
        Table((Column("library"), *(Column(name, "right") for name in names)), rows, f"Medians.{total}"),
    ]
    if better:
        columns = (Column(f"{measured[0].library} beside"), *(Column(name, "right") for name in names[:-1]))
        caption = "2 means twice as fast, half the time, half the memory or half the size."
        blocks.append(Section("Ratios", (Table(columns, better, caption),)))
    blocks.append(Bullets(tuple(remarks)))
    return Document("mien beside other libraries", tuple(blocks), metadata={"environment": environment.summary()})


def main() -> None:
    """Parse the command line, measure, and print or write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, action="append", default=[], help="look for libraries there too")
    parser.add_argument("--images", type=Path, help="folder of JPEG and PNG photos; default: synthetic photos")
    parser.add_argument("--seconds", type=float, default=6, help="time for each figure (default: 6)")
    parser.add_argument("--out", type=Path, help="write a .json, .md or .html file")
    arguments = parser.parse_args()
    environment = current_environment()
    with tempfile.TemporaryDirectory() as folder:
        sets = (
            [user_images(arguments.images)]
            if arguments.images
            else [synthetic_images(Path(folder), 10, size) for size in SIZES]
        )
        pythons = [Path(sys.executable), *arguments.python]
        results = compare(pythons, sets, arguments.seconds)
    document = report(results, sets, environment)
    if arguments.out and arguments.out.suffix == ".json":
        table = {"environment": asdict(environment), "results": [asdict(each) for each in results]}
        write_atomically(arguments.out, json.dumps(table, indent=2).encode())
    elif arguments.out:
        document.write(arguments.out)
    console = Console(highlight=False)
    console.print(document.to_terminal(max(console.width, 100)))


if __name__ == "__main__":
    main()
