"""The whole audit: groups, crossings, gaps, one correction for all of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from .by_group import scores_of
from .counts import counted
from .gaps import corrected, gaps_of
from .grouping import crossings, grouping
from .values import Attribute, Audit, Gap, GroupScores, Predictions

#: Name, group of each image, and names of the groups, as ``grouping`` gives them.
Column = tuple[str, npt.NDArray[np.int64], tuple[str, ...]]

#: Images that a group needs to be compared.
LEAST = 5
DRAWS = 2000
_MOST_NAMED = 6
#: Draws for each comparison, so that the least p-value stays below half the level after correction.
_FINE = 40
#: Accuracy, the same at one mix, equalised odds, faces found, abstention; recalls come on top.
_OTHER_MEASURES = 5


def audit(
    predictions: Predictions, *, cross: bool = False, least: int = LEAST, draws: int = DRAWS, seed: int = 0
) -> Audit:
    """Ask whether predictions are equally good for all groups.

    Gaps come with bootstrap intervals, resampled within each group, and with p-values of permutations within each true
    emotion, which all are corrected together (Holm 1979). Method and its limits: ``docs/fairness.md``.

    Args:
        predictions: with at least one column of groups.
        cross: audit each pair of columns too.
        least: smaller groups are shown, but take part in no comparison.
        draws: resamples, and permutations, at least; with many comparisons there are more, for the correction multiplies the
            least p-value that permutations can give by their number.
        seed: of chance; the same seed gives the same figures.

    Raises:
        OptionError: ``least`` or ``draws`` cannot be meant, there is no column of groups, or there are no right answers.
        DataError: a column holds one group only, none, or too many.
        MissingExtraError: fairlearn is not installed.
    """
    if not predictions.has_truth:
        raise OptionError(
            "got predictions without right answers, expected a right answer for each",
            hint="Without them, shares of predictions can be compared: mien.audit.parity.",
        )
    columns = columns_of(predictions, cross=cross, least=least, draws=draws)
    draws = max(draws, _FINE * len(columns) * (len(predictions.emotions) + _OTHER_MEASURES))
    rng = np.random.default_rng(seed)
    known = (predictions.found_known, predictions.abstained is not None)
    found: list[tuple[tuple[GroupScores, ...], dict[str, float], int]] = []
    gaps: list[tuple[Gap, ...]] = []
    for _, codes, names in columns:
        counts = counted(predictions, codes, len(names))
        scores, mix = scores_of(predictions, codes, names, counts, least=least)
        found.append((scores, mix, int((codes < 0).sum())))
        emotions = predictions.emotions
        gaps.append(gaps_of(counts, names, emotions, known=known, least=least, draws=draws, rng=rng))
    everyone = np.zeros(len(predictions), np.int64)
    (overall,), _ = scores_of(predictions, everyone, ("all",), counted(predictions, everyone, 1), least=least)
    small = [
        (name, [(one.name, one.n) for one in scores if not one.compared])
        for (name, _, _), (scores, _, _) in zip(columns, found)
    ]
    return Audit(
        n=len(predictions),
        emotions=predictions.emotions,
        overall=overall,
        attributes=tuple(
            Attribute(name, scores, some, missing, mix)
            for (name, _, _), (scores, mix, missing), some in zip(columns, found, corrected(gaps))
        ),
        comparisons=sum(gap.p is not None for some in gaps for gap in some),
        draws=draws,
        least=least,
        notes=predictions.notes + tuple(left_out(name, groups) for name, groups in small if groups),
    )


def columns_of(predictions: Predictions, *, cross: bool, least: int, draws: int) -> list[Column]:
    """The columns of groups, and their crossings if wanted, once it is seen that all can be meant.

    Raises:
        OptionError: ``least`` or ``draws`` cannot be meant, or there is no column of groups.
        DataError: a column holds one group only, none, or too many.
    """
    if least < 2 or draws < 100:
        raise OptionError(f"least, draws: got {least}, {draws}, expected at least 2 images and 100 draws")
    if not predictions.groups:
        raise OptionError("got no column of groups, expected at least one", hint="Name one with --groups.")
    columns = [(name, *grouping(predictions, name)) for name in predictions.groups]
    return columns + (crossings(predictions) if cross else [])


def left_out(name: str, groups: list[tuple[str, int]]) -> str:
    """A note on the groups of a column, names and images, that are compared with nobody."""
    named = ", ".join(f"{group} ({n})" for group, n in groups[:_MOST_NAMED])
    more = f" and {len(groups) - _MOST_NAMED} more" if len(groups) > _MOST_NAMED else ""
    return f"By {name}, too few images to be compared with anybody: {named}{more}."
