"""Make a table of predictions from labeled images: known datasets, tables of images, or cropped faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..data.dataset import Dataset
from ..data.loading import PERSON_LAYOUTS, load, records_of
from ..data.records import EMOTION, PATH, Records
from ..detection import create_detector
from ..emotions import EMOTIONS
from ..errors import DataError, OptionError, SourceError
from ..extras import require
from ..io.atomic import replacing
from ..io.images import read_image
from ..io.tables import Row, write_csv
from ..io.video import Video, is_video
from ..model.card import load_model
from ..options import ReadOptions
from ..progress import Progress, no_progress
from ..reader import Reader, worker_count
from ..types import Frame, Reading
from .attributes import MAX_SIDE, MIN_FACE_IN_CROP, NAMES, UNKNOWN, Attributes, frames_of, grouped, measure, posed
from .predictions import LABELS, MODEL_COLUMNS, NO_LABELS_HINT, Columns, Predictions, emotions_in, predictions_of
from .table import Cells, Table, open_table

Edges = Literal["fixed", "thirds"]
#: Sampling interval of clips, in seconds: six or seven frames of 2.5 s.
CLIP_INTERVAL_S = 0.4
PATHS = ("path", "file", "filename", "image", "photo")
_BATCH = 64
_HEADER = 4096  # bytes that the column names of Kaggle's file take at most


@dataclass(frozen=True)
class PredictionTable:
    """Predictions, one row per image.

    Attributes:
        rows: ``image, label, predicted, found, confidence, abstained``, groups, person, the probability of each emotion, and
            ``model, model_sha256, model_head``; no ``label`` without ``has_labels``.
        groups: columns of groups, measured attributes included.
        person: the column of people, or empty.
        notes: remarks on what was excluded, one sentence each.
    """

    rows: tuple[Row, ...]
    groups: tuple[str, ...]
    person: str
    has_labels: bool
    notes: tuple[str, ...]

    def write_csv(self, path: Path) -> None:
        """Write the table as CSV, atomically."""
        with replacing(path) as file:
            write_csv(file, tuple(self.rows[0]), self.rows)

    def predictions(self, name: str = "predictions") -> Predictions:
        """The table, ready to be audited."""
        label = "label" if self.has_labels else ""
        columns = Columns(self.groups, label, "predicted", person=self.person, no_labels=not self.has_labels)
        made = predictions_of(Table(name, list(self.rows)), columns)
        return replace(made, notes=self.notes + made.notes)


def audit_predict(
    source: Path | str,
    *,
    options: ReadOptions | None = None,
    groups: Sequence[str] | None = None,
    label: str = "",
    images: str = "",
    person: str = "",
    no_labels: bool = False,
    attributes: Edges | None = None,
    split: str = "validation",
    progress: Progress = no_progress,
) -> PredictionTable:
    """Run a model on labeled images, and make a table of predictions for an audit.

    Args:
        source: the folder of CREMA-D, RAF-DB, AffectNet or FairFace; a table of image paths; parquet with images; or
            cropped faces (``fer2013.csv``, packed ``.npz``).
        options: model, head, emotions and detector.
        groups: columns of groups; None uses all groups of a known dataset.
        label: column of labels; if empty, it is searched for under usual names, as are all columns below.
        images: column of paths, or of images.
        person: column of people, which is copied to the table.
        no_labels: do not use labels.
        attributes: measure image attributes, and group them by fixed edges or in thirds.
        split: of cropped faces: train, validation or test.
        progress: called with (images read, images in total).

    Raises:
        OptionError: options contradict each other.
        DataError: the source cannot be used, nothing in it can be read, or no image has a label of the model.
        ModelError: the model cannot be used.
    """
    path, options = Path(source), options or ReadOptions()
    if no_labels and label:
        raise OptionError("--label and --no-labels exclude each other", hint="Give one of them.")
    if is_cropped_faces(path):
        if groups:
            raise OptionError(
                f"--groups: {path.name} has no information on people, got {', '.join(groups)}",
                hint="Leave --groups out and use --attributes.",
            )
        head = options.head or next(iter(load_model(str(options.model))[0].heads))
        labeled = cropped_faces(load(path, MAX_SIDE, color="rgb").part(split), path, head)
        options = replace(options, detector="none")
    else:
        groups = list(groups) if groups else [] if attributes else None
        labeled = open_labeled(path, groups=groups, label=label, images=images, person=person, no_labels=no_labels)
    return predict_labeled(labeled, options, attributes=attributes, progress=progress)


def predict_labeled(
    labeled: Labeled, options: ReadOptions, *, attributes: Edges | None = None, progress: Progress = no_progress
) -> PredictionTable:
    """Predict; of several faces the widest is taken, and a clip's frames are averaged. Errors as in ``audit_predict``."""
    workers = worker_count(options.threads)
    reader = Reader(options)
    table, labels = labeled.table, labeled.labels
    usable = np.isin(labels.astype(str), reader.emotions) if labeled.label else np.ones(len(table), np.bool_)
    if not usable.any():
        raise DataError(
            f"{table.name}: no image has a label of the model: {', '.join(reader.emotions)}",
            hint="Choose another label set with --emotions, or fill in the labels.",
        )
    failures: list[str] = []
    readings: dict[int, list[Reading]] = {}
    names: dict[int, str] = {}
    measured: dict[int, Attributes | None] = {}
    order: list[int] = []
    in_crop = create_detector(ReadOptions(min_face=MIN_FACE_IN_CROP)) if attributes and labeled.faces else None
    frames = _frames(labeled, usable, order.append, failures.append)
    for place, (frame, found) in enumerate(reader.read_frames(frames, workers)):
        row = order[place]
        names[row] = f"row {row + 1}" if labeled.encoded else frame.name
        one = max(found, key=lambda reading: reading.face.box.width, default=None)
        readings.setdefault(row, []).extend([one] if one else [])
        if attributes and measured.get(row) is None:  # of a clip, the first frame with a face
            if one is None:
                measured[row] = None
            else:
                measured[row] = measure(frame, *posed(frame, in_crop)) if in_crop else measure(frame, one.face)
        progress(len(readings), int(usable.sum()))
    if not readings:
        raise DataError(f"{table.name}: none of the {len(failures)} images can be read: {failures[0]}")
    own = {name: table.text(name) for name in (*labeled.groups, labeled.person) if name}
    head = reader.options.head or next(iter(reader.card.heads))
    model = dict(zip(MODEL_COLUMNS, (reader.card.name, reader.card.sha256, head)))
    rows: list[Row] = []
    for row, some in readings.items():
        cells = _cells(averaged(some), reader.emotions, {name: str(column[row]) for name, column in own.items()})
        label = {"label": str(labels[row])} if labeled.label else {}
        rows.append({"image": names[row], **label, **cells, **model})
    groups = labeled.groups
    if attributes:
        added = _attribute_cells(list(measured.values()), attributes, taken=set(rows[0]))
        rows = [{**row, **groups_of} for row, groups_of in zip(rows, added, strict=True)]
        groups += tuple(added[0])
    notes = list(labeled.notes)
    if not usable.all():
        notes.append(f"{(~usable).sum():,} images are excluded: they have no label, or none of the model's emotions.")
    if failures:
        notes.append(f"{len(failures):,} could not be read completely, such as: {failures[0]}")
    return PredictionTable(tuple(rows), groups, labeled.person, bool(labeled.label), tuple(notes))


