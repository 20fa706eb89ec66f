"""The HTTP interface: images, faces, models, health and metrics; videos, streams and feedback are added to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from .. import __version__
from .. import report as doc
from ..errors import MienError
from ..io.tables import SCHEMA_VERSION
from ..model.card import ModelCard, shipped_models
from ..options import ReadOptions
from .answers import ImagesAnswer, ModelsAnswer, ServedModel
from .bodies import IMAGES_BODY, Parameters, ReadParameters, invalid, read_images
from .engine import Engine, Models, ReadImage
from .feedback_routes import add_feedback, record, write_records
from .gate import Gate, answer, logger
from .jobs import Jobs
from .metrics import Metrics
from .problems import Problem
from .registry import Registry
from .settings import ServeSettings
from .store import Store
from .video_routes import add_stream, add_videos

#: What OpenAPI says of every answer other than success.
_SCHEMA = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
_PROBLEM: dict[str, Any] = {"description": "A problem", "content": {"application/problem+json": _SCHEMA}}
#: Seconds between two looks at the registry.
_LOOK_S = 1.0


@dataclass
class Server:
    """What the routes share; ``engine`` is made when the server starts."""

    settings: ServeSettings
    metrics: Metrics
    log: Any
    models: Models
    jobs: Jobs
    store: Store | None
    engine: Engine | None = None
    streams: int = 0

    def merged(self, parameters: ReadParameters) -> ReadOptions:
        """The server's options with what a request asks for."""
        asked = parameters.model_dump(exclude_none=True, include=set(ReadParameters.model_fields))
        return replace(self.settings.read_options(), **asked)

    @property
    def running(self) -> Engine:
        """The engine; ``Problem`` 503 before the start."""
        if self.engine is None:
            raise Problem(503, "not_ready", "the server has not started", retry_after_s=1)
        return self.engine


def create_app(settings: ServeSettings) -> FastAPI:
    """The application; loads the models.

    Raises:
        MienError: the models cannot be loaded, or the keys cannot be read.
    """
    metrics, log = Metrics(), logger(settings.log_level)
    models = Models(settings.read_options(), _registered(settings))
    jobs = Jobs(settings, metrics, lambda options: server.models.variant(options, False), log)
    store = Store(settings.store_url) if settings.record else None
    server = Server(settings, metrics, log, models, jobs, store)
    _tell_model(server)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        server.engine = Engine(server.models, settings, metrics)
        background = [asyncio.create_task(work(server)) for work in (write_records, _follow_registry)]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            engine, server.engine = server.engine, None
            await asyncio.to_thread(server.jobs.close)
            await engine.close()
            if server.store:
                await asyncio.to_thread(server.store.close)

    app = FastAPI(
        title="mien", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None,
        description="Recognize facial expressions in images and videos.", responses={"default": _PROBLEM},
    )  # fmt: skip
    app.state.server = server
    _add_errors(app)
    _add_reading(app, server)
    add_videos(app, server)
    add_stream(app, server)
    add_feedback(app, server)
    _add_status(app, server)
    _add_docs(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.cors_origins, allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "x-api-key"],
        )  # fmt: skip
    app.add_middleware(Gate, settings=settings, metrics=metrics, log=server.log)
    return app


def _add_errors(app: FastAPI) -> None:
    def on(kind: type[Exception], convert: Any) -> None:
        async def handle(request: Request, error: Exception) -> Response:
            return answer(convert(error), request.state.request_id)

        app.add_exception_handler(kind, handle)

    on(Problem, lambda error: error)
    on(MienError, Problem.of)
    on(RequestValidationError, lambda error: invalid(error.errors()))
    on(HTTPException, lambda error: Problem(error.status_code, "http_error", str(error.detail)))
    on(Exception, lambda _error: Problem(500, "internal_error", "internal server error"))


