"""What every request passes: host and origin, key, rate, size and time of its body, log line and metrics."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
import traceback
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .keys import KeyFile, RateLimiter
from .metrics import Metrics
from .problems import MEDIA_TYPE, Problem
from .settings import ServeSettings

#: Always open: probes have no keys.
_OPEN = ("/healthz", "/readyz")
#: Bytes and seconds of a refused body that are still received.
_DRAINED_BYTES, _DRAINED_S = 50_000_000, 2.0
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")


def logger(level: str) -> Any:
    """A logger of one JSON object per line on standard error; it is given no image data and no file names."""
    return structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
    )


def answer(problem: Problem, request_id: str) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(problem.to_dict(request_id), problem.status, problem.headers(), media_type=MEDIA_TYPE)


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics, log: Any) -> None:
        self._app, self._settings, self._metrics, self._log = app, settings, metrics, log
        self._keys, self._rates = KeyFile(settings.keys_file), RateLimiter()
        self._inflight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, pass on, record."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        body = _Body(self, scope, receive)
        passed = _Passed(send, request_id, body)
        started = time.perf_counter()
        try:
            self._check(scope)
            await self._app(scope, body.receive, passed.send)
        except Problem as problem:
            await self._refuse(scope, receive, passed, problem)
        except Exception as error:  # noqa: BLE001 - the border: logged, and an answer
            self._log.error("error", request_id=request_id, kind=type(error).__name__, trace=_trace(error))
            if not passed.status:
                hint = "Report it with the request id."
                fault = Problem(500, "internal_error", "internal server error", hint=hint)
                await self._refuse(scope, receive, passed, fault)
        finally:
            self._inflight -= body.held
            self._record(scope, passed.status, time.perf_counter() - started, body.size)

    def _check(self, scope: Scope) -> None:
        headers, path, state = Headers(scope=scope), scope["path"], scope["state"]
        if path in _OPEN or scope.get("method") == "OPTIONS":
            return
        self._check_origin(headers)
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        caller, rate = str((scope.get("client") or ("unknown",))[0]), self._settings.rate_limit
        if self._keys.required():
            public = path == "/metrics" and not self._settings.metrics_key
            key = self._keys.find(given) if given else None
            if key is None and not public:
                wait = self._rates.wait_s(f"address {caller}", rate)  # also those who guess are limited
                if wait:
                    raise Problem(429, "rate_limited", "too many requests", retry_after_s=wait)
                hint = "Send it in the header X-API-Key, or as Authorization: Bearer KEY."
                raise Problem(401, "unauthorized", "no valid API key was given", expected="an API key", hint=hint)
            if key:
                caller, rate = f"key {key.name}", key.rate or rate
        state["caller"] = caller
        if path != "/metrics" and (wait := self._rates.wait_s(caller, rate)):
            expected = f"at most {rate} requests per minute"
            raise Problem(429, "rate_limited", "too many requests", expected=expected, retry_after_s=wait)

    def _check_origin(self, headers: Headers) -> None:
        """Web pages elsewhere must not reach a server without keys through the user's browser."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin and origin not in self._settings.cors_origins and urlsplit(origin).netloc != host:
            raise Problem(403, "origin_not_allowed", "web pages of this origin may not call the server", got=origin)
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        known = (*_LOCAL_HOSTS, self._settings.host, *self._settings.allowed_hosts)
        if self._settings.is_loopback and not self._keys.required() and name not in known:
            hint = "Use localhost, or set allowed_hosts."
            raise Problem(421, "host_not_allowed", "unknown host name", got=name, hint=hint)

    async def _refuse(self, scope: Scope, receive: Receive, passed: _Passed, problem: Problem) -> None:
        self._metrics.rejected.labels(problem.code).inc()
        if passed.status:
            return
        await answer(problem, scope["state"]["request_id"])(scope, receive, passed.send)

    def _record(self, scope: Scope, status: int, seconds: float, size: int) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope.get("method", "WS")
        method = method if method in ("GET", "POST", "DELETE", "WS") else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        if route != "/v1/stream":
            self._metrics.latency.labels(route).observe(seconds)
        state: Mapping[str, Any] = scope["state"]
        level = "debug" if route in (*_OPEN, "/metrics") else "info"
        getattr(self._log, level)(
            "request", request_id=state["request_id"], method=method, route=route, status=status,
            ms=round(1000 * seconds, 1), bytes=size, caller=state.get("caller"), **state.get("log", {}),
        )  # fmt: skip

    def hold(self, size: int) -> None:
        """Count bytes of a body; ``Problem`` 429 where all bodies together are too large."""
        most = self._settings.max_inflight_mb * 1e6
        if self._inflight and self._inflight + size > most:
            raise Problem(429, "bodies_too_large", "the server holds too many bodies", retry_after_s=1)
        self._inflight += size

    @property
    def settings(self) -> ServeSettings:
        """Of the server."""
        return self._settings


class _Body:
    """Receives a body within its limits. ``held`` bytes are in memory, ``size`` were received, all if ``done``."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive) -> None:
        self._gate, self._receive, settings = gate, receive, gate.settings
        self._is_video = scope["path"] == "/v1/videos"
        self._is_http = scope["type"] == "http"
        self._most = int((settings.max_video_mb if self._is_video else settings.max_body_mb) * 1e6)
        self._deadline = time.monotonic() + settings.body_timeout_s * (10 if self._is_video else 1)
        headers = Headers(scope=scope)
        declared, self._waits = headers.get("content-length", ""), "expect" in headers
        self._declared = int(declared) if declared.isdecimal() else 0
        self.done = not self._is_http
        self.held = self.size = 0

    async def receive(self) -> Message:
        """Receive a part."""
        if self.done:
            return await self._receive()
        self._check_size(max(self._declared, self.size))
        try:
            message = await asyncio.wait_for(self._receive(), self._deadline - time.monotonic())
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise Problem(408, "body_timeout", "the body did not arrive in time") from error
        part = len(message.get("body", b""))
        self.size += part
        self._check_size(self.size)
        if not self._is_video:  # videos go to the disk
            self._gate.hold(part)
            self.held += part
        self.done = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Receive what is left of a refused body, within limits: else the client is cut off before it reads the answer."""
        left, deadline = _DRAINED_BYTES, time.monotonic() + _DRAINED_S
        while not self.done and left > 0 and not self._waits:
            try:
                message = await asyncio.wait_for(self._receive(), deadline - time.monotonic())
            except (asyncio.TimeoutError, TimeoutError):
                return
            left -= len(message.get("body", b""))
            self.done = not message.get("more_body", False)

    def _check_size(self, size: int) -> None:
        if size > self._most:
            expected = f"at most {self._most} bytes"
            raise Problem(413, "body_too_large", "the body is too large", got=size, expected=expected)


class _Passed:
    """Sends the answer with the request's id, and remembers its status."""

    def __init__(self, send: Send, request_id: str, body: _Body) -> None:
        self._send, self._id, self._body = send, request_id, body
        self.status = 0

    async def send(self, message: Message) -> None:
        """Send a part."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            headers = [(b"x-request-id", self._id.encode()), (b"x-content-type-options", b"nosniff")]
            if self.status >= 400 and self.status != 408:
                await self._body.drain()
            if self.status >= 400 and not self._body.done:
                headers.append((b"connection", b"close"))  # what is left of the body is not read
            message["headers"] = [*message.get("headers", ()), *headers]
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)


def _trace(error: Exception) -> list[str]:
    """Where an error happened, without its message, which may quote a request."""
    return traceback.format_tb(error.__traceback__)[-5:]
