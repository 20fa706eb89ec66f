"""Clients of ``mien serve``, for threads and for asyncio, on httpx."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeAlias

import httpx

from ..emotions import EMOTIONS
from ..errors import MienError, OptionError, SourceError

#: An image file: its path or its bytes.
ClientImage: TypeAlias = str | Path | bytes


class ServerError(MienError):
    """An answer other than success.

    Attributes:
        status, code: HTTP status, and kind of the problem; 0 and ``no_answer`` where the server did not answer.
        expected, request_id: what is accepted; how the server's log names the request.
        retry_after_s: seconds after which to try again, where the server says so.
    """

    def __init__(self, problem: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        super().__init__(
            str(problem.get("detail", "the server refused the request")),
            hint=str(problem.get("hint") or ""),
            field=str(problem.get("what") or ""),
            value=problem.get("got"),
        )
        self.status, self.code = int(problem.get("status", 0)), str(problem.get("code", "unknown"))
        self.expected, self.request_id = problem.get("expected"), problem.get("request_id")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class ServedReading:
    """The prediction for one face, as in a row of ``mien read --json``; ``box`` is x0, y0, x1, y1 in pixels.

    Attributes:
        id: names the reading in feedback; empty in videos and streams.
        probabilities: emotion -> probability, in the order of the label set.
    """

    id: str
    source: str
    frame: int
    time_s: float
    face: int
    track_id: int | None
    box: tuple[float, float, float, float]
    score: float
    emotion: str
    confidence: float
    mixed: tuple[str, ...]
    abstained: bool
    probabilities: dict[str, float]

    @staticmethod
    def of(row: Mapping[str, Any]) -> ServedReading:
        """From a row."""
        return ServedReading(
            row.get("id", ""), row["source"], row["frame"], row["time_s"], row["face"], row["track_id"],
            (row["x0"], row["y0"], row["x1"], row["y1"]), row["score"], row["emotion"], row["confidence"],
            tuple(row["mixed"]), row["abstained"], {name: row[name] for name in EMOTIONS if name in row},
        )  # fmt: skip


@dataclass(frozen=True)
class ServedImage:
    """One image: its size in pixels and readings; or ``error``, where it could not be read."""

    source: str
    width: int | None
    height: int | None
    readings: tuple[ServedReading, ...]
    error: ServerError | None = None


class _Requests:
    """What the clients have in common: making requests and understanding answers."""

    def __init__(self, url: str, key: str | None, timeout_s: float) -> None:
        headers = {"x-api-key": key} if key else {}
        self._options: dict[str, Any] = {"base_url": url, "headers": headers, "timeout": timeout_s}

    @staticmethod
    def _uploads(
        images: ClientImage | Iterable[ClientImage], field: str = "files"
    ) -> list[tuple[str, tuple[str, bytes]]]:
        given = [images] if isinstance(images, str | Path | bytes) else list(images)
        return [(field, _content(image)) for image in given]

    @staticmethod
    def _parameters(**given: object) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value is not None}

    @staticmethod
    def _images(answer: httpx.Response) -> list[ServedImage]:
        return [
            ServedImage(
                image["source"],
                image.get("width"),
                image.get("height"),
                tuple(map(ServedReading.of, image["readings"])),
                ServerError(image["error"]) if image.get("error") else None,
            )
            for image in answer.json()["images"]
        ]


class Client(_Requests):
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
        super().__init__(url, key, timeout_s)
        self._http = httpx.Client(**self._options)

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
        asked = self._parameters(emotions=emotions, head=head, min_face=min_face, min_confidence=min_confidence)
        return self._images(self._send("POST", "/v1/images", params=asked, files=self._uploads(images)))

    def faces(
        self,
        crops: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """Read crops: each is one face."""
        asked = self._parameters(emotions=emotions, head=head, min_confidence=min_confidence)
        return self._images(self._send("POST", "/v1/faces", params=asked, files=self._uploads(crops)))

    def video(
        self,
        video: str | Path,
        *,
        interval_s: float = 0.0,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> dict[str, Any]:
        """Send a video; returns its job, whose ``id`` the other methods take."""
        asked = self._parameters(emotions=emotions, head=head, min_face=min_face, min_confidence=min_confidence)
        with _opened(video) as file:
            files = {"file": (Path(video).name, file)}
            return dict(
                self._send("POST", "/v1/videos", params={**asked, "interval_s": interval_s}, files=files).json()
            )

    def job(self, identifier: str) -> dict[str, Any]:
        """A job: ``state`` (queued, running, done, failed, canceled), ``frames``, ``total``, ``error``."""
        return dict(self._send("GET", f"/v1/jobs/{identifier}").json())

    def result(self, identifier: str, format: str = "jsonl") -> bytes:  # noqa: A002 - as in the interface
        """The table of a finished job: ``jsonl``, ``csv`` or ``parquet``."""
        return self._send("GET", f"/v1/jobs/{identifier}/result", params={"format": format}).content

    def cancel(self, identifier: str) -> dict[str, Any]:
        """Cancel a job; one that has ended is deleted."""
        return dict(self._send("DELETE", f"/v1/jobs/{identifier}").json())

    def models(self) -> dict[str, Any]:
        """The served model and its card."""
        return dict(self._send("GET", "/v1/models").json())

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return _checked(self._http.request(method, path, **more))
        except httpx.TransportError as error:
            raise _no_answer(error) from error


class AsyncClient(_Requests):
    """``Client`` for asyncio: the same methods, awaited; use it as an asynchronous context, or await ``close``."""

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None, timeout_s: float = 60.0) -> None:
        super().__init__(url, key, timeout_s)
        self._http = httpx.AsyncClient(**self._options)

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
        asked = self._parameters(emotions=emotions, head=head, min_face=min_face, min_confidence=min_confidence)
        return self._images(await self._send("POST", "/v1/images", params=asked, files=self._uploads(images)))

    async def faces(
        self,
        crops: ClientImage | Iterable[ClientImage],
        *,
        emotions: str | None = None,
        head: str | None = None,
        min_confidence: float | None = None,
    ) -> list[ServedImage]:
        """As ``Client.faces``."""
        asked = self._parameters(emotions=emotions, head=head, min_confidence=min_confidence)
        return self._images(await self._send("POST", "/v1/faces", params=asked, files=self._uploads(crops)))

    async def video(
        self,
        video: str | Path,
        *,
        interval_s: float = 0.0,
        emotions: str | None = None,
        head: str | None = None,
        min_face: int | None = None,
        min_confidence: float | None = None,
    ) -> dict[str, Any]:
        """As ``Client.video``."""
        asked = self._parameters(emotions=emotions, head=head, min_face=min_face, min_confidence=min_confidence)
        with _opened(video) as file:
            files = {"file": (Path(video).name, file)}
            asked["interval_s"] = interval_s
            return dict((await self._send("POST", "/v1/videos", params=asked, files=files)).json())

    async def job(self, identifier: str) -> dict[str, Any]:
        """As ``Client.job``."""
        return dict((await self._send("GET", f"/v1/jobs/{identifier}")).json())

    async def result(self, identifier: str, format: str = "jsonl") -> bytes:  # noqa: A002
        """As ``Client.result``."""
        return (await self._send("GET", f"/v1/jobs/{identifier}/result", params={"format": format})).content

    async def cancel(self, identifier: str) -> dict[str, Any]:
        """As ``Client.cancel``."""
        return dict((await self._send("DELETE", f"/v1/jobs/{identifier}")).json())

    async def models(self) -> dict[str, Any]:
        """As ``Client.models``."""
        return dict((await self._send("GET", "/v1/models")).json())

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return _checked(await self._http.request(method, path, **more))
        except httpx.TransportError as error:
            raise _no_answer(error) from error


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = answer.json()
    except ValueError:  # from a proxy, say
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    wait = answer.headers.get("retry-after", "")
    raise ServerError({"status": answer.status_code, **problem}, float(wait) if wait.isdecimal() else None)


def _no_answer(error: httpx.TransportError) -> ServerError:
    detail = f"the server did not answer: {error or type(error).__name__}"
    return ServerError({"status": 0, "code": "no_answer", "detail": detail, "hint": "Is 'mien serve' running?"})


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
