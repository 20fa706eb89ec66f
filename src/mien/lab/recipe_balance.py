"""The table ``[balance]`` of a recipe: whose pictures are to count alike, and how that is brought about."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import RecipeError

WAYS = ("sample", "weight")


@dataclass(frozen=True)
class Balance:
    """Groups that a network is to learn from alike, however many pictures each has.

    Attributes:
        groups: a CSV file with a column ``name``, the pictures' names as in the data set, and columns of groups, such as
            ``mien audit conditions DATA --out FILE`` writes; empty balances nothing.
        column: the column that says who belongs together; several, separated by commas, are crossed.
        how: ``sample`` (pictures of small groups are drawn more often) or ``weight`` (they count more in the loss: inverse
            frequency, 1 on average; He and Garcia 2009).
        by_emotion: each emotion of each group counts alike, not each group.
        most: how often one picture is drawn in an epoch, or how much it counts, at most.
    """

    groups: str = ""
    column: str = ""
    how: str = "sample"
    by_emotion: bool = False
    most: float = 10.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.column.split(",") if name.strip()))


def check_balance(balance: Balance, sampling: str, taught: bool) -> None:
    """See that the table can be followed.

    Args:
        balance: the table.
        sampling: ``data.sampling`` of the same recipe.
        taught: the recipe learns from teachers too.

    Raises:
        RecipeError: it cannot.
    """
    if balance.how not in WAYS:
        raise RecipeError(f"balance.how: got {balance.how!r}, expected one of {', '.join(WAYS)}")
    if not 1 <= balance.most < math.inf:
        raise RecipeError(f"balance.most: got {balance.most}, expected at least 1")
    if not balance.groups:
        if balance.column or balance.by_emotion:
            raise RecipeError(
                "balance.groups: got none, expected a CSV file that says which picture belongs to which group",
                hint="Make one with 'mien audit conditions DATA --out groups.csv', or leave the table [balance] out.",
            )
        return
    if not balance.columns:
        raise RecipeError(
            f"balance.column: got none, expected the column of {balance.groups} that groups the pictures",
            hint="Such as --set balance.column=brightness_group.",
        )
    if balance.how == "sample" and sampling == "balanced":
        raise RecipeError(
            "data.sampling: got 'balanced' beside [balance], expected 'shuffled': pictures can be drawn by one rule only",
            hint="For groups and emotions alike, set balance.by_emotion = true and leave data.sampling out.",
        )
    if balance.how == "weight" and taught:
        raise RecipeError(
            "balance.how: got 'weight' beside distil.taught, expected 'sample': what teachers say has no weights",
            hint='Set balance.how = "sample".',
        )