def averaged(readings: Sequence[Reading]) -> Reading | None:
    """One reading from those of a clip's frames; None if no frame has a face.

    All numbers are means over the frames with a face; the face is the widest.
    """
    if len(readings) < 2:
        return readings[0] if readings else None
    first = max(readings, key=lambda reading: reading.face.box.width)
    votes = [reading.vote_shares for reading in readings if reading.vote_shares is not None]
    sharpness = [reading.sharpness for reading in readings if reading.sharpness is not None]
    return Reading(
        first.face,
        first.emotions,
        np.mean([reading.probabilities for reading in readings], 0).astype(np.float32),
        np.mean(votes, 0).astype(np.float32) if len(votes) == len(readings) else None,
        in_label_set=float(np.mean([reading.in_label_set for reading in readings])),
        min_confidence=first.min_confidence,
        sharpness=float(np.mean(sharpness)) if sharpness else None,
    )


def _attribute_cells(measured: Sequence[Attributes | None], edges: Edges, taken: set[str]) -> list[dict[str, str]]:
    """The groups of each image; without attributes of a single group, and those named like a column that is there."""
    groups = iter(grouped([one for one in measured if one is not None], thirds=edges == "thirds"))
    cells = [dict.fromkeys(NAMES, "") if one is None else next(groups) for one in measured]
    names = [name for name in NAMES if name not in taken and len({row[name] for row in cells} - {"", UNKNOWN}) > 1]
    return [{name: row[name] for name in names} for row in cells]


