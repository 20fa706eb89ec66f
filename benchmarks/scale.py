"""Measure reading on Ray workers, and training with two processes, beside one process in the same run (Linux).

    python benchmarks/scale.py                         # images/s and processor time, one and two workers
    python benchmarks/scale.py --long 100000           # memory of the driver over many small images
    python benchmarks/scale.py --long 100000 --photos data/photos  # the same with photos of your own, read by default
    python benchmarks/scale.py --long 300 --partition 1  # the driver's time for a partition
    python benchmarks/scale.py --training              # images/s of mien lab train, one and two processes

Photos of 640 x 480 pixels with one to five faces, as hard links of ten files. Rates are those after the first partition, so
the start of Ray and of the workers is a column of its own. ``CPU ms`` is the processor time per image of the processes that
read: unlike the rates, other programs on the machine hardly change it. Ray's services are the driver, the scheduler and the
object store; they take most of their time per second, not per image. Prints Markdown.
"""

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

import mien
from mien.benchmarking.images import PORTRAITS, synthetic_images
from mien.scale.engine import connected

PHOTO = (640, 480)
#: The first of these is what the others are compared with.
READERS = ("one thread", "Ray, 1 worker", "all threads", "Ray, 2 workers")
#: Options of ``mien lab train``, and threads of each process; the first is what the others are compared with.
TRAININGS: dict[str, tuple[tuple[str, ...], int]] = {
    "one process, one thread": ((), 1),
    "one process, two threads": ((), 2),
    "two processes": (("--devices", "2"), 1),
    "two processes, synchronized batch norm": (("--devices", "2", "--sync-batch-norm"), 1),
}


