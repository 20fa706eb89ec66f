"""The models that come with mien, and models of the user's own: card and weights, checked before use."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ModelError
from .card import ModelCard, read_card

SHIPPED = Path(__file__).with_name("weights")
#: How the originals of models in whole numbers are called: ``default-float32`` is that of ``default``.
ORIGINAL = "-float32"
#: Endings of model files: networks, and scikit-learn baselines.
MODEL_FILES = (".onnx", ".skops")


def load_model(name_or_path: str | Path) -> tuple[ModelCard, bytes]:
    """The card and the ONNX weights of a model.

    Args:
        name_or_path: name of a model that comes with mien, or the path of an ONNX file with its card beside it.

    Raises:
        ModelError: there is no such model, or the weights are not those that the card describes.
    """
    is_file = str(name_or_path).lower().endswith(MODEL_FILES)
    card_path = Path(name_or_path).with_suffix(".json") if is_file else SHIPPED / f"{name_or_path}.json"
    if not is_file and not card_path.is_file():
        raise ModelError(
            f"unknown model {str(name_or_path)!r}: mien comes with {', '.join(shipped_models())}",
            hint="Choose one of these, or give the path of an .onnx file.",
        )
    if is_file and not Path(name_or_path).is_file():
        raise ModelError(
            f"no model file at {name_or_path}", hint="Check the path, or export it with 'mien lab export'."
        )
    card = read_card(card_path)
    path = Path(name_or_path) if is_file else card_path.with_name(card.weights)
    try:
        weights = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the weights {path}: {error.strerror or error}") from error
    digest = hashlib.sha256(weights).hexdigest()
    if digest != card.sha256:
        raise ModelError(
            f"{path} is not the file that its card describes: got sha256 {digest[:12]}..., expected {card.sha256[:12]}...",
            hint="The file is damaged or was changed: install or export it again.",
        )
    return card, weights


def shipped_models() -> list[str]:
    """Names of the models that come with mien."""
    return sorted(path.stem for path in SHIPPED.glob("*.json"))
