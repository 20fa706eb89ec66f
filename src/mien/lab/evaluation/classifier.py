"""Open a trained classifier in any format, and predict logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...emotions import LABEL_SETS
from ...errors import ModelError
from ...extras import require
from ...model.card import MODEL_FILES, SHIPPED, HeadCard, InputSpec, ModelCard, load_model, shipped_models
from ...model.preprocess import resize, to_tensor
from ...model.session import open_session
from ..recipe import Head

if TYPE_CHECKING:
    from ..networks.build import MultiHead
    from ..recipe import Recipe

Logits = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Classifier:
    """A trained network, ready for images.

    Attributes:
        heads: its outputs; temperatures are 1 if none are fitted.
        recipe_heads: for each head, its label set and targets, which determine the true classes.
        run: network input, float32 (N, C, S, S) -> logits, float32 (N, K), for each head.
        sha256: of the weights file, in hex; empty for a checkpoint.
    """

    name: str
    input: InputSpec
    heads: dict[str, HeadCard]
    recipe_heads: dict[str, Head]
    parameters: int
    run: Callable[[npt.NDArray[np.float32]], Logits]
    sha256: str = ""

    def logits(self, images: npt.NDArray[np.uint8]) -> Logits:
        """Faces of any size, uint8 (N, H, W) gray or (N, H, W, 3) RGB -> logits, float32 (N, K), for each head."""
        return self.run(to_tensor(resize(images, self.input.size), self.input))


def open_classifier(model: str | Path, threads: int = 0) -> Classifier:
    """Open a trained model.

    Args:
        model: exported weights or an ensemble (``.onnx``) or a baseline (``.skops``) with the card beside it, a checkpoint
            (``.ckpt``), the folder of a run or of one exported model, or the name of a model that comes with mien; a folder
            of that name takes precedence.
        threads: processor threads for ONNX weights; 0 takes all.

    Raises:
        ModelError: there is no such model, it is damaged, or its weights are not those of its card.
        MissingExtraError: it is a checkpoint and torch is not installed.
    """
    file = weights_file(model)
    if file.suffix.lower() in MODEL_FILES:
        card, weights = load_model(file)
        return classifier_of_onnx(weights, card, threads)
    if file.suffix.lower() == ".ckpt":
        require("torch", "lab")
        from ..training.checkpoint import restore_network  # noqa: PLC0415  # needs torch

        return classifier_of_network(*restore_network(file))
    raise _unknown(model)


def check_model(model: str | Path) -> None:
    """Raise a ``ModelError`` where ``open_classifier`` would find no file; nothing is opened, no package is needed."""
    path = Path(model)
    known = path.is_dir() or path.suffix.lower() in (*MODEL_FILES, ".ckpt")
    if str(model) not in shipped_models() and not (known and path.exists()):
        raise _unknown(model)


def _unknown(model: str | Path) -> ModelError:
    there = "a file of unknown kind" if Path(model).exists() else "nothing there"
    return ModelError(
        f"{model}: got {there}, expected an .onnx, .skops or .ckpt file, the folder of a run, or a model that comes with "
        f"mien ({', '.join(shipped_models())})",
        hint="Train one with 'mien lab train', or export one with 'mien lab export'.",
    )


def weights_file(model: str | Path) -> Path:
    """The file of a model that comes with mien, or the only exported file or the checkpoint in a folder; a file is itself.

    Raises:
        ModelError: the folder holds no model.
        MissingExtraError: it holds a run and torch is not installed.
    """
    path = Path(model)
    if not path.is_dir():
        return Path(str(SHIPPED / f"{model}.onnx")) if str(model) in shipped_models() else path
    exported = sorted(file for file in path.iterdir() if file.suffix.lower() in MODEL_FILES)
    if len(exported) == 1 and not (path / "last.ckpt").exists():
        return exported[0]
    require("torch", "lab")
    from ..training.checkpoint import find_checkpoint  # noqa: PLC0415  # needs torch

    return find_checkpoint(path)


def predict(classifier: Classifier, images: npt.NDArray[np.uint8], flip: bool, batch: int = 256) -> Logits:
    """Logits of many images, float32 (N, K) for each head.

    Args:
        classifier: from ``open_classifier``.
        images: uint8 (N, H, W) gray, or (N, H, W, 3) RGB; one face each.
        flip: average the logits of each image and its mirror image, as the reader does.
        batch: largest batch; smaller for large images, whose layers take more memory.
    """
    parts = []
    batch = max(1, min(batch, 1_000_000 // classifier.input.size**2))
    for start in range(0, len(images), batch):
        some = images[start : start + batch]
        logits = classifier.logits(some)
        if flip:
            logits = mean_of_views(logits, classifier.logits(np.ascontiguousarray(some[:, :, ::-1])))
        parts.append(logits)
    return {name: np.concatenate([part[name] for part in parts]) for name in classifier.heads}


def mean_of_views(plain: Logits, mirrored: Logits) -> Logits:
    """The mean of the logits of images and of their mirror images."""
    return {name: np.float32(0.5) * (plain[name] + mirrored[name]) for name in plain}


def classifier_of_onnx(weights: bytes, card: ModelCard, threads: int = 0) -> Classifier:
    """A classifier of model weights in memory, described by ``card``.

    Raises:
        ModelError: the weights cannot be run, or a head has an unknown label set.
    """
    session = open_session(weights, threads, card.weights)
    outputs = [output.name for output in session.get_outputs()]
    missing = [name for name in card.heads if name not in outputs]
    if missing:
        raise ModelError(f"{card.weights}: got the outputs {', '.join(outputs)}, expected {', '.join(missing)} as well")

    def run(images: npt.NDArray[np.float32]) -> Logits:
        return dict(zip(card.heads, session.run(list(card.heads), {"images": images}), strict=True))

    recipe_heads = {}
    for name, targets in targets_of(card).items():
        emotions = card.heads[name].emotions
        label_set = next((one for one, known in LABEL_SETS.items() if known == emotions), None)
        if label_set is None:
            expected = "expected one of mien's label sets in its order"
            raise ModelError(f"head {name!r}: got {', '.join(emotions)}, {expected}")
        recipe_heads[name] = Head.model_validate({"emotions": label_set, "targets": targets})
    return Classifier(card.name, card.input, card.heads, recipe_heads, card.parameters, run, card.sha256)


def targets_of(card: ModelCard) -> dict[str, str]:
    """Head -> ``votes`` or ``labels``: what it learned from, by its recipe, or else by its name."""
    recipes: dict[str, Any] = card.recipe.get("heads", {})
    return {
        name: recipes.get(name, {}).get("targets") or ("votes" if name == "ferplus" else "labels")
        for name in card.heads
    }


def classifier_of_network(recipe: Recipe, network: MultiHead) -> Classifier:
    """A classifier of a torch network in evaluation mode, with temperatures of 1."""
    import torch  # noqa: PLC0415  # optional here

    device = next(network.parameters()).device

    def run(images: npt.NDArray[np.float32]) -> Logits:
        with torch.inference_mode():
            return {name: value.cpu().numpy() for name, value in network(torch.from_numpy(images).to(device)).items()}

    spec = InputSpec(recipe.input.size, recipe.input.mean, recipe.input.std, recipe.input.color)
    heads = {name: HeadCard(LABEL_SETS[head.emotions]) for name, head in recipe.heads.items()}
    parameters = sum(weight.numel() for weight in network.parameters())
    return Classifier(recipe.name, spec, heads, dict(recipe.heads), parameters, run)