def _frames(
    labeled: Labeled, usable: npt.NDArray[np.bool_], began: Callable[[int], None], failed: Callable[[str], None]
) -> Iterator[Frame]:
    """The frames of all usable rows; ``began`` gets the row before each frame."""
    for row, image in enumerate(labeled.items()):
        if not usable[row]:
            continue
        try:
            for frame in [image] if isinstance(image, Frame) else _decoded(image, failed):
                began(row)
                yield frame
        except SourceError as error:
            failed(str(error))


def _decoded(image: bytes | Path, damaged: Callable[[str], None]) -> Iterator[Frame]:
    """The frame of an image, or frames of a clip, ``CLIP_INTERVAL_S`` apart from the first on."""
    if isinstance(image, bytes) or not is_video(image):
        yield read_image(image)
        return
    video = Video(image, interval_s=CLIP_INTERVAL_S)
    yield from video.frames()
    if video.problems:
        damaged("; ".join(video.problems))


def _cells(one: Reading | None, emotions: tuple[str, ...], own: dict[str, str]) -> Row:
    if one is None:
        unknown = dict.fromkeys(("confidence", "abstained"))
        return {"predicted": None, "found": False, **unknown, **own, **dict.fromkeys(emotions)}
    return {
        "predicted": one.emotion,
        "found": True,
        "confidence": round(one.confidence, 4),
        "abstained": one.abstained,
        **own,
        **dict(zip(emotions, (round(share, 4) for share in one.probabilities.tolist()))),
    }


@dataclass(frozen=True)
class Labeled:
    """Images with labels and groups, not read yet.

    Attributes:
        table: all cells but the images.
        images: the column of paths below ``folder``, or ``encoded`` of images in parquet.
        label, groups, person: columns; empty if there are none.
        notes: remarks on the data, one sentence each.
        faces: the images, where they are a dataset of cropped faces; else None.
    """

    table: Table
    path: Path
    images: str
    encoded: bool
    label: str
    groups: tuple[str, ...]
    person: str = ""
    folder: Path = Path()
    notes: tuple[str, ...] = ()
    faces: Dataset | None = None

    @property
    def labels(self) -> Cells:
        """Object (N,): the emotion of each row; empty without a label."""
        return emotions_in(self.table, self.label) if self.label else np.full(len(self.table), "", object)

    def items(self) -> Iterator[bytes | Path | Frame]:
        """Encoded bytes, path or frame of each image."""
        if self.faces is not None:
            yield from frames_of(self.faces)
        elif not self.encoded:
            yield from (self.folder / str(cell) for cell in self.table.text(self.images))
        else:
            with require("pyarrow.parquet", "table").ParquetFile(self.path) as file:
                for batch in file.iter_batches(_BATCH, columns=[self.images]):
                    for cell in batch.column(0).to_pylist():
                        yield (cell.get("bytes") if isinstance(cell, dict) else cell) or b""


def is_cropped_faces(path: Path) -> bool:
    """Whether this is a dataset of cropped faces: packed ``.npz``, or Kaggle's CSV file with a column of pixels."""
    if path.suffix.lower() == ".csv" and path.is_file():
        with path.open("rb") as file:
            return b"pixels" in file.readline(_HEADER).lower()
    return path.suffix.lower() == ".npz"


