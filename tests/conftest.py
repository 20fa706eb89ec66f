"""Images, videos and a browser with a camera, shared by the tests."""

import io
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien import Frame
from mien.io.images import read_image

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
#: Optional data that is not part of the project: the folder that the environment variable MIEN_DATA names.
DATA = Path(os.environ["MIEN_DATA"]) if os.environ.get("MIEN_DATA") else None


def optional_data(name: str) -> Path:
    """A file or folder of the optional data; skips the test where it is absent."""
    if DATA is None or not (DATA / name).exists():
        pytest.skip(f"needs {name} in the folder that MIEN_DATA names")
    return DATA / name


#: Modules of tests/lab whose tests train, export or compare networks.
TRAINING_MODULES = {
    *("test_compare", "test_distillation", "test_ensemble", "test_explaining", "test_export", "test_journey"),
    *("test_learning", "test_training", "test_tune", "test_command", "test_commands"),
}


def pytest_configure() -> None:
    """Let programs under test be interrupted, also where the suite runs in the background and inherits no SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start a browser or train networks as slow."""
    for item in items:
        trains = "lab" in item.path.parts and item.path.stem in TRAINING_MODULES
        if trains or "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def astronaut() -> Frame:
    """A smiling woman, facing the camera; her face is at about (182, 58) to (270, 178)."""
    return read_image(EXAMPLES / "astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> Frame:
    """A calm woman in uniform."""
    return read_image(EXAMPLES / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def crowd(astronaut: Frame, hopper: Frame) -> Frame:
    """Fifty faces: the two, small, in five rows of ten."""
    import cv2

    faces = [astronaut.image[20:240, 110:340], hopper.image[60:400, 100:440]]
    tiles = [cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA) for face in faces]
    rows = [np.concatenate([tiles[(row + column) % 2] for column in range(10)], 1) for row in range(5)]
    return Frame(np.ascontiguousarray(np.concatenate(rows)), "crowd")


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photos with hand-checked face boxes, where this machine has them."""
    return optional_data("photos")


@pytest.fixture(scope="session")
def clip(tmp_path_factory, astronaut: Frame, hopper: Frame) -> Path:
    """Two seconds, 15 frames each, with a tone: the smiling woman on the left drifts right; the calm one joins at 1 s."""
    pytest.importorskip("av", reason="videos need the extra video")
    path = tmp_path_factory.mktemp("videos") / "two women ü.mp4"
    return make_clip(path, [two_women(astronaut, hopper, number) for number in range(30)])


def two_women(astronaut: Frame, hopper: Frame, number: int) -> np.ndarray:
    """Frame ``number`` of the clip: RGB, 240 x 320."""
    import cv2

    image = np.full((240, 320, 3), 90, np.uint8)
    left = number // 2
    image[40:180, 10 + left : 150 + left] = cv2.resize(astronaut.image[20:240, 110:330], (140, 140))
    if number >= 15:
        image[40:180, 175:315] = cv2.resize(hopper.image[60:400, 100:440], (140, 140))
    return image


def make_clip(
    path: Path, images, *, times=None, rate: int = 15, sound: str | None = "aac", turned: int = 0, aspect=1
) -> Path:
    """Write a video with PyAV.

    ``times`` in seconds make its rate variable, ``turned`` stores it as phones do, ``aspect`` is that of its pixels.
    """
    from fractions import Fraction

    import av

    with av.open(str(path), "w") as video:
        pictures = video.add_stream("libx264", rate=rate, options={"crf": "18"})
        pictures.height, pictures.width = images[0].shape[:2]
        pictures.pix_fmt = "yuv420p"
        pictures.codec_context.sample_aspect_ratio = Fraction(aspect)
        pictures.time_base = pictures.codec_context.time_base = Fraction(1, 90_000)
        if turned:
            pictures.set_display_rotation(turned)
        tone = video.add_stream(sound, rate=16_000, layout="mono") if sound else None
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round(90_000 * (times[number] if times else number / rate))
            frame.time_base = Fraction(1, 90_000)
            video.mux(pictures.encode(frame))
        video.mux(pictures.encode(None))
        if tone:
            wave = (3000 * np.sin(np.arange(int(16_000 * len(images) / rate)) * 440 * 2 * np.pi / 16_000)).astype(
                np.int16
            )
            for start in range(0, len(wave), 1024):
                part = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="s16", layout="mono")
                part.sample_rate, part.pts, part.time_base = 16_000, start, Fraction(1, 16_000)
                video.mux(tone.encode(part))
            video.mux(tone.encode(None))
    return path


@pytest.fixture(scope="session")
def fake_camera(astronaut: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's camera videos: 640 x 480, ten times the astronaut, as motion JPEG; Chromium repeats it."""
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
        pytest.skip("no browser: the tests of web pages need chromium on the PATH")
    playwright = pytest.importorskip("playwright.sync_api", reason="the tests of web pages need playwright")
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
def artifacts(tmp_path: Path) -> Path:
    """Where screenshots go: the folder that MIEN_ARTIFACTS names, or one that is thrown away."""
    folder = Path(os.environ.get("MIEN_ARTIFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
