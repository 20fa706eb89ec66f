"""A real server on a free port of this machine."""

import asyncio
import io
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the server needs the extra serve")

import httpx
import numpy as np
import uvicorn
from PIL import Image

from mien.serve.app import create_app
from mien.serve.server import bound, protocol
from mien.serve.settings import ServeSettings, load_settings

from ..conftest import EXAMPLES

ASTRONAUT = (EXAMPLES / "astronaut.png").read_bytes()


def run_async(work: Coroutine[Any, Any, Any]) -> Any:
    """Run in another thread: in this one a browser of other tests may have an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Running:
    """A server in a thread."""

    def __init__(self, settings: ServeSettings) -> None:
        self.settings, self.app = settings, create_app(settings)
        self._socket = bound(settings)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        http = protocol(settings.header_timeout_s)
        limit = settings.max_connections
        config = uvicorn.Config(self.app, http=http, log_config=None, access_log=False, limit_concurrency=limit)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    @property
    def server(self):
        return self.app.state.server

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()


@contextmanager
def running(folder: Path, **settings) -> Iterator[Running]:
    server = Running(
        load_settings(None, {"port": 0, "data_dir": folder, "detector": "mien", "log_level": "error", **settings})
    )
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), rate_limit=1_000_000) as started:
        yield started


@pytest.fixture
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def png(width: int = 48, height: int = 48) -> bytes:
    file, shape = io.BytesIO(), (height, width, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8) if width < 1000 else np.full(shape, 90, np.uint8)
    Image.fromarray(noise).save(file, "png")
    return file.getvalue()


def files(*contents: bytes) -> list:
    return [("files", (f"{number}.png", content)) for number, content in enumerate(contents)]
