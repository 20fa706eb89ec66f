"""What is predicted of each group, as a figure: a bar a group, a color an emotion."""

from __future__ import annotations

from ...drawing import COLORS, ink_on
from ...extras import require
from ..fairness.figures import MOST, gaps_png, panel, png
from .values import Parity

#: A narrower part of a bar, as a share of it, holds no words.
_ROOM = 0.055


def shares_figure(found: Parity) -> bytes:
    """What share of each group's faces was read as showing each emotion, PNG.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    sections = [
        (f"by {attribute.name}", [group for group in attribute.groups if group.judged][:MOST])
        for attribute in found.attributes
    ]
    figure, axes, rows = panel(sections)
    for at, group in rows:
        left = 0.0
        for emotion in found.emotions:
            share = group.shares[emotion]
            if share is None or not share.value:
                continue
            colour = COLORS[emotion]
            axes.barh(
                at, 100 * share.value, left=left, height=0.74, color=_hex(colour), edgecolor="white", linewidth=0.6
            )
            if share.value >= _ROOM:
                axes.text(
                    left + 50 * share.value, at - 0.02, f"{100 * share.value:.0f}", ha="center", va="center", fontsize=7.5,
                    color=_hex(ink_on(colour)),
                )  # fmt: skip
            left += 100 * share.value
        axes.annotate(
            f"n = {group.judged:,}", (1.0, at), xycoords=("axes fraction", "data"), xytext=(8, 0),
            textcoords="offset points", va="center", color="#5d6474", fontsize=8,
        )  # fmt: skip
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.set_xlabel("predicted, % of the faces found: no right answers, so a difference is a question")
    patch = require("matplotlib.patches", "audit").Patch
    handles = [patch(color=_hex(COLORS[emotion]), label=emotion) for emotion in found.emotions]
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.012, 1 - 0.34 / figure.get_figheight()), fontsize=8,
        ncols=len(handles), frameon=False, handlelength=1, handleheight=1, columnspacing=1.1, handletextpad=0.4,
    )  # fmt: skip
    return png(figure, "What is predicted of whom?")


def gap_figure(found: Parity) -> bytes:
    """The gaps, PNG: each with its 95 % interval; the gray bar is what chance alone gives nineteen times in twenty.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    columns = [(attribute.name, attribute.gaps) for attribute in found.attributes]
    return gaps_png(columns, "How differently are the groups read?")


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
