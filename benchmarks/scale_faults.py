"""Kill nodes and workers of a Ray cluster at random moments of a run, and compare the rows with those of one machine.

    python benchmarks/scale_faults.py [--runs 20] [--images 60] [--seed 0]

The cluster is a head and two nodes with one worker each on this machine (Linux). Each run kills a node or a worker process
with SIGKILL between the first and the last partition, and counts rows that are missing or doubled. Prints Markdown.
"""

import argparse
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from PIL import Image

import mien

EXAMPLES = Path(__file__).parents[1] / "examples"
Kill = Literal["node", "worker"]
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}


@contextmanager
def cluster(nodes: int = 2) -> Iterator[Any]:
    """A Ray cluster on this machine: a head without workers, and nodes with one processor core each."""
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # Ray's spelling
    import ray
    from ray.cluster_utils import Cluster

    head = {**NODE, "num_cpus": 0, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes):
        found.add_node(**NODE)
    found.wait_for_nodes()
    try:
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def workers_of(node: Any) -> list[int]:
    """Process numbers of the partition readers on a node."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for task in Path(f"/proc/{raylet}/task").iterdir():
        for child in (task / "children").read_text().split():
            if b"MapWorker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


def kill(found: Any, what: Kill) -> None:
    """Kill a node, or the first worker that runs, with SIGKILL."""
    if what == "node":
        found.remove_node(next(iter(found.worker_nodes)), allow_graceful=False)
        return
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        for node in found.worker_nodes:
            if pids := workers_of(node):
                os.kill(pids[0], signal.SIGKILL)
                return
        time.sleep(0.05)
    raise RuntimeError("no worker is running")


def read_and_kill(
    found: Any, folder: Path, out: Path, what: Kill, *, after: int, delay_s: float = 0.0, partition_size: int = 3
) -> int:
    """Read a folder on a cluster, and kill a node or a worker ``delay_s`` seconds after ``after`` images are done.

    Returns:
        Number of images that were done when it was killed: less than all, or the run ended too early.
    """
    killers: list[threading.Timer] = []
    failures: list[Exception] = []
    seen: list[int] = []
    at: list[int] = []

    def strike() -> None:
        try:
            kill(found, what)
            at.append(seen[-1])
        except Exception as error:  # noqa: BLE001  # raised in the main thread
            failures.append(error)

    def progress(done: int, _total: int, _note: str = "") -> None:
        seen.append(done)
        if done >= after and not killers:
            killers.append(threading.Timer(delay_s, strike))
            killers[0].start()

    mien.read_dataset(folder, out, address=found.address, partition_size=partition_size, progress=progress)
    for killer in killers:
        killer.join()
    if failures:
        raise failures[0]
    return at[0]


def make_folder(folder: Path, images: int) -> None:
    """Photos of one face each, made of the two examples, no two with the same size."""
    folder.mkdir()
    for number in range(images):
        with Image.open(EXAMPLES / ("astronaut.png", "grace_hopper.jpg")[number % 2]) as photo:
            side = 260 + number
            photo.convert("RGB").resize((side, side * photo.height // photo.width)).save(folder / f"{number}.jpg")


def compare(expected: pd.DataFrame, rows: pd.DataFrame) -> tuple[int, int, bool]:
    """Rows lost, rows doubled, and whether the two tables are equal."""
    keys = ["source", "face"] if "face" in expected else ["source"]
    lost = len(set(map(tuple, expected[keys].values)) - set(map(tuple, rows[keys].values)))
    return lost, int(rows.duplicated(keys).sum()), expected.equals(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as place, cluster() as found:
        folder, out = Path(place, "photos"), Path(place, "out")
        make_folder(folder, given.images)
        mien.read_files(folder, out=Path(place, "single.parquet"))
        expected = pd.read_parquet(Path(place, "single.parquet"))
        print(f"{given.images} images, {len(expected)} rows, seed {given.seed}\n")
        print("| run | killed | after images | rows lost | doubled | equal | total s |\n|---|---|---|---|---|---|---|")
        for run in range(given.runs):
            what: Kill = "node" if run % 2 == 0 else "worker"
            after, delay_s = chance.randrange(1, given.images * 2 // 3), chance.uniform(0, 0.5)
            started = time.perf_counter()
            killed = read_and_kill(found, folder, out, what, after=after, delay_s=delay_s)
            seconds = time.perf_counter() - started
            if what == "node":
                found.add_node(**NODE)
                found.wait_for_nodes()
            lost, doubled, equal = compare(expected, pd.read_parquet(out / "rows"))
            print(f"| {run + 1} | {what} | {killed} | {lost} | {doubled} | {equal} | {seconds:.0f} |", flush=True)
            shutil.rmtree(out)


if __name__ == "__main__":
    main()
