"""A comparison as a figure for papers and slides: each group before and after."""

from __future__ import annotations

from ..fairness.figures import MOST, panel, png
from ..fairness.power import LEVEL
from .values import Change

_INK, _SOFT, _LINE, _BEFORE = "#1f2430", "#5d6474", "#9aa1ad", "#5d6474"
_BETTER, _WORSE = "#1f5f99", "#b4431f"


def change_figure(change: Change) -> bytes:
    """Dumbbells, PNG: hollow before, filled after, an arrow from one to the other; readable in gray too.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    sections = [(f"by {one.name}", one.groups[:MOST]) for one in change.attributes]
    figure, axes, rows = panel([("over all", [change.overall]), *sections])
    for at, group in rows:
        sure = (group.p_corrected < LEVEL) and group.compared
        before, after = 100 * group.before, 100 * group.after
        colour = _LINE if not sure else _BETTER if after > before else _WORSE
        dark = _SOFT if not sure else colour
        low, high = (100 * end for end in group.after_interval)
        axes.plot([low, high], [at, at], color=colour, linewidth=1.1, alpha=0.7, zorder=1)
        axes.plot([before, after], [at, at], color=colour, linewidth=4, solid_capstyle="butt", zorder=2)
        axes.plot(before, at, "o", markersize=7, markeredgecolor=_BEFORE, markerfacecolor="white", zorder=3)
        axes.plot(after, at, "o", markersize=7, color=dark, zorder=4)
        axes.annotate(
            f"{group.difference * 100:+.1f}   n = {group.n:,}", (1.0, at), xycoords=("axes fraction", "data"),
            xytext=(8, 0), textcoords="offset points", va="center", color=_INK if sure else _SOFT, fontsize=8,
            fontweight="bold" if sure else "normal",
        )  # fmt: skip
    axes.set_xlabel(
        "accuracy, %: hollow before, filled after (thin: its 95 % interval); bold: more than chance explains"
    )
    return png(figure, "What changed for whom?")
