"""Clients of ``mien serve``, for threads and for asyncio, on httpx.

Written by hand: they return the server's own models, and a test compares their methods with the OpenAPI document.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, Literal, TypeAlias, TypeVar

import httpx
from pydantic import ValidationError

from ..errors import MienError, OptionError, SourceError
from .answers import FeedbackAnswer, ImagesAnswer, ModelsAnswer, ProblemDetails, ServedImage, ServedJob

#: An image file: its path or its bytes.
ClientImage: TypeAlias = str | Path | bytes
TableFormat: TypeAlias = Literal["jsonl", "csv", "parquet"]
T = TypeVar("T")


class ServerError(MienError):
    """An answer other than success.

    Attributes:
        status, code: HTTP status, and kind of the problem; 0 and ``no_answer`` where the server did not answer.
        expected, request_id: what is accepted; how the server's log names the request.
        retry_after_s: seconds after which to try again, where the server says so.
    """

    def __init__(self, problem: ProblemDetails, retry_after_s: float | None = None) -> None:
        super().__init__(problem.detail, hint=problem.hint, field=problem.what or "", value=problem.got)
        self.status, self.code = problem.status, problem.code
        self.expected, self.request_id = problem.expected, problem.request_id
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class _Call(Generic[T]):
    """One request, and how its answer is understood."""

    method: str
    path: str
    understood: Callable[[httpx.Response], T]
    params: Mapping[str, Any] | None = None
    json: Mapping[str, Any] | None = None
    files: Any = None

    def options(self) -> dict[str, Any]:
        params = {name: value for name, value in (self.params or {}).items() if value is not None}
        return {"params": params, "json": self.json, "files": self.files}


def _images(
    images: ClientImage | Iterable[ClientImage], what: str, asked: Mapping[str, Any]
) -> _Call[list[ServedImage]]:
    given = [images] if isinstance(images, str | Path | bytes) else list(images)

    def understood(answer: httpx.Response) -> list[ServedImage]:
        return list(ImagesAnswer.model_validate_json(answer.content).images)

    return _Call("POST", f"/v1/{what}", understood, asked, files=[("files", _content(image)) for image in given])


def _job(answer: httpx.Response) -> ServedJob:
    return ServedJob.model_validate_json(answer.content)


def _video(file: BinaryIO, asked: Mapping[str, Any]) -> _Call[ServedJob]:
    return _Call("POST", "/v1/videos", _job, asked, files={"file": (Path(file.name).name, file)})


def _result(identifier: str, table: TableFormat) -> _Call[bytes]:
    return _Call("GET", f"/v1/jobs/{identifier}/result", lambda answer: answer.content, {"format": table})


def _models() -> _Call[ModelsAnswer]:
    return _Call("GET", "/v1/models", lambda answer: ModelsAnswer.model_validate_json(answer.content))


def _feedback(
    reading: str, emotion: str, annotator: str, crop: ClientImage | None, *, consent: bool
) -> _Call[FeedbackAnswer]:
    encoded = None if crop is None else base64.b64encode(_content(crop)[1]).decode()
    body = {"reading": reading, "emotion": emotion, "annotator": annotator, "crop": encoded, "consent": consent}
    return _Call("POST", "/v1/feedback", lambda answer: FeedbackAnswer.model_validate_json(answer.content), json=body)


class Client:
    """A client of ``mien serve``; use it as a context, or call ``close``.

    Args:
        url: of the server.
        key: API key, where the server asks for one.
        timeout_s: longest wait for an answer, seconds.

    Raises:
        ServerError: from every method, where the server refuses a request or does not answer.

    Example:
        >>> with mien.Client("http://127.0.0.1:8000") as client:  # doctest: +SKIP
        ...     for image in client.images(["a.jpg", "b.jpg"]):
        ...         print([reading.emotion for reading in image.readings])
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None, timeout_s: float = 60.0) -> None:
        self._http = httpx.Client(base_url=url, headers=_headers(key), timeout=timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def images(
        self,
        images: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """Read photos; options as in ``ReadOptions``, by default as the server is set."""
        asked = {"emotions": emotions, "head": head, "min_face": min_face, "min_confidence": min_confidence}
        return self._send(_images(images, "images", asked))

    def faces(
        self,
        crops: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """Read crops: each is one face."""
        asked = {"emotions": emotions, "head": head, "min_confidence": min_confidence}
        return self._send(_images(crops, "faces", asked))

    def video(
        self,
        video: str | Path,
        *,
        interval_s: float = 0.0,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> ServedJob:
        """Send a video; returns its job, whose ``id`` the other methods take."""
        asked = {"emotions": emotions, "head": head, "min_face": min_face, "min_confidence": min_confidence}
        with _opened(video) as file:
            return self._send(_video(file, {**asked, "interval_s": interval_s}))

    def job(self, identifier: str) -> ServedJob:
        """A job with its progress; ``job.state.ended`` says whether to ask again."""
        return self._send(_Call("GET", f"/v1/jobs/{identifier}", _job))

    def result(self, identifier: str, format: TableFormat = "jsonl") -> bytes:  # noqa: A002 - as in the interface
        """The table of a finished job: ``jsonl``, ``csv`` or ``parquet``."""
        return self._send(_result(identifier, format))

    def cancel(self, identifier: str) -> ServedJob:
        """Cancel a job; one that has ended is deleted."""
        return self._send(_Call("DELETE", f"/v1/jobs/{identifier}", _job))

    def models(self) -> ModelsAnswer:
        """The served model, and the models that come with mien."""
        return self._send(_models())

    def feedback(
        self,
        reading: str,
        emotion: str,
        *,
        annotator: str = "",
        crop: ClientImage | None = None,
        consent: bool = False,
    ) -> FeedbackAnswer:
        """Correct a reading, named by its ``id``; ``crop`` is stored only with the ``consent`` of the person it shows."""
        return self._send(_feedback(reading, emotion, annotator, crop, consent=consent))

    def _send(self, call: _Call[T]) -> T:
        try:
            return _understood(call, self._http.request(call.method, call.path, **call.options()))
        except httpx.TransportError as error:
            raise _no_answer(error) from error


class AsyncClient:
    """``Client`` for asyncio: the same methods, awaited; use it as an asynchronous context, or await ``close``."""

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None, timeout_s: float = 60.0) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout_s)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def images(
        self,
        images: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """As ``Client.images``."""
        asked = {"emotions": emotions, "head": head, "min_face": min_face, "min_confidence": min_confidence}
        return await self._send(_images(images, "images", asked))

    async def faces(
        self,
        crops: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """As ``Client.faces``."""
        asked = {"emotions": emotions, "head": head, "min_confidence": min_confidence}
        return await self._send(_images(crops, "faces", asked))

    async def video(
        self,
        video: str | Path,
        *,
        interval_s: float = 0.0,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> ServedJob:
        """As ``Client.video``."""
        asked = {"emotions": emotions, "head": head, "min_face": min_face, "min_confidence": min_confidence}
        with _opened(video) as file:
            return await self._send(_video(file, {**asked, "interval_s": interval_s}))

    async def job(self, identifier: str) -> ServedJob:
        """As ``Client.job``."""
        return await self._send(_Call("GET", f"/v1/jobs/{identifier}", _job))

    async def result(self, identifier: str, format: TableFormat = "jsonl") -> bytes:  # noqa: A002 - as in the interface
        """As ``Client.result``."""
        return await self._send(_result(identifier, format))

    async def cancel(self, identifier: str) -> ServedJob:
        """As ``Client.cancel``."""
        return await self._send(_Call("DELETE", f"/v1/jobs/{identifier}", _job))

    async def models(self) -> ModelsAnswer:
        """As ``Client.models``."""
        return await self._send(_models())

    async def feedback(
        self,
        reading: str,
        emotion: str,
        *,
        annotator: str = "",
        crop: ClientImage | None = None,
        consent: bool = False,
    ) -> FeedbackAnswer:
        """As ``Client.feedback``."""
        return await self._send(_feedback(reading, emotion, annotator, crop, consent=consent))

    async def _send(self, call: _Call[T]) -> T:
        try:
            return _understood(call, await self._http.request(call.method, call.path, **call.options()))
        except httpx.TransportError as error:
            raise _no_answer(error) from error


def _headers(key: str | None) -> dict[str, str]:
    return {"x-api-key": key} if key else {}


def _understood(call: _Call[T], answer: httpx.Response) -> T:
    if answer.is_success:
        try:
            return call.understood(answer)
        except ValidationError as error:
            detail, hint = f"the answer of {answer.url} is not one of 'mien serve'", "Check the URL of the server."
            problem = ProblemDetails(status=answer.status_code, code="unexpected_answer", detail=detail, hint=hint)
            raise ServerError(problem) from error
    try:
        problem = ProblemDetails.model_validate_json(answer.content)
    except ValidationError:  # from a proxy, say
        problem = ProblemDetails(status=answer.status_code)
    wait = answer.headers.get("retry-after", "")
    raise ServerError(problem, float(wait) if wait.isdecimal() else None)


def _no_answer(error: httpx.TransportError) -> ServerError:
    detail = f"the server did not answer: {error or type(error).__name__}"
    return ServerError(ProblemDetails(code="no_answer", detail=detail, hint="Is 'mien serve' running?"))


def _opened(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}", path=path) from error


def _content(image: ClientImage) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return "image", image
    try:
        return Path(image).name, Path(image).read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {image}: {error.strerror or error}", path=image) from error
    except TypeError as error:
        message = f"image: got {type(image).__name__}, expected a path or bytes"
        raise OptionError(message, hint="Encode arrays as JPEG or PNG first.", field="image") from error
