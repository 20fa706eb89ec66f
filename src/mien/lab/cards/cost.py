"""What training cost, as far as anybody knows: time is measured, energy is assumed, carbon depends on the grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from ...errors import OptionError
from ...model.card import ModelCard

#: Of a busy processor core of a server, its share of memory, power supply and cooling included: an assumption, on the high
#: side for processors with many cores. Lannelongue et al. (2021, doi 10.1002/advs.202100707) reckon about 12 W a core.
WATTS = 10.0


@dataclass(frozen=True)
class Assumed:
    """What is not measured, but said or assumed.

    Attributes:
        core_hours: of all training that led to the model, as its maker says; None where nobody says.
        watts: of one busy core.
        grid: grams of CO2 equivalent that a kilowatt-hour costs where it was trained; None where that is not known.

    Raises:
        OptionError: one of them is below zero, or no number.
    """

    core_hours: float | None = None
    watts: float = WATTS
    grid: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("core-hours", self.core_hours), ("watts", self.watts), ("grid", self.grid)):
            if value is not None and not 0 <= value < float("inf"):
                raise OptionError(f"--{name}: got {value}, expected a number of 0 or more")


def cost_words(card: ModelCard, assumed: Assumed) -> list[str]:
    """Sentences on the cost of training: what was measured, what was said, what is assumed, and what nobody knows."""
    cost, words = card.training, []
    hours = assumed.core_hours
    if cost:
        where = cost.get("accelerator") or ""
        words.append(
            f"**Time, measured:** the last training run took {cost['seconds'] / 3600:.2f} hours for {cost['epochs']:,} "
            f"epochs on {cost['machine']}{f' and one {where}' if where else ''}: {cost['cpu_seconds'] / 3600:.2f} "
            f"processor-core hours (processor time of the process).{_before(card)}"
        )
        hours = cost["cpu_seconds"] / 3600 if hours is None and not where else hours
    if assumed.core_hours is not None:
        words.append(
            f"**Time, said:** {assumed.core_hours:g} processor-core hours for all training that led to this model: the "
            "word of whoever made this card."
        )
    if hours is None:
        unknown = "an accelerator's power is not known" if cost else "the model's card records no training time"
        return [
            *words,
            *([] if cost else ["**Time:** not recorded."]),
            f"**Energy and carbon:** not estimated: {unknown}.",
        ]
    energy = hours * assumed.watts / 1000
    words.append(
        f"**Energy, estimated:** about {_about(energy)} kWh, on the assumption of {assumed.watts:g} W for a busy core with "
        "its share of memory, power supply and cooling. Nobody measured it."
    )
    if assumed.grid is None:
        words.append("**Carbon:** not estimated: it depends on the power grid, of which nothing was said.")
    else:
        words.append(
            f"**Carbon, estimated:** about {_about(energy * assumed.grid)} g of CO2 equivalent, at {assumed.grid:g} g a kWh "
            "as said by whoever made this card."
        )
    return words


def _about(value: float) -> str:
    """Two digits, for an estimate knows no more."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _before(card: ModelCard) -> str:
    """What the run built upon, whose cost it does not know."""
    network, distil = card.recipe.get("network", {}), card.recipe.get("distil", {})
    start = network.get("weights", "none")
    built = [f"weights of `{PurePath(start).name}`"] if start not in ("", "none") else []
    built += ["answers of other models (`distil.taught`)"] if distil.get("taught") else []
    return f" It built upon {' and '.join(built)}, whose cost is not in it." if built else ""