def cropped_faces(faces: Dataset, path: Path, head: str) -> Labeled:
    """The images of a dataset of cropped faces; ``path`` is for messages.

    The ``head`` ``ferplus`` is compared with the majority of FER+ votes, where there are any; other heads with the labels.
    """
    labels = faces.votes.majority() if faces.votes is not None and head == "ferplus" else faces.labels
    table = Table(str(path), {"image": faces.names, "label": np.array([*EMOTIONS, ""], object)[labels]})
    return Labeled(table, path, "image", False, "label", (), faces=faces)


def open_labeled(
    path: Path,
    *,
    groups: Sequence[str] | None = None,
    label: str = "",
    images: str = "",
    person: str = "",
    no_labels: bool = False,
) -> Labeled:
    """Open a dataset or a table of images without reading any image; arguments and errors as in ``mien.audit_predict``.

    The paths in CSV and JSON Lines are relative to the table's folder. Parquet may hold the images: encoded bytes, or
    structs with a field ``bytes``.
    """
    records = records_of(path)
    if records is None and path.is_dir():
        known = "; ".join(f"{layout.NAME} ({layout.KNOWN_BY})" for layout in PERSON_LAYOUTS)
        raise DataError(
            f"{path} is a folder of no known dataset; known are {known}",
            hint="Name one of these, or a table with the columns path, emotion and the groups.",
        )
    if records is None and groups is None:
        raise OptionError(
            f"{path}: got no column of groups, expected at least one", hint="Name one with --groups, such as gender."
        )
    table = open_table(path) if records is None else Table(f"{records.name} in {path}", dict(records.columns))
    found = ""
    if not no_labels:
        usual = (*LABELS, "emotion") if records is None else (EMOTION,)
        found = table.find(label, "--label", usual, optional=records is not None, without=NO_LABELS_HINT)
    if found:
        emotions_in(table, found)  # checked before any image is read
    who = table.find(person, "--person") if person else ""
    named, notes = _all_groups(records) if records and groups is None else (groups or (), ())
    wanted = tuple(table.find(name, "--groups") for name in dict.fromkeys(named))
    if records is not None:
        notes = (*records.notes, *notes, *_dependence(records, who))
        return Labeled(table, path, PATH, False, found, wanted, who, records.folder, notes)
    encoded = _image_columns(path)
    inside = bool(encoded) and images in ("", *encoded)
    column = images or encoded[0] if inside else table.find(images, "--images", PATHS)
    return Labeled(table, path, column, inside, found, wanted, who, path.parent)


def _all_groups(records: Records) -> tuple[Sequence[str], tuple[str, ...]]:
    """The columns of groups that can be compared, and a note on those that cannot."""
    single = [name for name in records.groups if len({cell for cell in records.columns[name] if cell}) < 2]
    wanted = [name for name in records.groups if name not in single]
    if not wanted:
        says = "holds one group only in each column" if records.groups else "has no information on people"
        raise DataError(
            f"{records.name} {says}: {', '.join(records.groups) or 'no columns of groups'}; expected at least two groups",
            hint="Name other columns with --groups; columns that you add to its tables of labels count too.",
        )
    return wanted, (f"Excluded columns with a single group: {', '.join(single)}.",) if single else ()


def _dependence(records: Records, person: str) -> tuple[str, ...]:
    """A warning where many images show the same people, and all are kept."""
    cells = records.columns[records.person] if records.person and not person else ()
    people, images = len(set(cells)), len(cells)
    if people == images:
        return ()
    return (
        f"{images:,} images or clips show {people:,} people and are not independent: p-values are too small, and intervals "
        f"too narrow. --person {records.person} keeps one per person.",
    )


def _image_columns(path: Path) -> list[str]:
    """The columns of a parquet file that hold images: bytes, or structs with a field ``bytes``."""
    if path.suffix.lower() != ".parquet":
        return []
    types = require("pyarrow.types", "table")

    def holds_images(field: Any) -> bool:
        if types.is_struct(field.type):
            return any(part.name == "bytes" and holds_images(part) for part in field.type)
        return bool(types.is_binary(field.type) or types.is_large_binary(field.type))

    return [field.name for field in require("pyarrow.parquet", "table").read_schema(path) if holds_images(field)]
