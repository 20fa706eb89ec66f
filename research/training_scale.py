"""Predict the time of an epoch of ``mien lab train`` on several devices (``docs/results/scale.md``).

    python research/training_scale.py                  # predictions for 8 GPUs and for two processor cores
    python research/training_scale.py --measure        # the inputs, on this machine

A step is the work of the host (Python, the launch of kernels, the batch), the computation of a share of the batch, and the
exchange of the gradients. On a GPU, host and computation overlap. An epoch adds validation, checkpoints and curves, which
do not depend on the number of devices. No GPU was measured: its costs are assumptions. Prints Markdown.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import distributed, multiprocessing

from mien.data.dataset import Dataset, Votes
from mien.lab import train
from mien.lab.recipe import changed, load_recipe
from mien.model.card import load_model

#: A batch of the recipe ``default``, and its smallest image.
BATCH, SMALLEST = 128, 16


@dataclass(frozen=True)
class Costs:
    """What an epoch costs; times in seconds.

    Attributes:
        images, validated: to train on and to validate: those of FER2013.
        image_s: to train on one image, by ``--measure`` on one core. On a GPU, 6 operations for each multiply-add of the
            network, at an assumed 20 TFLOP/s.
        host_s: of a step in Python and in torch before it computes, by ``--measure``: of a network whose layers have four
            channels, on tiny images. Launching kernels on a GPU is assumed to take as long.
        update_s: to update the weights in a step, by ``--measure`` on one core. On a GPU, assumed 0.
        epoch_s: of an epoch, apart from its steps, by ``--measure``: checkpoints, curves, the start of validation.
        parameters: of the network; their gradients are exchanged in float32.
        link: bytes per second between devices: by ``--measure`` with gloo on a processor, assumed on GPUs.
        latency_s: of one exchange: assumed.
        overlap: whether host and device work at the same time, as on a GPU.
    """

    images: int = 28_709
    validated: int = 3_589
    image_s: float = 0.0
    host_s: float = 0.0
    update_s: float = 0.0
    epoch_s: float = 0.0
    parameters: int = 0
    link: float = 50e9
    latency_s: float = 50e-6
    overlap: bool = False

    def step_s(self, batch: int, devices: int) -> float:
        """Seconds of one step with a batch of ``batch`` images, divided among ``devices``."""
        compute = batch / devices * self.image_s
        work = max(self.host_s, compute) if self.overlap else self.host_s + self.update_s + compute
        # DDP sends early gradients during the computation, so this is an upper bound
        sent = 2 * (devices - 1) / devices * 4 * self.parameters / self.link
        return work + (sent + self.latency_s if devices > 1 else 0)

    def epoch(self, batch: int, devices: int) -> float:
        """Seconds of one epoch; an image to validate takes a third of one to train on."""
        validation = self.validated / devices * self.image_s / 3
        return self.images // batch * self.step_s(batch, devices) + validation + self.epoch_s


#: The recipe ``default`` on one core, by ``--measure``.
CORE = Costs(image_s=0.0105, host_s=0.0102, update_s=0.0176, epoch_s=0.25, parameters=1_914_543, link=4.7e8)
#: 6 operations for each multiply-add, forward and backward, at the rate that is assumed.
OPERATIONS, RATE = 6, 20e12


def on_gpu(costs: Costs, macs: float) -> Costs:
    """The costs on GPUs, of a network with ``macs`` multiply-adds for an image."""
    return replace(costs, image_s=OPERATIONS * macs / RATE, link=Costs.link, overlap=True)


def gpu_table(costs: Costs, batches: tuple[int, ...], devices: tuple[int, ...] = (1, 2, 4, 8)) -> str:
    """Images per second, and speedup over one GPU with the same batch."""
    lines = ["| batch | " + " | ".join(f"{n} GPU{'s' * (n > 1)}" for n in devices) + " | a step on 8: host, images |"]
    lines += ["|---:" * (len(devices) + 2) + "|"]
    for batch in batches:
        one = costs.epoch(batch, 1)
        trained = costs.images // batch * batch
        cells = [f"{trained / costs.epoch(batch, n):,.0f} ({one / costs.epoch(batch, n):.1f})" for n in devices]
        share = 1000 * batch / devices[-1] * costs.image_s
        lines.append(f"| {batch:,} | " + " | ".join(cells) + f" | {1000 * costs.host_s:.1f} ms, {share:.1f} ms |")
    return "\n".join(lines)


def synthetic(n: int, size: int) -> Dataset:
    """``n`` random images to train on, and two to validate."""
    rng, total = np.random.default_rng(0), n + 2
    labels = np.arange(total) % 7
    votes = np.zeros((total, 8), np.uint8)
    votes[np.arange(total), labels] = 10
    none = np.zeros(total, np.uint8)
    split = np.where(np.arange(total) < n, "train", "validation")
    images = rng.integers(256, size=(total, size, size), dtype=np.uint8)
    return Dataset("synthetic", images, labels, split, Votes(votes, none, none))


def epoch_seconds(size: int, batch: int, steps: int, *, thin: bool = False, rounds: int = 3) -> float:
    """Processor seconds of an epoch of the recipe ``default`` in float32: the median of those after the first."""
    changes = {"input.size": size, "schedule.sizes": (), "schedule.batch": batch, "schedule.precision": "32-true"}
    changes |= {"network.widths": [4, 4, 4, 4]} if thin else {}
    recipe = changed(load_recipe("default"), {**changes, "schedule.epochs": rounds + 1})
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        faces = synthetic(batch * steps, size)
        train(recipe, faces, Path(place, "run"), on_epoch=lambda _: ends.append(time.process_time()))
    return statistics.median(np.diff(ends))


def exchange_seconds(parameters: int, rounds: int = 20) -> float:
    """Seconds in which two processes on this machine add up the gradients of a network, with gloo: the least of several."""
    with tempfile.TemporaryDirectory() as place:
        multiprocessing.spawn(_exchange, (parameters, rounds, place), nprocs=2)
        return float(Path(place, "seconds").read_text())


def _exchange(rank: int, parameters: int, rounds: int, place: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{place}/group", rank=rank, world_size=2)
    gradients, taken = torch.rand(parameters), []
    for _ in range(rounds):
        started = time.perf_counter()
        distributed.all_reduce(gradients)
        taken.append(time.perf_counter() - started)
    distributed.destroy_process_group()
    if rank == 0:
        Path(place, "seconds").write_text(str(min(taken)))


def measure() -> str:
    """The inputs of the model on this machine, as arguments of ``Costs``."""
    torch.set_num_threads(1)
    few, many = 20, 100
    short, long = (epoch_seconds(SMALLEST, 4, steps, thin=True) for steps in (few, many))
    host = (long - short) / (many - few)
    short, long = (epoch_seconds(SMALLEST, 4, steps) for steps in (few, many))
    update = (long - short) / (many - few) - host
    epoch = max(0.0, short - few * (host + update))
    whole = epoch_seconds(load_recipe("default").input.size, BATCH, 2)
    image = ((whole - epoch) / 2 - host - update) / BATCH
    parameters = load_model("default")[0].parameters
    exchange = exchange_seconds(parameters)
    figures = (
        f"image_s={image:.5f}, host_s={host:.4f}, update_s={update:.4f}, epoch_s={epoch:.2f}, parameters={parameters}"
    )
    return f"{figures}, link={4 * parameters / exchange:.2g}; load {os.getloadavg()[1]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure the inputs on this machine instead")
    if parser.parse_args().measure:
        print(measure())
        return
    macs = load_model("default")[0].macs
    speedup = CORE.epoch(BATCH, 1) / CORE.epoch(BATCH, 2)
    print(f"{CORE}\n\nTwo cores, batch {BATCH}: {speedup:.2f} times as fast as one\n")
    print(f"Recipe default, {macs / 1e6:.0f} million multiply-adds: images/s (speedup)\n")
    print(gpu_table(on_gpu(CORE, macs), (128, 512, 2048)))
    large = replace(on_gpu(CORE, 4.1e9), host_s=3 * CORE.host_s, parameters=25_600_000)
    print("\nResNet-50 at 224 pixels, three times the work of the host (assumed): images/s (speedup)\n")
    print(gpu_table(large, (128, 512, 2048)))


if __name__ == "__main__":
    main()
