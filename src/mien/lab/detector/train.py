"""Train the face detector: ``python -m mien.lab.detector.train RECIPE --data FOLDER --out FOLDER [--resume]``."""

from __future__ import annotations

import argparse
import csv
import io
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...detection.anchor_free import MAX_OVERLAP, STRIDES, decode
from ...detection.base import suppress
from ...detection.pyramid import Detections, to_blob
from ...errors import ModelError, OptionError
from ...io.atomic import write_atomically
from .augment import Augmenter, Sample
from .data import FaceData, Pixels, read_faces
from .evaluate import LOWEST_SCORE, Finder, evaluate
from .loss import Targets, detection_loss
from .network import FaceNetwork
from .recipe import DetectorRecipe, read_recipe, recipe_from_dict

CHECKPOINT = "last.ckpt"


@dataclass
class Spent:
    """What a training has cost so far, over all its resumptions: seconds of wall time and of processor time."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


class DetectorTraining:
    """One training: network, its average, optimizer and the place it has reached.

    Args:
        recipe: the settings.
        data: the photos.
        out: folder for checkpoints and ``metrics.csv``.
        keep: hold decoded photos in memory.
    """

    def __init__(self, recipe: DetectorRecipe, data: FaceData, out: Path, keep: bool = False) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.out = recipe, data, out
        self.network = build_network(recipe).to(memory_format=torch.channels_last)
        self.average = build_network(recipe).eval()
        self.average.load_state_dict(self.network.state_dict())
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, foreach=True)
        self.augmenter = Augmenter(data, recipe, keep)
        self.epoch = self.step = 0  # epochs done; steps done in the epoch under way
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.spent = Spent()
        self._wall, self._cpu = time.monotonic(), time.process_time()
        self._saved = time.monotonic()

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return max(1, len(self.data.train) // self.recipe.batch)

    def run(self) -> None:
        """Train to the last epoch of the recipe, saving and measuring on the way."""
        while self.epoch < self.recipe.epochs:
            self._run_epoch()
            self.epoch, self.step = self.epoch + 1, 0
            self._record()
            self.save()

    def _run_epoch(self) -> None:
        recipe = self.recipe
        order = np.random.default_rng((recipe.seed, self.epoch)).permutation(len(self.data.train))
        if self.step == 0:
            self.sums = {}
        for step in range(self.step, self.steps_per_epoch):
            chosen = order[step * recipe.batch : (step + 1) * recipe.batch]
            samples = [self.augmenter.sample(self.epoch, int(index)) for index in chosen]
            for name, value in self._learn(samples).items():
                self.sums[name] = self.sums.get(name, 0.0) + value
            self.step = step + 1
            if time.monotonic() - self._saved > recipe.checkpoint_minutes * 60:
                self.save()
                means = {name: round(value / self.step, 4) for name, value in self.sums.items()}
                print(f"epoch {self.epoch} step {self.step}/{self.steps_per_epoch} {means}", flush=True)  # noqa: T201

    def _learn(self, samples: list[Sample]) -> dict[str, float]:
        images, targets = to_batch(samples)
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        height, width, recipe = images.shape[2], images.shape[3], self.recipe
        weights = recipe.box_weight, recipe.landmark_weight
        losses = detection_loss(self.network(images), targets, height, width, *weights)
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self._update_average()
        return {
            "loss": float(losses.total.detach()), "score_loss": float(losses.score), "box_loss": float(losses.box),
            "landmark_loss": float(losses.landmark), "positives": float(losses.positives), "gradient": float(norm),
        }  # fmt: skip

    def _rate(self) -> float:
        done = self.epoch * self.steps_per_epoch + self.step
        total = self.recipe.epochs * self.steps_per_epoch
        warmup = max(1.0, self.recipe.warmup * total)
        if done < warmup:
            return self.recipe.lr * (done + 1) / (warmup + 1)
        return self.recipe.lr * (0.01 + 0.99 * (1 + math.cos(math.pi * (done - warmup) / (total - warmup))) / 2)

    @torch.no_grad()
    def _update_average(self) -> None:
        done = self.epoch * self.steps_per_epoch + self.step
        decay = min(self.recipe.ema, (1 + done) / (10 + done))
        mine, theirs = self.average.state_dict(), self.network.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], 1 - decay)

    def _record(self) -> None:
        self._account()
        last = self.epoch == self.recipe.epochs
        row = {"epoch": float(self.epoch), **{k: v / self.steps_per_epoch for k, v in self.sums.items()}}
        row |= {"lr": self._rate(), "wall_h": self.spent.wall_s / 3600, "cpu_h": self.spent.cpu_s / 3600}
        if self.epoch % self.recipe.evaluate_every == 0 or last or self.epoch == 1:
            row |= evaluate(torch_finder(self.average), self.data.val, self.data.background).row()
        self.rows.append(row)
        names = list(dict.fromkeys(name for each in self.rows for name in each))
        table = io.StringIO()
        writer = csv.DictWriter(table, names)
        writer.writeheader()
        writer.writerows({name: f"{value:.5g}" for name, value in each.items()} for each in self.rows)
        write_atomically(self.out / "metrics.csv", table.getvalue().encode())
        print({name: float(f"{value:.4g}") for name, value in row.items()}, flush=True)  # noqa: T201

    def _account(self) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        self.spent.wall_s += wall - self._wall
        self.spent.cpu_s += cpu - self._cpu
        self._wall, self._cpu = wall, cpu

    def save(self) -> None:
        """Write ``last.ckpt``, whole or not at all."""
        self._account()
        content = io.BytesIO()
        torch.save(
            {
                "recipe": asdict(self.recipe), "network": self.network.state_dict(),
                "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
                "epoch": self.epoch, "step": self.step, "rows": self.rows, "sums": self.sums, "spent": asdict(self.spent),
            },
            content,
        )  # fmt: skip
        write_atomically(self.out / CHECKPOINT, content.getvalue())
        self._saved = time.monotonic()

    def start_from(self, path: Path) -> None:
        """Take the averaged weights of another training's checkpoint, of a network with as many or fewer layers.

        Raises:
            ModelError: there is none, or it is damaged or of another kind of network.
        """
        weights = load_network(path).state_dict()
        try:
            self.network.grow_from(weights)
        except ValueError as error:
            raise ModelError(f"{path} does not fit the recipe: {error}") from error
        self.average.load_state_dict(self.network.state_dict())

    def resume(self) -> None:
        """Continue from ``last.ckpt``: the same steps as if the training had not stopped.

        Raises:
            ModelError: there is none, or it is damaged or of another network.
        """
        state = load_checkpoint(self.out / CHECKPOINT)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"{self.out / CHECKPOINT} does not fit the recipe: {error}") from error
        self.epoch, self.step, self.rows, self.sums = (state[name] for name in ("epoch", "step", "rows", "sums"))
        self.spent = Spent(**state["spent"])


def build_network(recipe: DetectorRecipe) -> FaceNetwork:
    """The network that a recipe describes, untrained."""
    return FaceNetwork(recipe.widths, recipe.neck, recipe.depths, recipe.refine)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; nothing in the file is executed.

    Raises:
        ModelError: the file is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"no checkpoint at {path}", hint="Leave out --resume to start from the beginning.") from error
    except Exception as error:  # damaged files raise whatever the unpickler stumbles over
        raise ModelError(f"{path} is no checkpoint of the detector: {error}") from error
    return state


def load_network(path: Path) -> FaceNetwork:
    """The averaged network in a checkpoint, in evaluation mode.

    Raises:
        ModelError: the file is missing, damaged, or no checkpoint of the detector.
    """
    state = load_checkpoint(path)
    try:
        recipe = recipe_from_dict(state["recipe"])
        network = build_network(recipe).eval()
        network.load_state_dict(state["average"])
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path} is no checkpoint of the detector: {error}") from error
    return network


def to_batch(samples: list[Sample]) -> tuple[Tensor, Targets]:
    """Images float32 (N, 3, size, size), and the faces in them."""
    images = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2).float()
    height, width = samples[0].image.shape[:2]
    ignored = np.stack([_ignored_places(sample.labels.ignore, height, width) for sample in samples])
    counts = [len(sample.labels.boxes) for sample in samples]
    targets = Targets(
        torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
        torch.from_numpy(np.concatenate([sample.labels.boxes for sample in samples])),
        torch.from_numpy(np.concatenate([sample.labels.landmarks for sample in samples])),
        torch.from_numpy(ignored),
    )
    return images, targets


def _ignored_places(boxes: np.ndarray[Any, np.dtype[np.float32]], height: int, width: int) -> np.ndarray[Any, Any]:
    """The places, bool (A,), whose cell touches a box to ignore."""
    maps = []
    for stride in STRIDES:
        cells = np.zeros((height // stride, width // stride), bool)
        for x0, y0, x1, y1 in boxes / stride:
            cells[max(0, int(y0)) : math.ceil(y1), max(0, int(x0)) : math.ceil(x1)] = True
        maps.append(cells.ravel())
    return np.concatenate(maps)


def torch_finder(network: FaceNetwork) -> Finder:
    """A finder for ``evaluate`` that runs a network in torch."""

    def find(image: Pixels) -> Detections:
        blob = to_blob(image)
        with torch.inference_mode():
            outputs = network(torch.from_numpy(blob).contiguous(memory_format=torch.channels_last))[0].numpy()
        found = decode(outputs, blob.shape[2], blob.shape[3], LOWEST_SCORE)
        best = suppress(found.boxes, found.scores, MAX_OVERLAP)
        return Detections(found.boxes[best], found.scores[best], found.landmarks[best])

    return find


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mien.lab.detector.train", description="Train the face detector.")
    parser.add_argument("recipe", help="TOML file or the name of a recipe.")
    parser.add_argument("--data", type=Path, required=True, help="Folder of parquet files with faces.")
    parser.add_argument("--fer2013", type=Path, help="Folder with fer2013.py: paste these faces too.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for checkpoints and figures.")
    parser.add_argument("--resume", action="store_true", help="Continue from the checkpoint in --out.")
    parser.add_argument("--init", type=Path, help="Checkpoint of another training to take the weights of.")
    parser.add_argument("--epochs", type=int, help="Epochs in total. Default: the recipe's.")
    parser.add_argument("--threads", type=int, default=1, help="Processor threads. Default: 1.")
    parser.add_argument("--no-cache", action="store_true", help="Decode photos each time: slower, 2.5 GB less memory.")
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    arguments = _arguments()
    recipe = read_recipe(arguments.recipe)
    if arguments.epochs is not None:
        recipe = replace(recipe, epochs=arguments.epochs)
    if not arguments.resume and (arguments.out / CHECKPOINT).exists():
        raise OptionError(
            f"{arguments.out / CHECKPOINT} exists", hint="Add --resume to continue, or choose another --out."
        )
    torch.set_num_threads(arguments.threads)
    training = DetectorTraining(
        recipe, read_faces(arguments.data, arguments.fer2013), arguments.out, not arguments.no_cache
    )
    if arguments.resume:
        training.resume()
    elif arguments.init is not None:
        training.start_from(arguments.init)
    training.run()


if __name__ == "__main__":
    main()
