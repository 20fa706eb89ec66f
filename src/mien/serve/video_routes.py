"""Routes of video jobs and streams."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import FastAPI, Path, Query, Request, Response, WebSocket
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.websockets import WebSocketState

from ..errors import MienError, shorten
from ..extras import check_installed
from ..options import ReadOptions
from ..tracking import LIVE_GAP_S, Tracker
from ..types import Frame
from .answers import ServedJob
from .bodies import VIDEO_BODY, Parameters, ReadParameters, read_form
from .engine import Found
from .jobs import Job
from .problems import Problem

if TYPE_CHECKING:
    from .app import Server

#: Frames per second expected of a stream.
_STREAM_RATE = 10.0
Identifier = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class VideoParameters(ReadParameters):
    """How to read a video."""

    interval_s: float = Field(0.0, ge=0, le=3600, description="Sample one frame per interval, seconds; 0 reads all.")


def add_videos(app: FastAPI, server: Server) -> None:
    """Add ``/v1/videos`` and ``/v1/jobs``."""

    def caller(request: Request) -> str:
        """Jobs belong to a key; without keys everyone on this machine sees them."""
        name: str = request.state.caller
        return name if name.startswith("key ") else ""

    @app.post("/v1/videos", status_code=202, openapi_extra=VIDEO_BODY, tags=["videos"])
    async def videos(
        request: Request, response: Response, parameters: Annotated[VideoParameters, Query()]
    ) -> ServedJob:
        """Accept a video; ``Location`` is that of its job."""
        server.jobs.check_room()
        form = await read_form(request, 1, on_disk=True)
        try:
            file = next((value for _, value in form.multi_items() if isinstance(value, UploadFile)), None)
            if file is None:
                raise Problem(400, "malformed_body", "the body holds no file", expected="one file")
            options = parameters.model_dump(exclude_none=True, exclude={"interval_s"})
            server.models.variant(server.merged(parameters), False)  # refuses what the model lacks
            given = shorten(file.filename or "") or "video", options, parameters.interval_s, caller(request)
            job = await asyncio.to_thread(server.jobs.add, file.file, *given)
        finally:
            await form.close()
        response.headers["location"] = f"/v1/jobs/{job.id}"
        return shown(job)

    @app.get("/v1/jobs/{identifier}", tags=["videos"])
    async def job(request: Request, identifier: Identifier) -> ServedJob:
        """Where a job stands."""
        return shown(server.jobs.get(identifier, caller(request)))

    @app.delete("/v1/jobs/{identifier}", tags=["videos"])
    async def cancel(request: Request, identifier: Identifier) -> ServedJob:
        """Cancel a job; one that has ended is deleted with its result."""
        return shown(await asyncio.to_thread(server.jobs.cancel, identifier, caller(request)))

    @app.get("/v1/jobs/{identifier}/result", tags=["videos"], response_class=FileResponse)
    async def result(
        request: Request,
        identifier: Identifier,
        table: Annotated[Literal["jsonl", "csv", "parquet"], Query(alias="format")] = "jsonl",
    ) -> Response:
        """The table of a finished job: one row per face and frame."""
        path = await asyncio.to_thread(server.jobs.result, identifier, caller(request), f".{table}")
        return FileResponse(path, media_type=_TYPES[table])


def shown(job: Job) -> ServedJob:
    """A job as clients see it."""
    return ServedJob.model_validate(asdict(job))


def add_stream(app: FastAPI, server: Server) -> None:
    """Add ``/v1/stream``."""

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket, parameters: Parameters) -> None:
        check_installed(("trackers", "supervision"), "video")
        options = server.merged(parameters)
        server.models.variant(options, False)
        if server.streams >= server.settings.max_streams:
            raise Problem(429, "streams_full", "too many streams are open", retry_after_s=10)
        await socket.accept()
        server.streams += 1
        server.metrics.streams.set(server.streams)
        try:
            await _Stream(server, socket, options).run()
        finally:
            server.streams -= 1
            server.metrics.streams.set(server.streams)


class _Stream:
    """One stream: of the frames that arrive while one is read, only the newest is kept."""

    def __init__(self, server: Server, socket: WebSocket, options: ReadOptions) -> None:
        self._server, self._socket, self._options = server, socket, replace(options, rotate=options.rotate or 0)
        self._tracker = Tracker(_STREAM_RATE, LIVE_GAP_S)
        self._newest: tuple[int, float, bytes] | None = None
        self._arrived, self._ended = asyncio.Event(), False
        self._dropped = 0

    async def run(self) -> None:
        """Read until the client leaves, or sends nothing for ``body_timeout_s``."""
        receiving = asyncio.create_task(self._receive())
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                if self._newest is not None:
                    (index, time_s, content), self._newest = self._newest, None
                    dropped, self._dropped = self._dropped, 0
                    answer = await self._answer(index, time_s, content)
                    if self._socket.client_state is WebSocketState.CONNECTED:
                        await self._socket.send_json({"frame": index, "dropped": dropped, **answer})
                elif self._ended:
                    return
        finally:
            receiving.cancel()

    async def _receive(self) -> None:
        index, started = 0, time.monotonic()
        try:
            while True:
                waiting = self._server.settings.body_timeout_s
                message = await asyncio.wait_for(self._socket.receive(), waiting)
                if message["type"] == "websocket.disconnect":
                    return
                if self._newest is not None:
                    self._dropped += 1
                    self._server.metrics.dropped.inc()
                self._newest = index, time.monotonic() - started, message.get("bytes") or b""
                index += 1
                self._arrived.set()
        except (asyncio.TimeoutError, TimeoutError):
            await self._socket.close(1001, "no frame arrived in time")
        finally:
            self._ended = True
            self._arrived.set()

    async def _answer(self, index: int, time_s: float, content: bytes) -> dict[str, Any]:
        engine = self._server.running
        try:
            with engine.admitted(1):
                reader = engine.models.variant(self._options, False)

                def search() -> tuple[Frame, Found]:
                    return engine.search(reader, content, "stream", index, time_s)

                frame, found = await engine.in_thread(search)
                readings = await engine.classify(found)
                placed = engine.placed(readings, "stream", index, time_s)
                tracked = await engine.in_thread(lambda: self._tracker.update(frame, placed))
        except (Problem, MienError) as error:
            problem = error if isinstance(error, Problem) else Problem.of(error)
            return {"error": problem.to_dict(""), "readings": []}
        self._server.metrics.read(tracked, len(tracked))
        size = {"time_s": round(time_s, 3), "width": found.width, "height": found.height}
        return {**size, "readings": [reading.to_dict() for reading in tracked]}