def _add_reading(app: FastAPI, server: Server) -> None:
    settings = server.settings

    async def read(request: Request, parameters: ReadParameters, most: int, is_crop: bool) -> Response:
        engine = server.running
        with engine.admitted(1):  # refuses before the body is received
            images = await read_images(request, most)
        # Crops need no search: 16 of them take less than one photo
        with engine.admitted(-(-len(images) // 16) if is_crop else len(images)):
            work = _read_all(engine, images, server.merged(parameters), is_crop)
            try:
                results = await asyncio.wait_for(work, settings.request_timeout_s)
            except (asyncio.TimeoutError, TimeoutError) as error:
                hint = "Send fewer or smaller images."
                raise Problem(503, "request_timeout", "reading took too long", hint=hint, retry_after_s=5) from error
        request.state.log = {
            "images": len(images),
            "faces": sum(len(r.readings) for r in results if isinstance(r, ReadImage)),
        }
        good = [result for result in results if isinstance(result, ReadImage)]
        await asyncio.to_thread(record, server, good, is_crop) if settings.keep_images else record(
            server, good, is_crop
        )
        failed = [result for result in results if isinstance(result, Problem)]
        if len(failed) == len(results):
            raise failed[0]
        shown = [_shown(name, result, request.state.request_id) for (name, _), result in zip(images, results)]
        model = {"name": engine.models.reader.card.name, "sha256": engine.models.reader.card.sha256}
        return JSONResponse({"schema_version": SCHEMA_VERSION, "model": model, "images": shown})

    answers: dict[int | str, dict[str, Any]] = {200: {"model": ImagesAnswer}}

    @app.post("/v1/images", responses=answers, openapi_extra=IMAGES_BODY, tags=["reading"])
    async def images(request: Request, parameters: Parameters) -> Response:
        """Read photos: all faces in each. An image that cannot be read has an ``error`` in its place."""
        return await read(request, parameters, settings.max_files, False)

    @app.post("/v1/faces", responses=answers, openapi_extra=IMAGES_BODY, tags=["reading"])
    async def faces(request: Request, parameters: Parameters) -> Response:
        """Read crops: each image is one face."""
        return await read(request, parameters, settings.max_crops, True)


async def _read_all(
    engine: Engine, images: list[tuple[str, bytes]], options: ReadOptions, is_crop: bool
) -> list[ReadImage | Problem]:
    async def one(name: str, content: bytes) -> ReadImage | Problem:
        try:
            return await engine.read(content, name, options, is_crop=is_crop)
        except MienError as error:
            return Problem.of(error)

    return list(await asyncio.gather(*(one(*image) for image in images)))


def _shown(name: str, result: ReadImage | Problem, request_id: str) -> dict[str, Any]:
    if isinstance(result, Problem):
        return {"source": name, "error": result.to_dict(request_id), "readings": []}
    rows = [{"id": identifier, **row.to_dict()} for identifier, row in zip(result.ids, result.readings)]
    return {"source": name, "width": result.found.width, "height": result.found.height, "readings": rows}


def _add_status(app: FastAPI, server: Server) -> None:
    @app.get("/healthz", tags=["status"])
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["status"])
    async def readyz() -> dict[str, str]:
        """Whether requests are accepted: the models are loaded and the queue has room."""
        engine = server.running
        if engine.pending >= server.settings.queue_size:
            raise Problem(503, "queue_full", "the queue is full", retry_after_s=1)
        return {"status": "ready"}

    @app.get("/metrics", tags=["status"], response_class=Response)
    async def metrics() -> Response:
        """Metrics in the format of Prometheus."""
        return Response(server.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/v1/models", tags=["status"])
    async def models() -> ModelsAnswer:
        """The served model, and the models that come with mien."""
        reader = server.running.models.reader
        return ModelsAnswer(served=_shown_card(reader.card), emotions=reader.emotions, included=tuple(shipped_models()))


def _shown_card(card: ModelCard) -> ServedModel:
    shared = {name: getattr(card, name) for name in ServedModel.model_fields if name != "heads"}
    return ServedModel(heads={name: head.emotions for name, head in card.heads.items()}, **shared)


def _registered(settings: ServeSettings) -> Path | None:
    return settings.registry and Registry(settings.registry).model()


async def _follow_registry(server: Server) -> None:
    """Change to the promoted model of the registry; requests in work end with the model that they began with."""
    settings, refused = server.settings, ""
    while settings.registry:
        await asyncio.sleep(_LOOK_S)
        try:
            now = await asyncio.to_thread(Registry(settings.registry).current)
            if now is None or now.sha256 in (server.models.reader.card.sha256, refused):
                continue
            refused = now.sha256  # until it is loaded
            models = await asyncio.to_thread(Models, settings.read_options(), _registered(settings))
        except MienError as error:
            server.log.error("model_refused", sha256=refused, kind=type(error).__name__)
            continue
        server.models = server.running.models = models
        refused = ""
        _tell_model(server)
        server.log.info("model", name=models.reader.card.name, sha256=models.reader.card.sha256)


def _tell_model(server: Server) -> None:
    card = server.models.reader.card
    server.metrics.model.clear()
    server.metrics.model.labels(card.name, card.sha256).set(1)


def _add_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> HTMLResponse:
        """The interface as one page; unlike Swagger's it fetches nothing from elsewhere."""
        schema, sections = app.openapi(), []
        for path, methods in schema["paths"].items():
            for method, entry in methods.items():
                given = entry.get("parameters", [])
                cells = tuple((one["name"], one["in"], one.get("description", "")) for one in given)
                blocks: list[doc.Block] = [doc.Text(doc.escape(entry.get("description", "")))]
                if cells:
                    columns = tuple(doc.Column(name) for name in ("parameter", "in", "meaning"))
                    blocks.append(doc.Table(columns, cells))
                if body := entry.get("requestBody", {}).get("content"):
                    blocks.append(doc.Text("Body: " + ", ".join(f"`{kind}`" for kind in body)))
                sections.append(doc.Section(f"{method.upper()} {path}", tuple(blocks)))
        summary = "The complete description is at [/openapi.json](/openapi.json). Streams: `WS /v1/stream`."
        return HTMLResponse(doc.Document(f"mien {__version__}", tuple(sections), summary).to_html())
