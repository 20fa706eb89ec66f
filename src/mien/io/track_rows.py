"""What a run keeps of a video's frames, beyond the columns of the table, to go on with it after an interruption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..types import Box, Face, Frame, Reading
from .rows import Row, rows

_VOTES, _COVERED, _UNSURE_BELOW = "votes", "covered", "min_confidence"


def kept_rows(frame: Frame, readings: list[Reading], emotions: tuple[str, ...]) -> list[Row]:
    """The rows of a frame for the journal: those of the table, with what a reading holds besides."""
    made = rows(frame, readings, emotions, video=True)
    for row, reading in zip(made, readings):
        row[_VOTES] = None if reading.vote_shares is None else [round(v, 5) for v in reading.vote_shares.tolist()]
        row[_COVERED], row[_UNSURE_BELOW] = round(reading.in_label_set, 5), reading.min_confidence
    return made


def restored(kept: Iterable[Row], emotions: tuple[str, ...]) -> Iterator[tuple[int, float, list[Reading]]]:
    """Number, time and readings of each frame whose rows were kept, in order; numbers are as exact as the rows are."""
    for index, group in groupby(kept, key=lambda row: row["frame"]):
        of_frame = list(group)
        readings = [_reading(row, emotions) for row in of_frame if row["face"] is not None]
        yield cast(int, index), cast(float, of_frame[0]["time_s"]), readings


def _reading(row: dict[str, Any], emotions: tuple[str, ...]) -> Reading:
    return Reading(
        Face(Box(row["x0"], row["y0"], row["x1"], row["y1"]), row["score"]),
        emotions,
        _shares([row[emotion] for emotion in emotions]),
        vote_shares=None if row[_VOTES] is None else _shares(row[_VOTES]),
        in_label_set=row[_COVERED],
        min_confidence=row[_UNSURE_BELOW],
        track_id=row["track_id"],
        frame_probabilities=_shares([row[f"frame_{emotion}"] for emotion in emotions]),
    )


def _shares(values: list[float]) -> npt.NDArray[np.float32]:
    return (np.array(values) / sum(values)).astype(np.float32)
