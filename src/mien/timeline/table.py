"""The readings of videos, as arrays, out of a table that ``mien read`` has written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError
from .loading import pieces
from .piece import Piece

_NEEDED = ("source", "time_s", "track_id", "abstained")
_UNSUMMED = 0.01  # probabilities are written with four decimals
_MAKE = "Make the table with 'mien read VIDEO --out results.csv'."


@dataclass(frozen=True, eq=False)
class VideoTable:
    """The rows of a table, N of them, in its order.

    Attributes:
        emotions: the label set, in the vocabulary's order; length K.
        sources: the videos.
        source: int64 (N,), which of ``sources`` a row belongs to.
        time_s: float64 (N,), seconds from the start of the video.
        seen: bool (N,), the row holds a face; otherwise the frame had none, and what follows says nothing.
        track: int64 (N,), the number of the face in its video; -1 where it has none.
        unsure: bool (N,), the reading abstained.
        probabilities: float32 (N, K); each row sums to 1.
    """

    emotions: tuple[str, ...]
    sources: tuple[str, ...]
    source: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    track: npt.NDArray[np.int64]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float32]


def video_table(path: Path) -> VideoTable:
    """Read a table whole; half a million rows take about 50 MB.

    Raises:
        OptionError: the extension is unknown.
        DataError: there is no such table, it is damaged, has no rows, is not one of mien's, or holds photos only.
        MissingExtraError: it is parquet, and pyarrow is not installed.
    """
    emotions: tuple[str, ...] = ()
    video = False

    def choose(names: Sequence[str]) -> Sequence[str]:
        nonlocal emotions, video
        emotions = _emotions_of(path, names)
        video = f"frame_{emotions[0]}" in names
        return [name for name in _NEEDED if name != "source"] + list(emotions)

    numbers: dict[str, int] = {}
    codes: list[npt.NDArray[np.int64]] = []
    parts: list[dict[str, npt.NDArray[np.float64]]] = []
    for names, columns in pieces(path, "source", choose):
        codes.append(_coded((names, columns), numbers))
        parts.append(columns)
    if not codes:
        raise DataError(f"{path} has no rows: expected at least one", hint=_MAKE)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table = _checked(path, emotions, tuple(numbers), np.concatenate(codes), joined)
    _check_video(path, table, video=video)
    return table


def _emotions_of(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise DataError(f"{path} is empty: expected a table that mien has written", hint=_MAKE)
    emotions = tuple(emotion for emotion in EMOTIONS if emotion in names)
    lacking = [name for name in _NEEDED if name not in names]
    if len(emotions) < 2:
        lacking.append("emotions such as happy and sad")
    if lacking:
        raise DataError(
            f"{path} is no table of mien's: it lacks the columns {', '.join(lacking)}; "
            f"it has {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}",
            hint=_MAKE,
        )
    return emotions


def _coded(piece: Piece, numbers: dict[str, int]) -> npt.NDArray[np.int64]:
    """The sources of some rows as numbers; new ones are added to ``numbers``."""
    return np.array([numbers.setdefault(name, len(numbers)) for name in piece[0]], np.int64)


def _checked(
    path: Path,
    emotions: tuple[str, ...],
    sources: tuple[str, ...],
    codes: npt.NDArray[np.int64],
    columns: dict[str, npt.NDArray[np.float64]],
) -> VideoTable:
    probabilities = np.stack([columns[emotion].astype(np.float32) for emotion in emotions], 1)
    seen = np.isfinite(probabilities.sum(1))
    track = np.where(np.isnan(columns["track_id"]), -1, columns["track_id"]).astype(np.int64)
    wrong = (
        (~np.isfinite(columns["time_s"]), "its time_s is no finite number"),
        (seen & ~(abs(probabilities.sum(1) - 1) < _UNSUMMED), "its probabilities do not sum to 1"),
        ((probabilities < 0).any(1), "a probability is negative"),
        (~seen & (track >= 0), "it has a track, but not all of its probabilities"),
        (seen & np.isnan(columns["abstained"]), "it has probabilities, but no value for abstained"),
    )
    for rows, why in wrong:
        if rows.any():
            raise DataError(f"{path} is damaged at row {int(rows.argmax()) + 1}: {why}", hint=_MAKE)
    unsure = columns["abstained"] == 1
    return VideoTable(emotions, sources, codes, columns["time_s"], seen, track, unsure, probabilities)


def _check_video(path: Path, table: VideoTable, *, video: bool) -> None:
    # A video in which nobody was seen has no tracks either, but its table has the columns of a video
    if not (table.track >= 0).any() and (table.seen.any() or not video):
        raise DataError(
            f"{path} holds photos: none of its {len(table.time_s):,} rows has a track, and a timeline follows faces "
            "through time",
            hint="Read a video: mien read clip.mp4 --out results.csv",
        )
