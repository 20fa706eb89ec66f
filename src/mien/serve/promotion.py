"""Promote a model, or the challenger of a retraining whose comparison recommends it."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import DataError, OptionError
from .registry import Registry, Version

#: What ``mien lab retrain`` writes into its folder.
DECISION = "decision.json"


def promote(model: str | Path, registry: Path, *, reason: str = "", force: bool = False) -> Version:
    """Make a model current in a registry.

    Args:
        model: an exported model, or the folder of ``mien lab retrain``.
        registry: the registry's folder.
        reason: why; kept in the registry.
        force: promote also where the comparison does not recommend it.

    Raises:
        OptionError: the comparison does not recommend it, or it is current already.
        DataError: the folder holds no decision.
        ModelError: the model is missing or damaged.
    """
    folder = Path(model)
    if not folder.is_dir():
        return Registry(registry).promote(model, reason)
    try:
        decision = json.loads((folder / DECISION).read_text("utf-8"))
        recommended, challenger, reasons = bool(decision["promote"]), str(decision["challenger"]), decision["reasons"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "Give an .onnx file, or the folder of 'mien lab retrain'."
        raise DataError(f"{folder} holds no {DECISION}: {error}", hint=hint) from error
    if not recommended and not force:
        message = f"the comparison in {folder} does not recommend the challenger: {', '.join(reasons)}"
        raise OptionError(message, hint="Read its report; add --force to promote all the same.", field="model")
    return Registry(registry).promote(folder / challenger, reason or ", ".join(reasons))
