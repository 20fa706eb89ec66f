"""How the values of a trial are drawn, so that an interrupted study goes on as an uninterrupted one would."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...errors import RecipeError
from .space import Choices, Label, Range, Space

#: In a trial's user attributes: the number of the interrupted trial whose values it tries again.
RETRY_OF = "retry_of"
#: More points than this are no grid that anyone walks to its end.
_MOST_POINTS = 1_000_000


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The search space in Optuna's terms."""
    return {path: _distribution(way) for path, way in space.ways.items()}


def sampler_of(space: Space) -> BaseSampler:
    """What draws the values of each trial.

    Raises:
        RecipeError: a grid is wanted of a range that has no steps, or of too many points.
    """
    if space.sampler == "grid":
        return _Grid(space)
    kind = TPESampler if space.sampler == "tpe" else RandomSampler
    return _Reseeded(space.seed, lambda seed: kind(seed=seed))


def pruner_of(space: Space, epochs: int) -> BasePruner:
    """What ends trials early; the first fifth of ``epochs`` and the first five trials are let be."""
    return MedianPruner(n_startup_trials=5, n_warmup_steps=epochs // 5) if space.pruner == "median" else NopPruner()


def grid_size(space: Space) -> int:
    """How many points a grid over the space has.

    Raises:
        RecipeError: a range has no steps, or there are too many points.
    """
    points = math.prod(len(_steps(path, way)) for path, way in space.ways.items())
    if points > _MOST_POINTS:
        raise RecipeError(
            f"search space {space.name}: got a grid of {points:,} points, expected at most {_MOST_POINTS:,}",
            hint='Use larger steps, or sampler = "tpe" or "random".',
        )
    return points


def retried(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of the trials that were interrupted, and whose values are tried again under another number."""
    return {int(trial.user_attrs[RETRY_OF]) for trial in trials if RETRY_OF in trial.user_attrs}


def _place(study: Study, trial: FrozenTrial) -> int:
    """Which draw of the study a trial is, from 0: its number, had no trial ever been interrupted."""
    return trial.number - sum(number < trial.number for number in retried(study.get_trials(deepcopy=False)))


class _Reseeded(BaseSampler):
    """Another sampler, begun anew for each trial with a seed of the trial's own.

    Optuna's samplers would begin a resumed study, and each of several processes, with the same draws again.

    Args:
        seed: of the study.
        make: gives the sampler for a seed.
    """

    def __init__(self, seed: int, make: Callable[[int], BaseSampler]) -> None:
        self._seed, self._make = seed, make
        self._inner = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        words = np.random.SeedSequence([self._seed, _place(study, trial)]).generate_state(1)
        self._inner = self._make(int(words[0]))
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._inner.after_trial(study, trial, state, values)


class _Grid(BaseSampler):
    """Every point of a grid once, in an order that the seed shuffles.

    Optuna's own grid ends its study from within, which only works in its own loop.

    Args:
        space: what to make a grid of.
    """

    def __init__(self, space: Space) -> None:
        self._axes = {path: _steps(path, way) for path, way in space.ways.items()}
        self._order = np.random.default_rng(space.seed).permutation(grid_size(space))

    def infer_relative_search_space(self, *_: Any) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        return {}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, *_: Any) -> Any:
        point = int(self._order[_place(study, trial) % len(self._order)])
        at = np.unravel_index(point, tuple(len(values) for values in self._axes.values()))
        return self._axes[param_name][int(at[list(self._axes).index(param_name)])]


def _distribution(way: Choices | Range) -> BaseDistribution:
    if isinstance(way, Choices):
        return CategoricalDistribution(way.labels)
    if way.whole:
        return IntDistribution(int(way.low), int(way.high), log=way.log, step=int(way.step or 1))
    return FloatDistribution(way.low, way.high, log=way.log, step=way.step)


def _steps(path: str, way: Choices | Range) -> Sequence[Label]:
    if isinstance(way, Choices):
        return way.labels
    step = way.step or (1 if way.whole else None)
    if step is None or way.log:
        raise RecipeError(
            f"space, {path}: got a range without steps, expected choices or a step, for a grid needs points",
            hint=f'Write "{path}" = {{ choices = [...] }}, or add step = ....',
        )
    count = round((way.high - way.low) / step) + 1
    return [int(way.low + i * step) if way.whole else min(way.low + i * step, way.high) for i in range(count)]
