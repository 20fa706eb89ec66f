"""The route of feedback, and the records of readings."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request

from ..audit.attributes import angles
from ..errors import MienError
from ..io.atomic import write_atomically
from ..io.images import read_image
from .answers import FeedbackAnswer
from .bodies import FEEDBACK_BODY, FeedbackBody, decoded, parse_json
from .engine import ReadImage, Upload
from .problems import Problem
from .store import Record, Store, encoded, size_of

if TYPE_CHECKING:
    from .app import Server

_FLUSH_S = 1.0


def add_feedback(app: FastAPI, server: Server) -> None:
    """Add ``/v1/feedback``."""

    @app.post("/v1/feedback", status_code=201, tags=["feedback"], openapi_extra=FEEDBACK_BODY)
    async def feedback(request: Request) -> FeedbackAnswer:
        """Correct a reading, or vote on it."""
        if server.store is None:
            raise Problem(501, "not_recorded", "readings are not recorded", hint="Start the server with record = true.")
        body = parse_json(FeedbackBody, await request.body())
        if body.crop is not None and not body.consent:
            hint = "Send consent: true if the person agrees, or leave the crop out."
            raise Problem(400, "consent_missing", "a crop needs consent", field="consent", expected="true", hint=hint)
        source: Any = Upload(decoded(body.crop), "crop") if body.crop is not None else None
        kept = server.settings.data_dir / "faces" / f"{body.reading}.png"
        if source is None and body.consent and kept.is_file():
            source = kept
        megapixels = server.settings.max_megapixels
        crop = None
        if source is not None:
            image = await server.running.in_thread(lambda: read_image(source, max_megapixels=megapixels))
            crop = image.image
        annotator = body.annotator or str(request.state.caller)
        given = await asyncio.to_thread(server.store.give_feedback, body.reading, body.emotion, annotator, crop)
        if given is None:
            raise Problem(404, "reading_not_found", "there is no such reading", got=body.reading)
        return FeedbackAnswer(
            reading=given.reading, emotion=given.emotion, annotator=annotator, image=given.image is not None
        )


def record(server: Server, results: list[ReadImage], is_crop: bool) -> None:
    """Keep the numbers of readings, and with ``keep_images`` the faces; does not wait for the database."""
    now, records, route = time.time(), [], "faces" if is_crop else "images"
    for result in results:
        reader = result.found.reader
        for name, reading, light in zip(result.ids, result.readings, result.found.brightness):
            roll, yaw = angles(reading.face) or (None, None)
            size = None if is_crop else size_of(reading.face)
            model = reader.card.sha256, reader.classifier.head, reader.options.emotions or ""
            looks = reading.sharpness, size, yaw, roll
            records.append(
                Record(name, now, route, *model, reading.emotion, reading.abstained, reading.confidence, light, *looks)
            )
    if server.store is not None and (lost := server.store.add(records)):
        server.metrics.unrecorded.inc(lost)
    for result in results:
        for name, crop in zip(result.ids, result.found.kept):
            write_atomically(server.settings.data_dir / "faces" / f"{name}.png", encoded(crop))


def _delete_old(server: Server, store: Store, before: float) -> None:
    store.delete_before(before)
    for path in (server.settings.data_dir / "faces").glob("*.png"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


async def write_records(server: Server) -> None:
    """Write records every second, and delete old ones every hour, until canceled."""
    store, cleaned = server.store, 0.0
    while store is not None:
        await asyncio.sleep(_FLUSH_S)
        try:
            await asyncio.to_thread(store.flush)
            if time.monotonic() - cleaned > 3600 or not cleaned:
                cleaned = time.monotonic()
                await asyncio.to_thread(_delete_old, server, store, time.time() - 86400 * server.settings.record_days)
        except MienError as error:
            server.log.warning("store", kind=type(error).__name__)
