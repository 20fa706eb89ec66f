"""What the trials of a study have in common, and what is told of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from ..recipe import Data, Recipe, changed
from .space import Choices, Label, Space


@dataclass(frozen=True)
class Plan:
    """All that the trials of a study have in common, but for the images.

    Attributes:
        recipe: what the values are put into, as the user gave it.
        space: which fields vary, fitted to the recipe.
        out: folder of the study.
        trials: how many the study shall hold, interrupted ones not counted.
        epochs: passes over the training images in place of the recipe's, for the trials only; None keeps them.
        ends: wall-clock time, in seconds since 1970, from which no further trial begins; None for no limit.
    """

    recipe: Recipe
    space: Space
    out: Path
    trials: int
    epochs: int | None = None
    ends: float | None = None

    def tried_recipe(self, labels: Mapping[str, Label]) -> Recipe:
        """The recipe that a trial trains; its images are drawn already.

        Raises:
            RecipeError: the values contradict each other.
        """
        epochs = {} if self.epochs is None else {"schedule.epochs": self.epochs}
        chosen = changed(self.recipe, epochs | self.values(labels))
        return replace(chosen, data=Data(sampling=chosen.data.sampling))

    def values(self, labels: Mapping[str, Label]) -> dict[str, Any]:
        """What the recipe's fields shall hold, from what the study's file holds."""
        ways = self.space.ways
        return {
            path: way.value(label) if isinstance(way := ways[path], Choices) else label
            for path, label in labels.items()
            if path in ways
        }

    def run(self, number: int) -> Path:
        """The folder of a trial's run."""
        return self.out / "trials" / f"{number:04}"


@dataclass(frozen=True)
class Epoch:
    """A trial has finished an epoch.

    Attributes:
        trial: its number.
        epoch: from 1.
        epochs: how many there will be at most.
        value: the objective after it.
    """

    trial: int
    epoch: int
    epochs: int
    value: float


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: Optuna's state; the objective, where it came to its end; and why not, where it failed."""

    state: TrialState
    value: float | None = None
    why: str = ""
