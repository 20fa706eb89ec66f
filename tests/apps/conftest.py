"""A browser with a camera that shows the astronaut, for the tests of the web apps."""

import io
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mien import Frame


@pytest.fixture(scope="session")
def fake_camera(astronaut: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera films: 640 x 480, ten times the astronaut, as motion JPEG; Chromium repeats it."""
    scene = Image.new("RGB", (640, 480), (40, 44, 52))
    scene.paste(Image.fromarray(astronaut.image).resize((480, 480)), (80, 0))
    one = io.BytesIO()
    scene.save(one, "JPEG", quality=92, subsampling="4:2:0")
    path = tmp_path_factory.mktemp("camera") / "astronaut.mjpeg"
    path.write_bytes(one.getvalue() * 10)
    return path


@pytest.fixture(scope="session")
def browser(fake_camera: Path) -> Iterator[Any]:
    """Chromium, driven by Playwright's synchronous interface; it grants every page the fake camera."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser: the tests of the web apps need chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="the tests of the web apps need playwright")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={fake_camera}",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that MIEN_ARTEFACTS names, or one that is thrown away."""
    folder = Path(os.environ.get("MIEN_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of 127.0.0.1 that nothing listens on."""

    def find() -> int:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            return int(door.getsockname()[1])

    return find
