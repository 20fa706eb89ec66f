"""Cover the faces that nobody asked for.

Whoever wants others hidden wants nothing kept of them: neither their pixels nor their readings. To hide a face, a weaker
hint of it is enough than to read it, and a smaller one counts too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..detect.choosing import score_needed
from ..draw.cover import covered
from ..errors import OptionError
from ..values.face import Box, Face
from ..values.frame import Frame
from ..values.options import ReadOptions
from ..values.reading import Reading

#: Of the score that a face needs to be read, this share is enough to hide it.
HALF_SURE = 0.5
#: The smallest face to look for in a photo where others are to be hidden, its side in pixels.
LEAST_FACE = 20
#: The same in moving pictures, as a share of their height: 30 pixels in 1080 lines.
LEAST_MOVING_FACE = 1 / 36


def hiding_options(options: ReadOptions, *, moving: bool = False) -> ReadOptions:
    """The options by which faces are looked for where some are to be hidden: half-sure ones, and in photos small ones too.

    Args:
        options: how to read.
        moving: for films and cameras, whose smallest face follows from ``LEAST_MOVING_FACE``.

    Raises:
        OptionError: the picture is taken for the face, so that there is nobody to be hidden.
    """
    if options.detector == "whole":
        raise OptionError(
            "--blur-others with --detector whole: the picture is taken for one face, so others in it are not seen",
            hint="Leave out --detector whole, or --blur-others.",
        )
    least = options.min_face if options.min_face or moving else LEAST_FACE
    return replace(options, detector_threshold=HALF_SURE * score_needed(options), min_face=least)


class PhotoHider:
    """Leaves the widest face of a photo, and covers all others.

    Args:
        options: how to read, before ``hiding_options``: a face that scores too low to be read is never the one that stays.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._least = score_needed(options)

    def hide(self, frame: Frame, readings: Sequence[Reading]) -> tuple[Frame, list[Reading]]:
        """Cover all faces but the widest.

        Args:
            frame: the photo.
            readings: of all its faces, the half-sure ones too.

        Returns:
            The covered photo, and the reading of the one face that is left in it, if there is one.
        """
        shown, kept = self.cover(frame, [reading.face for reading in readings])
        return shown, [readings[kept]] if kept is not None else []

    def cover(self, frame: Frame, faces: Sequence[Face]) -> tuple[Frame, int | None]:
        """Cover all faces but the widest; also the place of that one among ``faces``, None where none is sure."""
        sure = [row for row, face in enumerate(faces) if face.score >= self._least]
        if not sure:
            return covered(frame, [face.box for face in faces]), None
        kept = max(sure, key=lambda row: faces[row].box.width)
        mine = faces[kept].box
        others = [
            face.box
            for row, face in enumerate(faces)
            if row != kept and not (face.score < self._least and inside(face.box, mine))
        ]
        return covered(frame, others, [mine]), kept


def inside(box: Box, other: Box) -> bool:
    """Whether the centre of ``box`` lies in ``other``: what a detector half takes for a face may be a part of one."""
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return other.x0 <= x <= other.x1 and other.y0 <= y <= other.y1
