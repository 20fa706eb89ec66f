"""What an exported model's files are called, and how they are written: weights and card together."""

from __future__ import annotations

from pathlib import Path

from ...errors import OptionError
from ...models.card import ModelCard
from ...models.catalogue import ORIGINAL
from ...sinks.atomic import write_atomically


def checked_name(name: str) -> str:
    """``name``, which must be fit to be a file's.

    Raises:
        OptionError: it has folders in it, or is empty.
    """
    if not name or Path(name).name != name:
        raise OptionError(
            f"name: got {name!r}, expected a file name without folders", hint="Choose the folder with --out."
        )
    return name


def int8_name(name: str) -> str:
    """What the int8 copy of a model is called: ``default`` that of ``default-float32``, ``mine-int8`` that of ``mine``."""
    plain = name.removesuffix(ORIGINAL)
    return plain if plain not in ("", name) else f"{name}-int8"


def card_path(weights: Path) -> Path:
    """Where the card of a weights file lies: ``a.onnx`` has ``a.json``; any other kind keeps its ending, ``a.pt2.json``."""
    return weights.with_suffix(".json") if weights.suffix == ".onnx" else weights.with_name(f"{weights.name}.json")


def write_pair(out: Path, card: ModelCard, weights: bytes) -> Path:
    """Write weights and card into ``out``, each whole or not at all.

    Returns:
        The path of the weights.

    Raises:
        OutputError: ``out`` cannot be written to.
    """
    path = out / card.weights
    write_atomically(path, weights)
    write_atomically(card_path(path), card.to_json().encode())
    return path
