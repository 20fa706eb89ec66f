"""The server's routes as a handler for AWS Lambda (function URLs and HTTP APIs, payload version 2.0)."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from .app import create_app
from .settings import load_settings

#: Lambda lets a function write there only.
_FOLDER = Path(tempfile.gettempdir(), "mien")
_TEXT = ("application/json", "application/problem+json", "text/")


class _Running:
    """The application with its start-up done, in an event loop of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        app = create_app(load_settings(None, {"data_dir": _FOLDER, "record": False}))
        self._lifespan = app.router.lifespan_context(app)  # kept: it ends when nothing refers to it
        self.loop.run_until_complete(self._lifespan.__aenter__())
        # Lambda authenticates before it calls: by IAM, or by an authorizer of the API
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=900)

    def send(self, request: httpx.Request) -> httpx.Response:
        return self.loop.run_until_complete(self.client.send(request))


@cache
def _running() -> _Running:
    return _Running()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda gives it
    """Answer one event. Videos and streams need a server that lives longer; the limit of a body is Lambda's, 6 MB."""
    call = event["requestContext"]["http"]
    body = event.get("body") or ""
    content = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    kept = ("content-type", "accept", "x-api-key", "authorization")
    headers = {name: value for name, value in event.get("headers", {}).items() if name.lower() in kept}
    running = _running()
    query = event.get("rawQueryString") or ""
    url = f"{event.get('rawPath') or '/'}{'?' if query else ''}{query}"
    answer = running.send(running.client.build_request(call["method"], url, content=content, headers=headers))
    kind = answer.headers.get("content-type", "")
    result = {"statusCode": answer.status_code, "headers": dict(answer.headers), "isBase64Encoded": False}
    if kind.startswith(_TEXT):
        return result | {"body": answer.text}
    return result | {"body": base64.b64encode(answer.content).decode(), "isBase64Encoded": True}