def processes(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of processes."""
    ticks = 0
    for one in pids:
        try:
            stat = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(part) for part in stat[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def ray_workers(pids: list[int]) -> list[int]:
    """Those of the processes that read images for ``read_dataset``."""
    found = []
    for one in pids:
        try:
            if b"MapWorker" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.append(one)
        except OSError:
            continue
    return found


def memory_mb(pid: int) -> float:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Mark:
    """The state at a number of finished images: time, and processor seconds of those that read, of Ray's services with the
    driver, and of the driver alone.
    """

    done: int
    time: float
    reading: float
    services: float
    memory: float
    driver: float = 0.0


@dataclass(frozen=True)
class Figures:
    """Seconds to the first result; after it, images a second and processor ms per image; memory in MB."""

    start_s: float
    rate: float
    cpu_ms: float
    services_ms: float
    memory: float
    worker_mb: float = 0.0


@dataclass
class Meter:
    """A progress callback that notes the state at each number of finished images."""

    marks: list[Mark] = field(default_factory=list)
    started: float = field(default_factory=time.perf_counter)

    def __call__(self, done: int, total: int, _note: str = "") -> None:
        now, own = time.perf_counter(), os.getpid()
        if self.marks and now - self.marks[-1].time < 0.2 and done < total:
            return
        pids = processes(own)
        workers = ray_workers(pids) or [own]
        services = [pid for pid in pids if pid not in workers]
        print(f"{done:,} of {total:,} images, {memory_mb(own):.0f} MB", file=sys.stderr)
        self.marks.append(
            Mark(done, now, cpu_seconds(workers), cpu_seconds(services), memory_mb(own), cpu_seconds([own]))
        )

    def figures(self, worker_bytes: int = 0) -> Figures:
        first, last = next(mark for mark in self.marks if mark.done > 0), self.marks[-1]
        images = last.done - first.done
        return Figures(
            first.time - self.started,
            images / (last.time - first.time),
            1000 * (last.reading - first.reading) / images,
            1000 * (last.services - first.services) / images,
            last.memory,
            worker_bytes / 1e6,
        )


def link(folder: Path, sources: list[Path], images: int) -> Path:
    """A folder of hard links to the sources in turn."""
    folder.mkdir()
    for number in range(images):
        source = sources[number % len(sources)]
        (folder / f"{number:07}{source.suffix}").hardlink_to(source)
    return folder


def read_here(folder: Path, out: Path, threads: int) -> Figures:
    """The reader of one machine, as a user calls it."""
    meter = Meter()
    mien.read_files(folder, out=out / "one.parquet", options=mien.ReadOptions(threads=threads), progress=meter)
    return meter.figures()


def read_on_ray(folder: Path, out: Path, workers: int, partition_size: int) -> Figures:
    meter = Meter()
    with connected(None, workers):
        result = mien.read_dataset(
            folder, out / "ray", workers=workers, partition_size=partition_size, progress=meter, mode="overwrite"
        )
    return meter.figures(result.peak_bytes)


def compare(images: int, rounds: int, partition_size: int) -> None:
    """Print the table of all readers: medians of rounds in which each of them reads all images."""
    taken: dict[str, list[Figures]] = {name: [] for name in READERS}
    with tempfile.TemporaryDirectory() as place:
        folder = link(Path(place, "photos"), list(synthetic_images(Path(place), 10, PHOTO).paths), images)
        for number in range(rounds):
            out = Path(place, f"out {number}")
            out.mkdir()
            calls: dict[str, Callable[[], Figures]] = {
                READERS[0]: lambda out=out: read_here(folder, out / "a", 1),
                READERS[1]: lambda out=out: read_on_ray(folder, out / "b", 1, partition_size),
                READERS[2]: lambda out=out: read_here(folder, out / "c", 0),
                READERS[3]: lambda out=out: read_on_ray(folder, out / "d", 2, partition_size),
            }
            for name, call in calls.items():
                (out / "abcd"[READERS.index(name)]).mkdir()
                taken[name].append(call())
                print(f"round {number + 1}, {name}: {taken[name][-1]}", file=sys.stderr)
    base = taken[READERS[0]]
    print(f"{images} photos of {PHOTO[0]} x {PHOTO[1]} pixels, {rounds} rounds, partitions of {partition_size},")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}\n")
    print(
        "| reader | images/s | ratio | CPU ms per image | ratio | Ray's services, CPU ms | start, s | MB per worker |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, all_figures in taken.items():
        rate, cpu, services, start, peak = (
            statistics.median(getattr(one, what) for one in all_figures)
            for what in ("rate", "cpu_ms", "services_ms", "start_s", "worker_mb")
        )
        rates = statistics.median(one.rate / other.rate for one, other in zip(all_figures, base, strict=True))
        cpus = statistics.median(one.cpu_ms / other.cpu_ms for one, other in zip(all_figures, base, strict=True))
        memory = f"{peak:.0f}" if peak else ""
        print(
            f"| {name} | {rate:.1f} | {rates:.2f} | {cpu:.0f} | {cpus:.2f} | {services:.0f} | {start:.1f} | {memory} |"
        )


def small_faces(place: Path) -> list[Path]:
    """Images of 48 x 48 pixels, each of one face."""
    faces = []
    for number, portrait in enumerate(PORTRAITS):
        faces.append(place / f"face{number}.jpg")
        with Image.open(portrait) as photo:
            photo.convert("L").resize((48, 48)).save(faces[-1])
    return faces


def read_many(images: int, workers: int, partition_size: int | None, photos: Path | None) -> None:
    """Print memory and time of this process while workers read many images: photos, or faces without detection."""
    options = mien.ReadOptions() if photos else mien.ReadOptions(model="tiny", detector="none", flip=False)
    with tempfile.TemporaryDirectory() as place:
        copies = [Path(shutil.copy(path, place)) for path in mien.find_images([photos])] if photos else []
        folder = link(Path(place, "images"), copies or small_faces(Path(place)), images)
        before = memory_mb(os.getpid())
        with connected(None, workers):
            meter = Meter()
            result = mien.read_dataset(
                folder, Path(place, "out"), options, workers=workers, partition_size=partition_size, progress=meter
            )
    found = meter.figures()
    first, last = next(mark for mark in meter.marks if mark.done > 0), meter.marks[-1]
    partitions = (last.done - first.done) * result.partitions / images
    print(f"{images:,} images, {result.partitions} partitions, {workers} workers, load {os.getloadavg()[1]:.1f}:")
    print(f"{found.rate:.0f} images/s, {found.cpu_ms:.2f} CPU ms per image, {result.images + result.errors:,} read,")
    print(f"worker {result.peak_bytes / 1e6:.0f} MB; listing took {meter.marks[0].time - meter.started:.1f} s;")
    per_partition = 1000 * (last.time - first.time) / partitions
    of_driver = 1000 * (last.driver - first.driver) / partitions
    print(f"for each partition {per_partition:.1f} ms, of which the driver computes {of_driver:.1f} ms\n")
    print("| images done | minutes | driver MB |\n|---|---:|---:|")
    print(f"| before the listing | | {before:.0f} |")
    shown = {round(share * (len(meter.marks) - 1)) for share in (0, 0.1, 0.25, 0.5, 0.75, 1)}
    for mark in (meter.marks[index] for index in sorted(shown)):
        print(f"| {mark.done:,} | {(mark.time - meter.started) / 60:.1f} | {mark.memory:.0f} |")


def write_faces(path: Path, images: int) -> None:
    """Random images in the layout of FER2013: ``images`` to train on, and 64 to validate."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["emotion", "pixels", "Usage"])
        for number in range(images + 64):
            pixels = " ".join(map(str, rng.integers(256, size=48 * 48).tolist()))
            table.writerow([number % 7, pixels, "Training" if number < images else "PublicTest"])


def train_once(faces: Path, images: int, out: Path, options: tuple[str, ...], threads: int, epochs: int = 3) -> float:
    """Images per second of ``mien lab train`` in epochs after the first, with their validation."""
    command = [sys.executable, "-m", "mien", "lab", "train", "seven", "--data", str(faces), "--out", str(out)]
    command += ["--epochs", str(epochs), "--set", "schedule.sizes=[]", "--set", "schedule.precision=32-true", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    with (out / "history.csv").open() as file:
        seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
    return images * (epochs - 1) / sum(seconds[1:])


def compare_training(images: int, rounds: int) -> None:
    """Print images per second of training with one and two processes: medians of rounds."""
    taken: dict[str, list[float]] = {name: [] for name in TRAININGS}
    with tempfile.TemporaryDirectory() as place:
        faces = Path(place, "fer2013.csv")
        write_faces(faces, images)
        for number in range(rounds):
            for name, (options, threads) in TRAININGS.items():
                out = Path(place, f"{name} {number}")
                taken[name].append(train_once(faces, images, out, options, threads))
                print(f"round {number + 1}, {name}: {taken[name][-1]:.1f} images/s", file=sys.stderr)
    print(f"Recipe seven at 48 pixels, float32, batches of 128, {images} images, {rounds} rounds,")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}\n")
    print("| training | images/s | speedup |\n|---|---:|---:|")
    base = next(iter(taken.values()))
    for name, rates in taken.items():
        speedup = statistics.median(rate / first for rate, first in zip(rates, base, strict=True))
        print(f"| {name} | {statistics.median(rates):.1f} | {speedup:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, help="default: 200, or 1,024 with --training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partition", type=int, help="images in a partition; default: 25, or that of mien with --long")
    parser.add_argument(
        "--long", type=int, metavar="N", help="read N small images instead, and print the driver's memory"
    )
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="for --long: read hard links of these instead")
    parser.add_argument("--workers", type=int, default=2, help="for --long")
    parser.add_argument("--training", action="store_true", help="measure training instead")
    given = parser.parse_args()
    if given.long:
        read_many(given.long, given.workers, given.partition, given.photos)
    elif given.training:
        compare_training(given.images or 1024, given.rounds)
    else:
        compare(given.images or 200, given.rounds, given.partition or 25)


if __name__ == "__main__":
    main()
