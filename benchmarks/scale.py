"""Measure reading on Ray workers beside the reader of one machine, in the same run (Linux).

    python benchmarks/scale.py                         # images/s and processor time, one and two workers
    python benchmarks/scale.py --long 100000           # memory of the driver over many small images

Photos of 640 x 480 pixels with one to five faces, as hard links of ten files. Rates are those after the first partition, so
the start of Ray and of the workers is a column of its own. ``CPU ms`` is the processor time per image of the processes that
read: unlike the rates, other programs on the machine hardly change it. Ray's services are the driver, the scheduler and the
object store; they take most of their time per second, not per image. Prints Markdown.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import mien
from mien.benchmarking.images import synthetic_images
from mien.scale.engine import connected

PHOTO = (640, 480)
#: The first of these is what the others are compared with.
READERS = ("one thread", "Ray, 1 worker", "all threads", "Ray, 2 workers")


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
    """The state at a number of finished images: time, and processor seconds of those that read and of Ray's services."""

    done: int
    time: float
    reading: float
    services: float
    memory: float


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
        self.marks.append(Mark(done, now, cpu_seconds(workers), cpu_seconds(services), memory_mb(own)))

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


def read_many(images: int, workers: int) -> None:
    """Print the memory of this process while workers read many small images, each of one face, without detection."""
    options = mien.ReadOptions(model="tiny", detector="none", flip=False)
    with tempfile.TemporaryDirectory() as place:
        from PIL import Image

        from mien.benchmarking.images import PORTRAITS

        faces = []
        for number, portrait in enumerate(PORTRAITS):
            faces.append(Path(place, f"face{number}.jpg"))
            with Image.open(portrait) as photo:
                photo.convert("L").resize((48, 48)).save(faces[-1])
        folder = link(Path(place, "faces"), faces, images)
        before = memory_mb(os.getpid())
        with connected(None, workers):
            meter = Meter()
            result = mien.read_dataset(folder, Path(place, "out"), options, workers=workers, progress=meter)
    found = meter.figures()
    print(f"{images:,} images, {result.partitions} partitions, {workers} workers, load {os.getloadavg()[1]:.1f}:")
    print(f"{found.rate:.0f} images/s, {found.cpu_ms:.2f} CPU ms per image, {result.images + result.errors:,} read,")
    print(f"worker {result.peak_bytes / 1e6:.0f} MB; listing took {meter.marks[0].time - meter.started:.1f} s\n")
    print("| images done | driver MB |\n|---|---:|")
    print(f"| before the listing | {before:.0f} |")
    shown = {round(share * (len(meter.marks) - 1)) for share in (0, 0.1, 0.25, 0.5, 0.75, 1)}
    for index in sorted(shown):
        print(f"| {meter.marks[index].done:,} | {meter.marks[index].memory:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--partition", type=int, default=25, help="images in a partition")
    parser.add_argument(
        "--long", type=int, metavar="N", help="read N small images instead, and print the driver's memory"
    )
    parser.add_argument("--workers", type=int, default=2, help="for --long")
    given = parser.parse_args()
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's workers would give way to other programs
    if given.long:
        read_many(given.long, given.workers)
    else:
        compare(given.images, given.rounds, given.partition)


if __name__ == "__main__":
    main()
