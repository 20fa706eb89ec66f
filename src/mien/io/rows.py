"""The row schema of all tables and of ``--json``: one row per face.

An image without a face has one row, in which ``face`` and all later columns are empty.

=============  ============  =======  ===============================================================================
column         type          empty    meaning
=============  ============  =======  ===============================================================================
source         text          never    path of the image or video as it was given
frame          integer       never    number of the frame in its source, from 0; 0 in an image
time_s         number        never    seconds from the start of the source, 3 decimals; 0.0 in an image
face           integer       no face  number of the face in its frame, from 0
track_id       integer       image    number of the person in a video, from 1, the same from frame to frame
x0 y0          number        no face  left and top of the face's box, pixels of the upright image, 2 decimals
x1 y1          number        no face  right and bottom; a box may reach past the border of the image
score          number        no face  the detector's confidence that this is a face, 0 to 1, 4 decimals
emotion        text          no face  the most likely emotion, also where the reading abstained
confidence     number        no face  its probability, 0 to 1, 4 decimals
mixed          list of text  never    emotions of a mixed expression, strongest first; else empty
abstained      boolean       no face  whether not to rely on the reading: low confidence or too blurred
(emotions)     number        no face  one column per emotion of the label set, in the vocabulary's order: its probability,
                                      0 to 1, 4 decimals; they sum to 1 within 0.001
frame_(emotion)  number      no face  videos only, one column per emotion: its probability in this frame alone; the
                                      column of the bare name is smoothed over time (``mien.tracking.smoothing``)
=============  ============  =======  ===============================================================================

In JSON, JSON Lines and parquet empty is null, and ``mixed`` is a list. In CSV empty is an empty cell, ``mixed`` is
joined with ``+``, and booleans are ``true`` and ``false``.

``SCHEMA_VERSION`` grows when a column is renamed, removed or changes its meaning; parquet files hold it in their metadata
as ``mien_schema``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..extras import require
from ..types import Frame, Reading, Readings, frame_cells

if TYPE_CHECKING:
    from pandas import DataFrame

Value = str | int | float | bool | list[str] | None
Row = dict[str, Value]

SCHEMA_VERSION = 1

#: Type of each column before those of the emotions, which are all ``number``.
KINDS = {
    "source": "text",
    "frame": "integer",
    "time_s": "number",
    "face": "integer",
    "track_id": "integer",
    "x0": "number",
    "y0": "number",
    "x1": "number",
    "y1": "number",
    "score": "number",
    "emotion": "text",
    "confidence": "number",
    "mixed": "texts",
    "abstained": "boolean",
}

FIXED_COLUMNS = tuple(KINDS)


def columns(emotions: tuple[str, ...], *, video: bool = False) -> tuple[str, ...]:
    """Return the names of all columns for a label set, in order; tables of videos have more."""
    return FIXED_COLUMNS + emotions + (tuple(f"frame_{emotion}" for emotion in emotions) if video else ())


def rows(frame: Frame, readings: Sequence[Reading], emotions: tuple[str, ...], *, video: bool = False) -> list[Row]:
    """Return the rows of one frame: one per reading, or a single one with an empty ``face``.

    With ``video``, they include the probabilities of the frame alone. The keys are those of ``columns``, in its order.

    Raises:
        OptionError: a reading has another label set than the table.
    """
    start = frame_cells(frame.name, frame.index, frame.time_s)
    if not readings:
        return [{**dict.fromkeys(columns(emotions, video=video)), **start, "mixed": []}]
    unknown = dict.fromkeys(f"frame_{emotion}" for emotion in emotions)
    made = []
    for number, reading in enumerate(readings):
        if reading.emotions != emotions:
            raise OptionError(
                f"reading: got the label set {', '.join(reading.emotions)}, expected {', '.join(emotions)}",
                hint="Read all images of a table with the same emotions.",
            )
        row = {**(unknown if video else {}), **reading.to_dict(), **start, "face": number}
        made.append({name: row[name] for name in columns(emotions, video=video)})
    return made


def to_dataframe(results: Readings | Reading | Iterable[Readings | Reading]) -> DataFrame:
    """Convert readings, or lists of readings, to a pandas DataFrame with one row per face and the columns of ``--json``.

    Raises:
        MissingExtraError: pandas is not installed.
        OptionError: the readings have different label sets.
    """
    pandas = require("pandas", "table")
    readings = list(_flat(results))
    sets = {reading.emotions for reading in readings}
    if len(sets) > 1:
        raise OptionError(f"results: got {len(sets)} label sets, expected one", hint="Read with the same emotions.")
    video = any(reading.frame_probabilities is not None for reading in readings)
    names = columns(next(iter(sets), ()), video=video)
    frame: DataFrame = pandas.DataFrame([reading.to_dict() for reading in readings], columns=list(names))
    return frame


def _flat(results: Any) -> Iterator[Reading]:
    if isinstance(results, Reading):
        yield results
    elif isinstance(results, Frame):  # read_video gives pairs of a frame and its readings
        return
    else:
        for part in results:
            yield from _flat(part)
