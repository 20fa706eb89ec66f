"""Predict the time of ``mien.read_dataset`` on many cores (``docs/results/scale.md``).

    python research/scale_model.py [--images 1000000]
    python research/scale_model.py --measure           # processor time of the stages on this machine

A run is a listing, the start of the workers, and partitions that go to workers as these become free. The costs come from
``--measure`` and ``benchmarks/scale.py``; those of an object store and a network are assumptions. Simulates slow workers
(stragglers) and small files. Prints Markdown.
"""

import argparse
import heapq
import random
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien import Reader, ReadOptions
from mien.benchmarking.images import synthetic_images
from mien.io.images import read_image
from mien.scale.dataset import MAX_PARTITION

#: Partitions that a worker is given at a time (``mien.scale.engine``), and by default in Ray Data 2.60.
QUEUE, RAY_QUEUE = 1, 2
#: Files that a worker fetches at the same time (``mien.scale.partitions``).
FETCHES = 16


@dataclass(frozen=True)
class Costs:
    """What a run is made of. Times in seconds on one core; photos of 640 x 480 pixels with three faces.

    Attributes:
        decode_s, detect_s, crop_s, classify_s: of one image, by ``--measure``.
        spread: standard deviation of an image's time over its mean, with one to five faces, by ``--measure``.
        overhead: processor time of a worker over that of the reader of one machine, for the same images.
        partition_s: of the driver, for each partition, by ``--long 300 --partition 1``: an upper bound.
        start_s: from the call to the first image of the workers, Ray started on this machine.
        list_s: for 1,000 files of an object store: one request. Assumed. 0 with a manifest.
        latency_s: of one request for a file. Assumed.
        file_bytes: of one image.
        network: bytes per second that all workers together get from the store. Assumed.
        slow_share, slow_factor: share of workers that are slower, and how often. Assumed.
    """

    decode_s: float = 0.0022
    detect_s: float = 0.0098
    crop_s: float = 0.0018
    classify_s: float = 0.0063
    spread: float = 0.18
    overhead: float = 1.0
    partition_s: float = 0.022
    start_s: float = 7.0
    list_s: float = 0.1
    latency_s: float = 0.05
    file_bytes: float = 100_000
    network: float = 3e9
    slow_share: float = 0.0
    slow_factor: float = 3.0

    @property
    def image_s(self) -> float:
        """Processor time of an image in a worker."""
        return self.overhead * (self.decode_s + self.detect_s + self.crop_s + self.classify_s)


@dataclass(frozen=True)
class Run:
    """A simulated run: seconds of its phases, and core-hours that its cluster is held."""

    images: int
    cores: int
    listing_s: float
    reading_s: float
    start_s: float

    @property
    def total_s(self) -> float:
        """From the call to the last partition."""
        return self.listing_s + self.start_s + self.reading_s

    @property
    def core_hours(self) -> float:
        """Per million images."""
        return self.cores * self.total_s / 3600 * 1e6 / self.images


def simulate(costs: Costs, images: int, cores: int, size: int = MAX_PARTITION, queue: int = QUEUE) -> Run:
    """Simulate a run of ``images`` images on ``cores`` workers, in partitions of ``size``, ``queue`` at a time for each."""
    rng = random.Random(0)  # noqa: S311
    todo = [min(size, images - first) for first in range(0, images, size)][::-1]
    partitions = len(todo)
    slow = rng.sample(range(cores), round(costs.slow_share * cores))
    speed = [1.0] * cores
    for worker in slow:
        speed[worker] = 1 / costs.slow_factor
    share = costs.network / cores  # at worst, all fetch at the same time
    free = [0.0] * cores  # when a worker has done all that it was given
    waiting = [
        (0.0, worker) for _ in range(queue) for worker in range(cores)
    ]  # when a place in a worker's queue is free
    heapq.heapify(waiting)
    while todo:
        at, worker = heapq.heappop(waiting)
        n = todo.pop()
        compute = costs.image_s * n * max(0.1, rng.gauss(1, costs.spread / n**0.5)) / speed[worker]
        fetch = n * max(costs.latency_s / FETCHES, costs.file_bytes / share)
        free[worker] = max(free[worker], at) + max(compute, fetch)  # images are fetched while others are read
        heapq.heappush(waiting, (free[worker], worker))
    reading = max(*free, partitions * costs.partition_s)  # the driver handles one partition after the other
    return Run(images, cores, images / 1000 * costs.list_s, reading, costs.start_s)


