"""Cover everybody before a camera but one person."""

from __future__ import annotations

from collections.abc import Sequence

from ..detect.choosing import score_needed
from ..draw.cover import covered
from ..values.face import Box
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading
from .gaps import HELD_S, grown
from .hiding import inside


class LiveHider:
    """Leaves one person visible: the widest face at first, and then the same person until they have left.

    What comes next is not known, so a newcomer is seen until the detector finds them. To others it holds on: who is not
    found stays covered for ``HELD_S`` seconds.

    Args:
        options: how to read, before ``hiding_options``.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._least = score_needed(options)
        self._kept: int | None = None
        self._seen: dict[int | None, tuple[float, Box]] = {}

    def hide(self, frame: Frame, readings: Sequence[Reading]) -> tuple[Frame, list[Reading]]:
        """Cover all but one.

        Args:
            frame: the picture of now.
            readings: of all its faces, with their tracks, the half-sure ones too.

        Returns:
            The covered picture, and the reading of the person who is left, where they are in sight and sure to be read.
        """
        now = frame.time_s
        for reading in readings:
            self._seen[reading.track] = now, reading.face.box
        self._seen = {track: seen for track, seen in self._seen.items() if now - seen[0] <= HELD_S}
        if self._kept not in self._seen:
            sure = [reading for reading in readings if reading.face.score >= self._least]
            self._kept = max(sure, key=lambda one: one.face.box.width).track if sure else None
        mine = [reading for reading in readings if reading.track == self._kept]
        spared = [reading.face.box for reading in mine]
        others = [
            reading.face.box
            for reading in readings
            if reading.track != self._kept
            and not (reading.face.score < self._least and any(inside(reading.face.box, box) for box in spared))
        ]
        away = [
            grown(box, now - seen_s)
            for track, (seen_s, box) in self._seen.items()
            if seen_s < now and track != self._kept
        ]
        return covered(frame, others, spared, away), [one for one in mine if one.face.score >= self._least]
