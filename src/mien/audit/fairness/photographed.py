"""Image conditions of the faces that were read, as columns of groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ...detection.base import Detector
from ...io.rows import Row
from ...types import Face, Frame
from ..conditions import NAMES, Conditions, conditions
from ..groups import UNKNOWN, grouped
from ..measuring import of_crop

Edges = Literal["fixed", "thirds"]


class Conditioned:
    """Measures each photo and its face as they are read.

    Args:
        crops: finds the landmarks in images that are faces already; None where the images are photos.
    """

    def __init__(self, crops: Detector | None = None) -> None:
        self._crops = crops
        self._measured: dict[int, Conditions | None] = {}

    def seen(self, number: int, frame: Frame, face: Face | None) -> None:
        """Measure an image; of a clip, the first frame with a face. Without a face nothing is known."""
        if self._measured.get(number) is None:
            self._measured[number] = None if face is None else self._conditions(frame, face)

    def _conditions(self, frame: Frame, face: Face) -> Conditions:
        return conditions(frame, face) if self._crops is None else of_crop(frame, self._crops)

    def added(self, rows: Sequence[Row], edges: Edges) -> tuple[list[Row], tuple[str, ...]]:
        """The rows, as many as were seen, with a column for each condition; and the names of the columns that tell groups.

        A condition in which all images are alike tells none, and one that nobody knows neither: its column is left out. A
        column that the rows have already stays theirs.
        """
        measured = list(self._measured.values())
        known = [one for one in measured if one is not None]
        groups = iter(grouped(known, thirds=edges == "thirds"))
        cells = [dict.fromkeys(NAMES, "") if one is None else next(groups) for one in measured]
        telling = tuple(
            name for name in NAMES if name not in rows[0] and len({cell[name] for cell in cells} - {"", UNKNOWN}) > 1
        )
        return [
            {**row, **{name: cell[name] for name in telling}} for row, cell in zip(rows, cells, strict=True)
        ], telling
