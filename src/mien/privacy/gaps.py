"""Where a face must be that was not found: it moves on, and a cover that blinks hides nobody."""

from __future__ import annotations

from ..follow.tracks import LOST_S
from ..values.face import Box

#: A face that is not found stays covered for so many seconds: for as long as the tracker waits for it.
HELD_S = LOST_S
#: In a film it is covered for so many seconds before it is found, too: heads turn to the camera, and come in from the edge.
AHEAD_S = LOST_S / 2
#: So many of its widths a second the cover of an unseen face grows, on each side.
_GROWTH = 0.25


def grown(box: Box, unseen_s: float) -> Box:
    """The box of a face that was not seen for a while."""
    more = _GROWTH * abs(unseen_s) * max(box.width, box.height)
    return Box(box.x0 - more, box.y0 - more, box.x1 + more, box.y1 + more)


def between(before: Box, after: Box) -> Box:
    """The box that holds both: where a face was, and where it is seen next."""
    return Box(min(before.x0, after.x0), min(before.y0, after.y0), max(before.x1, after.x1), max(before.y1, after.y1))