def speed_table(costs: Costs, images: int) -> str:
    """Predictions for 1 to 1,000 cores, from an object store, with and without a manifest."""
    lines = ["| cores | hours | images/s | core-hours per million | efficiency | with a manifest | 5% slow workers |"]
    lines += ["|---:|---:|---:|---:|---:|---:|---:|"]
    ideal = images * costs.image_s
    for cores in (1, 2, 8, 32, 100, 300, 1000):
        run = simulate(costs, images, cores)
        manifest = simulate(replace(costs, list_s=0), images, cores)
        slow = simulate(replace(costs, list_s=0, slow_share=0.05), images, cores)
        efficiency, with_manifest, with_slow = (
            ideal / cores / one.total_s if one is not None else 1.0 for one in (run, manifest, slow)
        )
        lines.append(
            f"| {cores:,} | {run.total_s / 3600:.2f} | {images / run.total_s:,.0f} | {run.core_hours:.1f} "
            f"| {efficiency:.0%} | {with_manifest:.0%} | {with_slow:.0%} |"
        )
    return "\n".join(lines)


def straggler_table(costs: Costs, images: int, cores: int) -> str:
    """Time until the last partition, by the size of partitions, without and with slow workers."""
    lines = [
        "| images in a partition | partitions | no worker slow | 1% | 5% | 5%, Ray's queue of two |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for size in (50, 100, 250, 500, 1000):
        times = [
            simulate(replace(costs, slow_share=share), images, cores, size=size, queue=queue).reading_s
            for share, queue in ((0, QUEUE), (0.01, QUEUE), (0.05, QUEUE), (0.05, RAY_QUEUE))
        ]
        lines.append(f"| {size} | {images // size:,} | " + " | ".join(f"{one:.0f}" for one in times) + " |")
    return "\n".join(lines)


def small_files_table(costs: Costs, images: int, cores: int) -> str:
    """Images a second by the latency of the store, for photos and for crops that are only classified."""
    crops = replace(costs, decode_s=0.0002, detect_s=0, crop_s=0, classify_s=0.0023, file_bytes=2_000, spread=0.1)
    lines = ["| latency, ms | photos of 100 kB, detected | crops of 2 kB, classified |", "|---:|---:|---:|"]
    for latency in (0.01, 0.05, 0.2, 1.0):
        rates = [images / simulate(replace(one, latency_s=latency), images, cores).reading_s for one in (costs, crops)]
        lines.append(f"| {1000 * latency:.0f} | " + " | ".join(f"{rate:,.0f}" for rate in rates) + " |")
    return "\n".join(lines)


def gpu_bound(costs: Costs, gpus: int) -> float:
    """Images a second that workers with a GPU and one core each cannot exceed: decoding and cropping use the core."""
    return gpus / (costs.overhead * (costs.decode_s + costs.crop_s))


def measure(rounds: int = 5) -> str:
    """Processor ms per image of each stage on one core, and the spread of images: medians over rounds, after a warm-up."""
    reader, clock = Reader(ReadOptions(threads=1)), time.process_time
    taken = []
    with tempfile.TemporaryDirectory() as place:
        paths = synthetic_images(Path(place), 10, (640, 480)).paths
        for _ in range(rounds + 1):
            for path in paths:
                start = clock()
                frame, decoded = read_image(path), clock()
                faces, detected = reader.detect(frame), clock()
                crops, cropped = reader.crop(frame, faces), clock()
                reader.classify(faces, crops)
                taken.append(np.diff([start, decoded, detected, cropped, clock()]))
    stages = np.median(np.reshape(taken, (rounds + 1, len(paths), 4))[1:], axis=0)
    totals = stages.sum(axis=1)
    names = ("decode", "detect", "crop", "classify")
    figures = ", ".join(f"{name} {1000 * value:.1f}" for name, value in zip(names, stages.mean(axis=0), strict=True))
    return f"{figures}; total {1000 * totals.mean():.1f} ms, spread {totals.std() / totals.mean():.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--measure", action="store_true", help="measure the stages on this machine instead")
    given = parser.parse_args()
    if given.measure:
        print(measure())
        return
    costs = Costs()
    print(costs, "\n")
    print(f"{given.images:,} images of an object store\n")
    print(speed_table(costs, given.images))
    print("\n100 cores, slow workers three times as slow\n")
    print(straggler_table(costs, min(given.images, 250_000), 100))
    print("\n100 cores, images/s by the latency of the store\n")
    print(small_files_table(costs, min(given.images, 250_000), 100))
    print(f"\nAt most {gpu_bound(costs, 8):,.0f} images/s with 8 GPUs and a core for each")


if __name__ == "__main__":
    main()
