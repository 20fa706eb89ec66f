"""Model cards, and the models that they describe: what the weights are, their input and outputs, measured results."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..emotions import parse
from ..errors import ModelError

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

#: Also within a zip file.
SHIPPED = resources.files(__package__ or "") / "weights"
#: Suffix of the float32 originals of quantized models: ``default-float32`` is that of ``default``.
ORIGINAL = "-float32"
#: Endings of model files: ONNX networks and scikit-learn baselines.
MODEL_FILES = (".onnx", ".skops")


@dataclass(frozen=True)
class InputSpec:
    """The network input: float32 NCHW of side ``size``, ``(value / 255 - mean) / std``; ``color`` is ``gray`` or ``rgb``."""

    size: int
    mean: float
    std: float
    color: str = "gray"

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB."""
        return 3 if self.color == "rgb" else 1


@dataclass(frozen=True)
class HeadCard:
    """One output of the network.

    Attributes:
        emotions: the labels of its logits, in their order.
        temperature: divides the logits to calibrate confidence (Guo et al. 2017, arXiv 1706.04599).
        vote_temperature: divides them to match the shares of annotators' votes instead; None without votes.
        class_shares: share of each emotion among the labels that the temperature was fitted to; None if unknown.
        recall_offsets: for each emotion, what to add to its calibrated logit to find 90% of the validation images that show
            it, under the balanced prior (``ReadOptions.prefer_recall``); None if not fitted.
    """

    emotions: tuple[str, ...]
    temperature: float = 1.0
    vote_temperature: float | None = None
    class_shares: tuple[float, ...] | None = None
    recall_offsets: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ModelCard:
    """The content of the JSON file beside a model's weights.

    Attributes:
        name: of the model.
        weights: file name of the ONNX weights, beside the card; float32 input ``images`` (N, C, S, S), and one output of
            logits (N, K) named after each head.
        sha256, license, data: of the weights: hash in hex, license, training data.
        input, heads: the network input and the outputs.
        parameters, macs: number of trained weights, and multiply-adds per image.
        recipe: the training recipe as plain values.
        scores: measured results of ``mien lab evaluate``.
        precision: of most computations: ``float32`` or ``int8``; inputs and outputs are always float32.
        training: cost of the last run: ``epochs``, ``seconds`` of wall time, ``cpu_seconds`` of all cores, ``machine``, and
            ``accelerator``, empty without one; empty if not recorded.
        reference: head -> distributions on validation data that drift is measured against (``mien.serve.drift``); empty if
            not measured.
    """

    name: str
    weights: str
    sha256: str
    license: str
    data: str
    input: InputSpec
    heads: dict[str, HeadCard]
    parameters: int
    macs: int
    recipe: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    training: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The card as JSON text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def read_card(path: Traversable) -> ModelCard:
    """Read the card at ``path``.

    Raises:
        ModelError: it is missing, not JSON, lacks a field, or names an unknown emotion.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        table["input"] = InputSpec(**table["input"])
        table["heads"] = {name: _head(entry) for name, entry in table["heads"].items()}
        card = ModelCard(**table)
    except FileNotFoundError as error:
        hint = "Export with 'mien lab export', which writes the card beside the weights."
        raise ModelError(f"no model card at {path}", hint=hint, path=str(path)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{path} is not a model card: {error}", hint="Export the model again.", path=str(path)
        ) from error
    if card.input.color not in ("gray", "rgb"):
        raise ModelError(f"{path}: input.color: got {card.input.color!r}, expected 'gray' or 'rgb'", path=str(path))
    return card


def _head(entry: dict[str, Any]) -> HeadCard:
    emotions = tuple(parse(name) for name in entry["emotions"])
    lists = {}
    for name in ("class_shares", "recall_offsets"):
        values = entry.get(name)
        if values is not None and len(values) != len(emotions):
            raise ValueError(f"{name}: got {len(values)}, expected {len(emotions)}")
        lists[name] = None if values is None else tuple(map(float, values))
    return HeadCard(emotions, float(entry["temperature"]), entry["vote_temperature"], **lists)


def load_model(name_or_path: str | Path) -> tuple[ModelCard, bytes]:
    """Load the card and the weights of a model.

    Args:
        name_or_path: name of an included model, or path of an ONNX file with its card beside it.

    Raises:
        ModelError: there is no such model, or the weights do not match the card.
    """
    name_or_path = Path(name_or_path).expanduser() if str(name_or_path).startswith("~") else name_or_path
    is_file = str(name_or_path).lower().endswith(MODEL_FILES)
    folder: Traversable = Path(name_or_path).parent if is_file else SHIPPED
    card_path = folder / (f"{Path(name_or_path).stem}.json" if is_file else f"{name_or_path}.json")
    if not is_file and not card_path.is_file():
        if Path(name_or_path).is_dir() or str(name_or_path).lower().endswith(".ckpt"):
            command = f"mien lab export {shlex.quote(str(name_or_path))} --data DATA --out models"
            hint = f"Export it: {command}. Then use models/NAME.onnx."
            message = f"{name_or_path} is a training run or checkpoint, expected an .onnx file"
            raise ModelError(message, hint=hint, field="model", value=str(name_or_path))
        raise ModelError(
            f"unknown model {str(name_or_path)!r}: mien includes {', '.join(shipped_models())}",
            hint="Choose one of these, or give the path of an .onnx file.",
            field="model",
            value=str(name_or_path),
        )
    if is_file and not Path(name_or_path).is_file():
        hint = "Check the path, or export the model with 'mien lab export'."
        raise ModelError(f"no model file at {name_or_path}", hint=hint, path=name_or_path)
    card = read_card(card_path)
    path = folder / (Path(name_or_path).name if is_file else card.weights)
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}", path=str(path)) from error
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card.sha256:
        raise ModelError(
            f"{path} does not match its card: got sha256 {digest[:12]}..., expected {card.sha256[:12]}...",
            hint="The file is damaged or was changed: install or export it again.",
            path=str(path),
        )
    return card, weights


def shipped_models() -> list[str]:
    """Return the names of the included models."""
    return sorted(file.name.removesuffix(".json") for file in SHIPPED.iterdir() if file.name.endswith(".json"))
