"""What an ensemble is, and its JSON file: the members by path and hash, and how their answers are put together."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ...emotions import LABEL_SETS
from ...errors import ModelError
from ...io.atomic import write_atomically

KIND = "mien ensemble"


@dataclass(frozen=True)
class Member:
    """One of the models.

    Attributes:
        model: its path, relative to the ensemble's file, with ``/``; or the name of a model that comes with mien.
        sha256: of its weights, in hex.
        head: which of its outputs is asked.
        temperature: divides its logits, restricted to the ensemble's emotions (Guo et al. 2017).
        weight: its share in the vote; the shares sum to 1. Stacking does not use it.
    """

    model: str
    sha256: str
    head: str
    temperature: float
    weight: float


@dataclass(frozen=True)
class Stack:
    """Multinomial logistic regression on the members' log-probabilities (Wolpert 1992).

    Attributes:
        weights: K rows of M * K numbers: each class's weights for the first member's log-probabilities, then the next one's.
        bias: K numbers.
    """

    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


@dataclass(frozen=True)
class Ensemble:
    """Several models as one.

    Attributes:
        name: what it is called.
        emotions: the label set that all members know.
        targets: ``labels`` or ``votes``: what it is marked against.
        members: the models, at least two.
        fitted_on: the data and the part that temperatures and ``stack`` were fitted on; scores on it are too good for a
            stack.
        temperature: divides the ensemble's log-probabilities.
        stack: None for soft voting, the weighted mean of the members' probabilities.
        scores: what was measured when it was made.
    """

    name: str
    emotions: str
    targets: str
    members: tuple[Member, ...]
    fitted_on: str
    temperature: float = 1.0
    stack: Stack | None = None
    scores: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.emotions not in LABEL_SETS:
            raise ValueError(f"emotions: got {self.emotions!r}, expected one of {', '.join(LABEL_SETS)}")
        if len(self.members) < 2:
            raise ValueError(f"members: got {len(self.members)}, expected at least 2")
        classes = len(LABEL_SETS[self.emotions])
        if self.stack is not None:
            rows = {len(row) for row in self.stack.weights}
            if (len(self.stack.weights), rows, len(self.stack.bias)) != (
                classes,
                {classes * len(self.members)},
                classes,
            ):
                raise ValueError(
                    f"stack: expected {classes} rows of {classes * len(self.members)} weights and a bias each"
                )


def write_ensemble(ensemble: Ensemble, path: Path) -> None:
    """Write the JSON file, whole or not at all.

    Raises:
        OutputError: ``path`` cannot be written to.
    """
    table = {"kind": KIND, **asdict(ensemble)}
    write_atomically(path, (json.dumps(table, indent=2, ensure_ascii=False) + "\n").encode())


def read_ensemble(path: Path) -> Ensemble:
    """Read the JSON file.

    Raises:
        ModelError: it is missing, or no ensemble.
    """
    try:
        table = json.loads(path.read_text("utf-8"))
        kind = table.pop("kind", None) if isinstance(table, dict) else None
        if kind != KIND:
            raise ValueError(f"kind: got {kind!r}, expected {KIND!r}")
        table["members"] = tuple(Member(**entry) for entry in table["members"])
        if table["stack"] is not None:
            weights, bias = table["stack"]["weights"], table["stack"]["bias"]
            table["stack"] = Stack(tuple(tuple(row) for row in weights), tuple(bias))
        return Ensemble(**table)
    except OSError as error:
        raise ModelError(
            f"cannot read the ensemble {path}: {error.strerror or error}", hint="Make one with 'mien lab ensemble'."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path} is not an ensemble: {error}",
            hint="Give a file that 'mien lab ensemble' wrote; of an exported model give the .onnx file, not its card.",
        ) from error
