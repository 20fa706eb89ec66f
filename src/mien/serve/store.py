"""The database of a server: numbers of readings for drift reports, and feedback. SQLite, or PostgreSQL by URL."""

from __future__ import annotations

import csv
import hashlib
import io
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from PIL import Image

from ..emotions import EMOTIONS, FERPLUS_ORDER, parse
from ..errors import DataError, MissingExtraError, OutputError
from ..extras import require
from ..io.atomic import replacing_path
from ..io.images import read_image
from ..raters import krippendorff_alpha
from ..types import Face

#: What an annotator may say besides an emotion, as in FER+.
NO_EMOTION = ("unknown", "no_face")
_LARGEST_CROP = 256  # side in pixels
#: Readings that wait for the database at most.
_MOST_WAITING = 10_000
_METADATA = sa.MetaData()


@dataclass(frozen=True)
class Record:
    """The numbers of one reading.

    Attributes:
        time: seconds since 1970.
        route: ``images`` or ``faces``.
        model: SHA-256 of the weights; ``head`` of the model; ``labels``, the label set, empty for all of the head.
        brightness: mean gray level of the crop, 0 to 1; ``sharpness`` as in ``Reading``.
        size: side of the face in pixels; None for crops. ``yaw``, ``roll``: in degrees; None without landmarks.
    """

    id: str
    time: float
    route: str
    model: str
    head: str
    labels: str
    emotion: str
    abstained: bool
    confidence: float
    brightness: float
    sharpness: float | None
    size: float | None
    yaw: float | None
    roll: float | None


@dataclass(frozen=True)
class Feedback:
    """What one annotator said about one reading; ``crop`` is a PNG file, and ``image`` its SHA-256, with consent only."""

    reading: str
    emotion: str
    annotator: str
    time: float
    predicted: str
    model: str
    image: str | None = None
    crop: bytes | None = None


def database_url(place: str) -> str:
    """The URL of a database, given by its URL or as an SQLite file."""
    return place if "://" in place else f"sqlite:///{Path(place).absolute()}"


