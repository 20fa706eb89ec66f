"""Train the face detector: AdamW with a cosine schedule, an average of the weights, checkpoints that resume exactly."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ...detection.anchor_free import MAX_OVERLAP, STRIDES, decode
from ...detection.base import suppress
from ...detection.pyramid import Detections, to_blob
from ...errors import ModelError, OptionError
from ...io.atomic import write_atomically
from ...progress import Progress, no_progress
from .augment import Augmenter, Sample
from .data import FaceData, Floats, Pixels
from .evaluate import LOWEST_SCORE, Finder, evaluate
from .loss import Targets, detection_loss
from .network import DetectorNetwork
from .recipe import DetectorRecipe, detector_recipe_from_dict, load_detector_recipe

CHECKPOINT = "last.ckpt"
Row = dict[str, float]


def train_detector(
    recipe: DetectorRecipe | str | Path,
    data: FaceData,
    out: str | Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    cache: bool = True,
    threads: int = 1,
    on_epoch: Callable[[Row], None] = lambda _row: None,
    progress: Progress = no_progress,
) -> Path:
    """Train a face detector on the CPU.

    Args:
        recipe: a recipe, its path, or the name of an included one.
        data: from ``read_faces``.
        out: folder for ``last.ckpt`` and ``metrics.csv``.
        resume: continue from ``last.ckpt``; the result equals an uninterrupted training.
        init: initial weights: a checkpoint of a network with as many or fewer layers.
        cache: keep decoded photos in memory (2.5 GB for 8,000 photos of 640 pixels).
        threads: processor threads of torch.
        on_epoch: called with the metrics of each epoch.
        progress: called after each step.

    Returns:
        The checkpoint.

    Raises:
        OptionError: ``out`` holds a training and ``resume`` is False.
        ModelError: a checkpoint is missing, damaged or of another network.
        OutputError: ``out`` cannot be written to.
        RecipeError: the recipe is missing or invalid.
    """
    recipe, out = recipe if isinstance(recipe, DetectorRecipe) else load_detector_recipe(recipe), Path(out)
    if not resume and (out / CHECKPOINT).exists():
        raise OptionError(f"{out / CHECKPOINT} exists", hint="Add --resume to continue, or choose another --out.")
    torch.set_num_threads(threads)
    training = DetectorTraining(recipe, data, out, cache)
    if resume:
        training.resume()
    elif init is not None:
        training.start_from(init)
    training.run(on_epoch, progress)
    return out / CHECKPOINT


class DetectorTraining:
    """One training: network, averaged weights, optimizer, and the epoch and step reached."""

    def __init__(self, recipe: DetectorRecipe, data: FaceData, out: Path, cache: bool = False) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.out = recipe, data, out
        self.network = build_network(recipe).to(memory_format=torch.channels_last)
        self.average = build_network(recipe).eval()
        self.average.load_state_dict(self.network.state_dict())
        kernels, others = ([p for p in self.network.parameters() if (p.ndim > 1) == wide] for wide in (True, False))
        groups: list[dict[str, Any]] = [{"params": kernels}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, foreach=True)
        self.augmenter = Augmenter(data, recipe, cache)
        self.epoch = self.step = 0  # completed epochs; steps of the current epoch
        self.rows: list[Row] = []
        self.sums: Row = {}
        self.cost = {"wall_s": 0.0, "cpu_s": 0.0}  # over all resumptions
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._saved = time.monotonic()

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return max(1, len(self.data.train) // self.recipe.batch)

    @property
    def steps(self) -> int:
        """Optimizer steps so far."""
        return self.epoch * self.steps_per_epoch + self.step

    def run(self, on_epoch: Callable[[Row], None] = lambda _row: None, progress: Progress = no_progress) -> None:
        """Train to the last epoch of the recipe, with checkpoints and evaluations."""
        while self.epoch < self.recipe.epochs:
            self.run_epoch(progress)
            self.epoch, self.step = self.epoch + 1, 0
            self._record()
            self.save()
            on_epoch(self.rows[-1])

    def run_epoch(self, progress: Progress = no_progress) -> None:
        """Run the remaining steps of the current epoch."""
        recipe, total = self.recipe, self.recipe.epochs * self.steps_per_epoch
        order = np.random.default_rng((recipe.seed, self.epoch)).permutation(len(self.data.train))
        if self.step == 0:
            self.sums = {}
        batches = self._prefetched(order)
        for step in range(self.step, self.steps_per_epoch):
            for name, value in self._learn(next(batches)).items():
                self.sums[name] = self.sums.get(name, 0.0) + value
            self.step = step + 1
            progress(self.steps, total, f"epoch {self.epoch + 1}, loss {self.sums['loss'] / self.step:.3f}")
            if time.monotonic() - self._saved > recipe.checkpoint_minutes * 60:
                self.save()

    def _prefetched(self, order: npt.NDArray[np.int64]) -> Iterator[list[Sample]]:
        """The batches from the current step on; each is made while the network learns from the one before."""
        first, size = self.step, self.recipe.batch

        def batch(step: int) -> list[Sample]:
            chosen = order[step * size : (step + 1) * size]
            return [self.augmenter.sample(self.epoch, int(index)) for index in chosen]

        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(batch, first)
            for step in range(first + 1, self.steps_per_epoch + 1):
                ready, ahead = ahead.result(), pool.submit(batch, step)  # the last one is empty
                yield ready

    def _learn(self, samples: list[Sample]) -> Row:
        images, targets = to_batch(samples)
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        height, width = images.shape[2:]
        weights = self.recipe.box_weight, self.recipe.landmark_weight
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            outputs = self.network(images.contiguous(memory_format=torch.channels_last))
        losses = detection_loss(outputs, targets, height, width, *weights)
        self.optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self._update_average()
        return {name: float(value.detach()) for name, value in losses.items()} | {"gradient": float(norm)}

    def _rate(self) -> float:
        total = self.recipe.epochs * self.steps_per_epoch
        warmup = max(1.0, self.recipe.warmup * total)
        if self.steps < warmup:
            return self.recipe.lr * (self.steps + 1) / (warmup + 1)
        return self.recipe.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * (self.steps - warmup) / (total - warmup))) / 2)

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.recipe.ema, (1 + self.steps) / (10 + self.steps))
        mine, theirs = self.average.state_dict(), self.network.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], 1 - decay)

    def _record(self) -> None:
        self._add_cost()
        row = {"epoch": float(self.epoch), **{k: v / self.steps_per_epoch for k, v in self.sums.items()}}
        row |= {"lr": self._rate(), "wall_h": self.cost["wall_s"] / 3600, "cpu_h": self.cost["cpu_s"] / 3600}
        if self.epoch % self.recipe.evaluate_every == 0 or self.epoch in (1, self.recipe.epochs):
            row |= evaluate(torch_finder(self.average), self.data.val, self.data.background).row()
        self.rows.append(row)
        table = pd.DataFrame(self.rows).to_csv(index=False, float_format="%.5g")
        write_atomically(self.out / "metrics.csv", table.encode())

    def _add_cost(self) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        self.cost["wall_s"] += wall - self._wall
        self.cost["cpu_s"] += cpu - self._cpu
        self._wall, self._cpu = wall, cpu

    def save(self) -> None:
        """Write ``last.ckpt``, completely or not at all."""
        self._add_cost()
        content = io.BytesIO()
        torch.save(
            {
                "recipe": self.recipe.model_dump(), "network": self.network.state_dict(),
                "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                "epoch": self.epoch, "step": self.step, "rows": self.rows, "sums": self.sums, "spent": self.cost,
            },
            content,
        )  # fmt: skip
        write_atomically(self.out / CHECKPOINT, content.getvalue())
        self._saved = time.monotonic()

    def start_from(self, path: Path) -> None:
        """Take the averaged weights of another training; ``ModelError`` if they are missing or of other layers."""
        try:
            is_plain = path.suffix == ".safetensors"
            self.network.grow_from(load_file(path) if is_plain else load_network(path).state_dict())
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"{path} does not fit the recipe: {error}") from error
        self.average.load_state_dict(self.network.state_dict())

    def resume(self) -> None:
        """Continue from ``last.ckpt`` with the same steps as uninterrupted; ``ModelError`` if it does not fit."""
        state = load_checkpoint(self.out / CHECKPOINT)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"{self.out / CHECKPOINT} does not fit the recipe: {error}") from error
        names = ("epoch", "step", "rows", "sums", "spent")
        self.epoch, self.step, self.rows, self.sums, self.cost = (state[name] for name in names)


def build_network(recipe: DetectorRecipe) -> DetectorNetwork:
    """The network of a recipe, untrained."""
    return DetectorNetwork(recipe.widths, recipe.neck, recipe.depths, recipe.refine)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint, without running any code in it; ``ModelError`` if it is missing or damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"no checkpoint at {path}", hint="Remove --resume to start from the beginning.") from error
    except Exception as error:  # the unpickler raises anything for a damaged file
        raise ModelError(f"{path} is no checkpoint of the detector: {error}") from error
    return state


def load_network(path: Path) -> DetectorNetwork:
    """The averaged network in a checkpoint, in evaluation mode; ``ModelError`` if it is missing or damaged."""
    state = load_checkpoint(path)
    try:
        network = build_network(detector_recipe_from_dict(state["recipe"])).eval()
        network.load_state_dict(state["average"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is no checkpoint of the detector: {error}") from error
    return network


def to_batch(samples: list[Sample]) -> tuple[Tensor, Targets]:
    """Images, float32 (N, 3, size, size), and the faces in them."""
    images = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2).float()
    labels = [sample.labels for sample in samples]
    targets = (
        np.repeat(np.arange(len(samples)), [len(each.boxes) for each in labels]),
        np.concatenate([each.boxes for each in labels]),
        np.concatenate([each.landmarks for each in labels]),
        np.stack([_ignored_points(each.ignore, *samples[0].image.shape[:2]) for each in labels]),
    )
    return images, Targets(*map(torch.from_numpy, targets))


def _ignored_points(boxes: Floats, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Bool (A,): the anchor points whose cell touches a box to ignore."""
    maps = []
    for stride in STRIDES:
        cells = np.zeros((height // stride, width // stride), bool)
        for x0, y0, x1, y1 in boxes / stride:
            cells[max(0, int(y0)) : math.ceil(y1), max(0, int(x0)) : math.ceil(x1)] = True
        maps.append(cells.ravel())
    return np.concatenate(maps)


def torch_finder(network: DetectorNetwork) -> Finder:
    """A finder for ``evaluate`` that runs a network in torch."""

    def find(image: Pixels) -> Detections:
        blob = to_blob(image)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(blob).contiguous(memory_format=torch.channels_last))[0].numpy()
        found = decode(outputs, blob.shape[2], blob.shape[3], LOWEST_SCORE)
        best = suppress(found.boxes, found.scores, MAX_OVERLAP)
        return Detections(found.boxes[best], found.scores[best], found.landmarks[best])

    return find
