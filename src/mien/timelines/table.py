"""The readings of videos as arrays: from a table that ``mien read`` has written, or from a ``VideoResult``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..emotions import EMOTIONS
from ..errors import DataError, OptionError
from ..io.journal import partial_path
from ..io.tables import FORMATS, column_names, read_columns
from ..report import join
from ..video import VideoResult

_NEEDED = ("source", "time_s", "track_id", "abstained")
_SUM_TOLERANCE = 0.01  # probabilities are written with four decimals
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
        track_id: int64 (N,), the number of the person in its video; -1 where it has none.
        unsure: bool (N,), the reading abstained.
        probabilities: float32 (N, K); each row sums to 1.
    """

    emotions: tuple[str, ...]
    sources: tuple[str, ...]
    source: npt.NDArray[np.int64]
    time_s: npt.NDArray[np.float64]
    seen: npt.NDArray[np.bool_]
    track_id: npt.NDArray[np.int64]
    unsure: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float32]


def read_table(path: Path) -> VideoTable:
    """Read a table: ``.csv``, ``.jsonl`` or ``.parquet``; see ``timeline`` for the errors."""
    if path.suffix.lower() in FORMATS and not path.is_file():
        begun = partial_path(path).is_file()
        raise DataError(
            f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: expected a table that mien has written",
            hint="Its run has not finished: continue it with 'mien read ... --resume'." if begun else _MAKE,
        )
    names = column_names(path)
    emotions = tuple(emotion for emotion in EMOTIONS if emotion in names)
    missing = [name for name in (*_NEEDED, *(EMOTIONS if len(emotions) < 2 else ())) if name not in names]
    if missing:
        raise DataError(
            f"{path} is not a table of mien: it lacks the columns {join(missing)}; it has {join(names, most=12)}",
            hint=_MAKE,
        )
    columns = read_columns(path, (*_NEEDED, *emotions))
    return _checked(str(path), emotions, columns, is_video=f"frame_{emotions[0]}" in names)


def table_of(result: VideoResult) -> VideoTable:
    """The rows of a ``VideoResult``."""
    if not result.rows:
        raise OptionError(f"{result.source}: the result holds no rows", hint="Call process_video with keep_rows=True.")
    names = (*_NEEDED[1:], *result.emotions)
    columns = {n: np.array([np.nan if row[n] is None else row[n] for row in result.rows], np.float64) for n in names}
    sources = np.array([row["source"] for row in result.rows], object)
    return _checked(result.source, result.emotions, {"source": sources, **columns}, is_video=True)


def _checked(
    name: str, emotions: Sequence[str], columns: Mapping[str, npt.NDArray[np.float64]], *, is_video: bool
) -> VideoTable:
    if not len(columns["source"]):
        raise DataError(f"{name} has no rows: expected at least one", hint=_MAKE)
    probabilities = np.stack([columns[emotion].astype(np.float32) for emotion in emotions], 1)
    seen = np.isfinite(probabilities.sum(1))
    track_id = np.where(np.isnan(columns["track_id"]), -1, columns["track_id"]).astype(np.int64)
    wrong = (
        (~np.isfinite(columns["time_s"]), "its time_s is no finite number"),
        (seen & ~(abs(probabilities.sum(1) - 1) < _SUM_TOLERANCE), "its probabilities do not sum to 1"),
        ((probabilities < 0).any(1), "a probability is negative"),
        (~seen & (track_id >= 0), "it has a track_id, but not all of its probabilities"),
        (seen & np.isnan(columns["abstained"]), "it has probabilities, but no value for abstained"),
    )
    for rows, why in wrong:
        if rows.any():
            raise DataError(f"{name} is damaged at row {int(rows.argmax()) + 1}: {why}", hint=_MAKE)
    # A video without a face has no tracks either, but its table has the columns of a video
    if not (track_id >= 0).any() and (seen.any() or not is_video):
        raise DataError(
            f"{name} holds photos: none of its {len(track_id):,} rows has a track_id, which a timeline requires",
            hint="Read a video: mien read clip.mp4 --out results.csv",
        )
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(str(source), len(numbers)) for source in columns["source"]], np.int64)
    unsure = columns["abstained"] == 1
    return VideoTable(tuple(emotions), tuple(numbers), codes, columns["time_s"], seen, track_id, unsure, probabilities)
