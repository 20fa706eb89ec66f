"""Is a head as often right as it is sure: overall, for each emotion, and when told to choose from fewer emotions?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...emotions import LABEL_SETS, positions
from ...stats import Estimate, bootstrap
from ..evaluate.calibration import Floats, fit_temperature, probabilities_at, reliability

Answers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sureness:
    """Calibration over some images; plain values.

    Attributes:
        n: images with a right answer.
        accuracy: share of right answers.
        ece: expected calibration error, 15 bins of equal size, 0 to 1.
        ece_refitted: the same with the temperature fitted on one half of the images and measured on the other, both ways:
            what to expect on images that no temperature was fitted to.
        nll: negative log likelihood of the answers, nats.
        brier: Brier score, 0 to 2.
    """

    n: int
    accuracy: Estimate
    ece: Estimate
    ece_refitted: float
    nll: Estimate
    brier: Estimate


@dataclass(frozen=True)
class ClassSureness:
    """One emotion against all others.

    Attributes:
        expected: mean probability that it was given.
        found: share of the images that show it.
        error: mean gap between the probability given and the share found, in 15 bins of equal size (Kull et al. 2019).
        named: images called so.
        confidence: mean confidence of those.
        precision: share of those that are right; NaN where none was called so.
    """

    expected: float
    found: float
    error: float
    named: int
    confidence: float
    precision: float


def sureness(logits: Floats, answers: Answers, temperature: float) -> Sureness:
    """Calibration of a head over images that all have a right answer.

    Args:
        logits: float (N, K), N > 0.
        answers: int64 (N,).
        temperature: divides the logits.
    """
    probabilities = probabilities_at(logits, temperature)
    right = probabilities.argmax(1) == answers
    losses = -np.log(np.maximum(probabilities[np.arange(len(answers)), answers], 1e-12))
    squares = ((probabilities - np.eye(probabilities.shape[1])[answers]) ** 2).sum(1)

    def over(values: npt.NDArray[np.floating] | npt.NDArray[np.bool_]) -> Estimate:
        return bootstrap(lambda rows: float(values[rows].mean()), len(answers))

    return Sureness(
        n=len(answers),
        accuracy=over(right),
        ece=bootstrap(lambda rows: reliability(probabilities[rows], answers[rows]).ece, len(answers)),
        ece_refitted=_ece_refitted(logits, answers),
        nll=over(losses),
        brier=over(squares),
    )


def by_class(probabilities: Floats, answers: Answers, emotions: tuple[str, ...]) -> dict[str, ClassSureness]:
    """Each emotion's own calibration: float (N, K), int64 (N,), and the names of the K classes."""
    guesses, result = probabilities.argmax(1), {}
    for column, emotion in enumerate(emotions):
        given, shown = probabilities[:, column].astype(np.float64), answers == column
        parts = np.array_split(np.argsort(given, kind="stable"), min(15, len(given)))
        gaps = [abs(given[part].mean() - shown[part].mean()) for part in parts]
        named = guesses == column
        result[emotion] = ClassSureness(
            expected=float(given.mean()),
            found=float(shown.mean()),
            error=float(np.average(gaps, weights=[len(part) for part in parts])),
            named=int(named.sum()),
            confidence=float(given[named].mean()) if named.any() else float("nan"),
            precision=float(shown[named].mean()) if named.any() else float("nan"),
        )
    return result


def by_label_set(
    logits: Floats, answers: Answers, emotions: tuple[str, ...], temperature: float
) -> dict[str, Sureness]:
    """Calibration of a head that is told which emotions to choose from, over the images that show one of them.

    Label sets that are all of the head, or not wholly known to it, are left out.
    """
    result = {}
    for name, members in LABEL_SETS.items():
        if set(members) < set(emotions):
            columns = positions(members, emotions)
            rank = np.full(len(emotions), -1, np.int64)
            rank[columns] = np.arange(len(members))
            rows = np.flatnonzero(rank[answers] >= 0)
            if len(rows):
                result[name] = sureness(logits[rows][:, columns], rank[answers[rows]], temperature)
    return result


def _ece_refitted(logits: Floats, answers: Answers) -> float:
    order = np.random.default_rng(0).permutation(len(answers))
    halves = np.array_split(order, 2)
    probabilities = np.empty(logits.shape, np.float64)
    for here, there in (halves, halves[::-1]):
        if not len(here) or not len(there):
            return float("nan")
        probabilities[here] = probabilities_at(logits[here], fit_temperature(logits[there], answers[there]))
    return reliability(probabilities, answers).ece
