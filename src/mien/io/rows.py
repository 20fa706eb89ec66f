"""The one row schema, of every table and of ``--json``.

One row a face. An image without a face has one row, in which ``face`` and all after it are empty.

=============  ============  =======  ===============================================================================
column         type          empty    meaning
=============  ============  =======  ===============================================================================
source         text          never    path of the image or video as it was given
frame          integer       never    number of the frame in its source, from 0; 0 in a photo
time_s         number        never    seconds from the start of the source, 3 decimals; 0.0 in a photo
face           integer       no face  number of the face in its frame, from 0
track_id       integer       photo    number of the person in a video, from 1, the same from frame to frame
x0 y0          number        no face  left and top of the face's box, pixels of the upright image, 2 decimals
x1 y1          number        no face  right and bottom; a box may reach past the border of the image
score          number        no face  the detector's confidence that this is a face, 0 to 1, 4 decimals
emotion        text          no face  the likeliest emotion, given also where the reading abstained
confidence     number        no face  its probability, 0 to 1, 4 decimals
mixed          list of text  never    emotions that share the face, strongest first; empty where one rules alone
abstained      boolean       no face  true where it is not to be relied on: unlikely, or too blurred
(emotions)     number        no face  one column an emotion of the label set, in the vocabulary's order: its probability,
                                      0 to 1, 4 decimals; they sum to 1 within 0.001
frame_(emotion)  number      no face  videos only, one column an emotion: its probability in this frame alone, where the
                                      column of the bare name is smoothed over time (``mien.tracking.smoothing``)
=============  ============  =======  ===============================================================================

In JSON, JSON Lines and parquet empty is null, and ``mixed`` is a list. In CSV empty is an empty cell, ``mixed`` is
joined with ``+``, and booleans are ``true`` and ``false``.

``SCHEMA_VERSION`` grows whenever a column is renamed, removed or changes its meaning; a parquet file carries it in its
metadata as ``mien_schema``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import OptionError
from ..types import Frame, Reading

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
    """The names of all columns, in order, for a label set; a table that holds videos has more."""
    return FIXED_COLUMNS + emotions + (tuple(f"frame_{emotion}" for emotion in emotions) if video else ())


def rows(frame: Frame, readings: Sequence[Reading], emotions: tuple[str, ...], *, video: bool = False) -> list[Row]:
    """The rows of one frame: one for each reading, or a single one, with an empty ``face``, where there is none.

    Args:
        frame: the image that was read.
        readings: its faces.
        emotions: the label set of the table.
        video: the table holds videos, so each row has the raw probabilities too; empty where a reading has none.

    Returns:
        Dictionaries with the keys ``columns(emotions, video=video)`` in this order, and plain Python values.

    Raises:
        OptionError: a reading has another label set than the table.
    """
    # A file name that is not UTF-8 reaches Python as lone surrogates, which no table can hold: spell them out
    source = frame.name.encode("utf-8", "backslashreplace").decode("utf-8")
    start: Row = {"source": source, "frame": frame.index, "time_s": round(float(frame.time_s), 3)}
    if not readings:
        empty: Row = dict.fromkeys(columns(emotions, video=video))
        return [{**empty, **start, "mixed": []}]
    made = [{**start, **_face_cells(number, reading, emotions)} for number, reading in enumerate(readings)]
    if video:
        for row, reading in zip(made, readings):
            raw = (
                [None] * len(emotions)
                if reading.frame_probabilities is None
                else [round(p, 4) for p in reading.frame_probabilities.tolist()]
            )
            row |= {f"frame_{emotion}": value for emotion, value in zip(emotions, raw)}
    return made


def _face_cells(number: int, reading: Reading, emotions: tuple[str, ...]) -> Row:
    if reading.emotions != emotions:
        raise OptionError(
            f"reading: got the label set {', '.join(reading.emotions)}, expected {', '.join(emotions)}",
            hint="Read all images of a table with the same emotions.",
        )
    box = {name: round(float(at), 2) for name, at in zip(("x0", "y0", "x1", "y1"), reading.face.box.xyxy)}
    return {
        "face": number,
        "track_id": reading.track_id,
        **box,
        "score": round(float(reading.face.score), 4),
        "emotion": reading.emotion,
        "confidence": round(reading.confidence, 4),
        "mixed": list(reading.mixed),
        "abstained": reading.abstained,
        **{name: round(p, 4) for name, p in zip(emotions, reading.probabilities.tolist())},
    }