class Store:
    """The database at a URL, brought up to date when opened; for any thread.

    Raises:
        OutputError: it cannot be opened, or the migration fails.
        MissingExtraError: the package that connects to it is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url, self._lock = url, threading.Lock()
        self._waiting: list[Record] = []
        with self._reported():
            parsed = sa.make_url(url)
            if parsed.drivername == "postgresql":  # SQLAlchemy would take the older psycopg2
                parsed = parsed.set(drivername="postgresql+psycopg")
            if parsed.drivername.startswith("sqlite") and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(parsed, pool_pre_ping=True)
            if parsed.drivername.startswith("sqlite"):
                sa.event.listen(self._engine, "connect", _sqlite_settings)
            self._migrate()
            self._readings = sa.Table("readings", _METADATA, autoload_with=self._engine, extend_existing=True)
            self._feedback = sa.Table("feedback", _METADATA, autoload_with=self._engine, extend_existing=True)

    def close(self) -> None:
        """Write what waits, and close the connections."""
        self.flush()
        self._engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(resources.files(__package__ or "") / "migrations"))
        script = ScriptDirectory.from_config(config)
        with (
            self._engine.begin() as connection,
            EnvironmentContext(config, script, fn=lambda revision, _: script._upgrade_revs("head", revision)) as env,
        ):
            env.configure(connection=connection)
            with env.begin_transaction():
                env.run_migrations()

    def add(self, records: Sequence[Record]) -> int:
        """Keep records until the next ``flush``; returns how many were lost because too many wait."""
        with self._lock:
            room = max(0, _MOST_WAITING - len(self._waiting))
            self._waiting += records[:room]
        return max(0, len(records) - room)

    def flush(self) -> None:
        """Write what waits. What cannot be written waits on."""
        with self._lock:
            waiting = list(self._waiting)
            if waiting:
                with self._reported(), self._engine.begin() as connection:
                    connection.execute(self._readings.insert(), [asdict(record) for record in waiting])
                del self._waiting[: len(waiting)]

    def delete_before(self, time_s: float) -> None:
        """Delete the numbers of readings before a time; feedback stays."""
        with self._reported(), self._engine.begin() as connection:
            connection.execute(self._readings.delete().where(self._readings.c.time < time_s))

    def give_feedback(
        self, reading: str, emotion: str, annotator: str, crop: npt.NDArray[np.uint8] | None = None
    ) -> Feedback | None:
        """Store what an annotator says about a reading, in place of what they said before.

        Args:
            reading: its id.
            emotion: one of the vocabulary or an alias, ``unknown`` or ``no_face``.
            annotator: who says it.
            crop: the face, uint8 (H, W, 3), whose storage the person has agreed to; None stores no image.

        Returns:
            What was stored, or None if there is no such reading.
        """
        self.flush()
        table = self._readings
        with self._reported(), self._engine.begin() as connection:
            row = connection.execute(sa.select(table.c.emotion, table.c.model).where(table.c.id == reading)).first()
        return row and self.add_feedback(reading, emotion, annotator, row.emotion, row.model, crop)

    def add_feedback(
        self,
        reading: str,
        emotion: str,
        annotator: str,
        predicted: str,
        model: str,
        crop: npt.NDArray[np.uint8] | None = None,
        time_s: float | None = None,
    ) -> Feedback:
        """Store feedback on a reading that this database need not know, such as one of the photo app."""
        emotion = emotion if emotion in NO_EMOTION else parse(emotion)
        png = None if crop is None else encoded(crop)
        digest = None if png is None else hashlib.sha256(png).hexdigest()
        given = Feedback(reading, emotion, annotator, time_s or time.time(), predicted, model, digest, png)
        table = self._feedback
        with self._reported(), self._engine.begin() as connection:
            connection.execute(table.delete().where(table.c.reading == reading, table.c.annotator == annotator))
            connection.execute(table.insert(), [asdict(given)])
        return given

    def add_correction(
        self, face: Path, emotion: str, predicted: str, model: str, time_s: float | None = None
    ) -> Feedback:
        """Store a correction of the photo app, whose image file ``face`` is named by its pixels."""
        reading = face.stem.ljust(32, "0")[:32]
        return self.add_feedback(reading, emotion, "photo app", predicted, model, read_image(face).image, time_s)

    def feedback(self) -> list[Feedback]:
        """All feedback, oldest first."""
        table = self._feedback
        columns = [table.c[name] for name in Feedback.__dataclass_fields__]
        with self._reported(), self._engine.begin() as connection:
            return [Feedback(**row._mapping) for row in connection.execute(sa.select(*columns).order_by(table.c.id))]

    def records(
        self, since: float, until: float, equal: Mapping[str, str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """The numbers of readings in a window whose columns ``equal`` these values.

        From ``since`` to before ``until``; column -> array (N,), NaN where unknown.
        """
        self.flush()
        table = self._readings
        names = [name for name in Record.__dataclass_fields__ if name not in ("id", "route", "model", "head", "labels")]
        wanted = [
            table.c.time >= since,
            table.c.time < until,
            *(table.c[name] == value for name, value in (equal or {}).items()),
        ]
        with self._reported(), self._engine.begin() as connection:
            rows = connection.execute(sa.select(*(table.c[name] for name in names)).where(*wanted)).all()
        columns = zip(*rows) if rows else ([] for _ in names)
        return {name: np.array(column, object if name == "emotion" else float) for name, column in zip(names, columns)}

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except ModuleNotFoundError as error:
            message = f"a database at {self.url.partition(':')[0]}:// needs the package {error.name}"
            raise MissingExtraError(message, hint="pip install 'psycopg[binary]'", value=error.name) from error
        except sa.exc.SQLAlchemyError as error:
            shown = self.url.rpartition("@")[2]  # without the password
            kind = type(getattr(error, "orig", None) or error).__name__
            hint = "Check the URL, such as sqlite:///mien.db or postgresql://USER@HOST/NAME."
            raise OutputError(f"the database {shown} cannot be used: {kind}", hint=hint) from error


def encoded(crop: npt.NDArray[np.uint8]) -> bytes:
    """A face as a PNG file of at most 256 pixels, without metadata."""
    image = Image.fromarray(crop)
    image.thumbnail((_LARGEST_CROP, _LARGEST_CROP), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def size_of(face: Face) -> float:
    """Side of a face in pixels."""
    return float(np.sqrt(face.box.width * face.box.height))


def _sqlite_settings(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


@dataclass(frozen=True)
class FeedbackImage:
    """A face with the votes of its annotators: emotion, ``unknown`` or ``no_face`` -> votes."""

    image: str
    crop: bytes
    votes: dict[str, int]
    predicted: str

    @property
    def emotion(self) -> str | None:
        """The emotion with the most votes; None where there is none, or two have as many."""
        counts = sorted(((n, name) for name, n in self.votes.items()), reverse=True)
        tie = len(counts) > 1 and counts[0][0] == counts[1][0]
        return None if tie or counts[0][1] in NO_EMOTION else counts[0][1]


def feedback_images(feedback: Sequence[Feedback]) -> list[FeedbackImage]:
    """The faces of feedback that has them, each once, with all its votes."""
    found: dict[str, FeedbackImage] = {}
    for one in feedback:
        if one.image and one.crop:
            before = found.get(one.image) or FeedbackImage(one.image, one.crop, {}, one.predicted)
            before.votes[one.emotion] = before.votes.get(one.emotion, 0) + 1
            found[one.image] = before
    return list(found.values())


@dataclass(frozen=True)
class FeedbackExport:
    """What was exported: images by split, those without a clear emotion, and the agreement of annotators."""

    path: Path
    train: int
    test: int
    unclear: int
    alpha: float | None


#: Share of the images that are held out, by their hash, so that an image stays where it is.
_HELD_OUT = 0.3


def is_held_out(image: str) -> bool:
    """Whether an image, by its SHA-256, is held out for evaluation."""
    return int(image[:8], 16) / 0xFFFFFFFF < _HELD_OUT


def ten_votes(votes: dict[str, int]) -> list[int]:
    """Votes scaled to ten, as FER+ has them, in the order of the vocabulary, then ``unknown`` and ``no_face``."""
    counts = np.array([votes.get(name, 0) for name in (*EMOTIONS, *NO_EMOTION)], float)
    shares = 10 * counts / counts.sum()
    whole = np.floor(shares).astype(int)
    whole[np.argsort(whole - shares, kind="stable")[: 10 - whole.sum()]] += 1
    return [int(n) for n in whole]


def export_feedback(store: Store, out: Path) -> FeedbackExport:
    """Write the faces of feedback to a parquet file that ``mien lab`` reads: images, labels, splits, ten votes.

    Raises:
        DataError: no feedback has a face and a clear emotion.
        OutputError: the file cannot be written.
    """
    pa, parquet = require("pyarrow", "table"), require("pyarrow.parquet", "table")
    every = feedback_images(feedback := store.feedback())
    clear = [one for one in every if one.emotion]
    if not clear:
        hint = "Feedback needs crops with consent: see docs/guides/server.md."
        raise DataError(f"{store.url.rpartition('@')[2]}: no feedback has a face and a clear emotion", hint=hint)
    order = [EMOTIONS.index(name) for name in FERPLUS_ORDER] + [len(EMOTIONS), len(EMOTIONS) + 1]
    table = pa.table(
        {
            "image": [one.crop for one in clear],
            "label": [one.emotion for one in clear],
            "split": ["test" if is_held_out(one.image) else "train" for one in clear],
            "votes": [[votes[place] for place in order] for votes in map(ten_votes, (one.votes for one in clear))],
        }
    )
    with replacing_path(out) as temporary:
        parquet.write_table(table, temporary)
    units: dict[str, list[str]] = {}
    for one in feedback:
        units.setdefault(one.image or one.reading, []).append(one.emotion)
    held = sum(is_held_out(one.image) for one in clear)
    alpha = krippendorff_alpha(list(units.values()))
    return FeedbackExport(out, len(clear) - held, held, len(every) - len(clear), alpha)


def import_corrections(store: Store, folder: Path) -> int:
    """Take in the corrections of the photo app, whose users agreed to keep the faces; returns how many.

    Raises:
        DataError: the folder holds none.
    """
    log = folder / "corrections.csv"
    try:
        with log.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"no corrections at {log}", hint="Give the folder of 'mien app photo --flags'.") from error
    taken = 0
    for row in rows:
        path = folder / row["file"]
        if path.is_file():  # else corrected again since
            when = datetime.fromisoformat(row["time"]).timestamp()
            store.add_correction(path, row["label"], row["predicted"], row["model_sha256"], when)
            taken += 1
    return taken
