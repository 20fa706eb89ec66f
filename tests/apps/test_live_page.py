"""The live app in a real browser, with a camera that shows the astronaut."""

import csv
import io
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("streamlit_webrtc", reason="the live app needs streamlit and streamlit-webrtc")
PlaywrightTimeout = pytest.importorskip("playwright.sync_api", reason="the tests of web pages need it").TimeoutError

from ..conftest import make_clip

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVE = """
import sys
from mien.apps.live_server import serve
from mien.apps.live_server import LiveSettings
serve(LiveSettings(port=int(sys.argv[1]), browser=False))
"""
PATIENCE_MS = 40_000

#: As if a firewall stood in the way: WebRTC may only go through a relay, and there is none.
NO_WAY = """
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(given) { super({...given, iceTransportPolicy: 'relay', iceServers: []}); }
};
"""


@pytest.fixture(scope="module")
def address(free_port) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        end = time.monotonic() + 60
        while not answers(url):
            assert server.poll() is None, server.stdout and server.stdout.read()
            assert time.monotonic() < end, "the app did not start"
        yield url
    finally:
        server.terminate()
        server.communicate(timeout=20)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # our own page
    except (urllib.error.URLError, OSError):
        time.sleep(0.2)
        return False
    return True


@pytest.fixture
def visit(browser, address) -> Iterator[Any]:
    """Opens the page: in what scheme and size, with what done to the browser first."""
    contexts = []

    def open_page(scheme: str = "light", width: int = 1280, height: int = 900, script: str = "") -> Any:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        if script:
            page.add_init_script(script)
        page.goto(address)
        page.get_by_text("Take a snapshot").wait_for()
        settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


def settle(page: Any) -> None:
    """Wait for the end of the page's script: Streamlit can lose a click that comes before."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def start_live(page: Any) -> None:
    page.get_by_role("button", name="Start the camera").click()


def start_single_images(page: Any) -> None:
    """Choose single images and start the camera; loads the page again if Streamlit lost the click."""
    start = page.locator(".mien-eye").get_by_role("button", name="Start the camera")
    for _ in range(3):
        page.get_by_text("Send single images").click()
        try:
            start.wait_for(timeout=PATIENCE_MS / 2)
            break
        except PlaywrightTimeout:
            page.reload()
            settle(page)
    start.click()


def happy(page: Any) -> Any:
    return page.locator(".mien-card summary b", has_text="happy").first


def choose(page: Any, source: str) -> None:
    page.get_by_role("radio", name=source).or_(page.get_by_role("button", name=source, exact=True)).first.click()


def give(page: Any, name: str, content: bytes) -> None:
    choose(page, "File")
    page.locator("input[type=file]").set_input_files([{"name": name, "mimeType": "", "buffer": content}])


def saved(page: Any, button: str) -> bytes:
    """The downloaded file; a second click is needed if the page was redrawn during the first, which cancels it."""
    for _ in range(4):
        with page.expect_download() as coming:
            page.get_by_role("button", name=button).click()
        if coming.value.failure() is None:
            break
    return Path(coming.value.path()).read_bytes()


def test_live_video_gets_its_label_a_chart_a_snapshot_and_a_table(visit, artifacts, address):
    page = visit()
    for button in ("Take a snapshot", "Table (CSV)"):  # there is nothing to save
        assert page.get_by_role("button", name=button).is_disabled()
    start_live(page)
    happy(page).wait_for()
    page.get_by_text("images per second").wait_for()
    page.get_by_text("s old").wait_for()
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    page.get_by_role("button", name="Take a snapshot").click()
    page.get_by_role("button", name="Snapshot (PNG)").wait_for()
    page.screenshot(path=artifacts / "live-desktop-light.png")
    image = Image.open(io.BytesIO(saved(page, "Snapshot (PNG)")))
    assert image.width == 640
    rows = list(csv.DictReader(io.StringIO(saved(page, "Table (CSV)").decode())))
    emotions = [row["emotion"] for row in rows if row["track_id"]]
    # Browsers begin with a coarse image and sharpen it as the connection proves good
    assert emotions[-1] == "happy"
    assert emotions.count("happy") > len(emotions) / 2, emotions
    assert all(url.startswith((address, "blob:", "data:")) for url in page.asked), "the page asked another host"


def test_single_images_get_their_label_too(visit, artifacts):
    page = visit("dark", 390, 844)
    start_single_images(page)
    happy(page).wait_for()
    page.screenshot(path=artifacts / "live-phone-dark.png")
    happy(page).scroll_into_view_if_needed()
    page.screenshot(path=artifacts / "live-phone-dark-readings.png")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start the camera").wait_for()


def test_a_blocked_webrtc_connection_falls_back_to_single_images(visit, artifacts):
    page = visit(script=NO_WAY)
    start_live(page)
    page.get_by_text("did not get through").wait_for()
    page.get_by_role("button", name="Start the camera").click()
    happy(page).wait_for()
    page.screenshot(path=artifacts / "live-no-way.png")


def test_a_refused_camera_shows_what_to_do(visit):
    refuse = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    page = visit(script=refuse)
    start_single_images(page)
    page.get_by_text("The browser refused the camera").wait_for()


def test_a_photo_gives_a_marked_image_and_its_table(visit, artifacts):
    page = visit("dark")
    give(page, "astronaut.png", (EXAMPLES / "astronaut.png").read_bytes())
    happy(page).wait_for()
    page.screenshot(path=artifacts / "live-photo-dark.png")
    marked = np.asarray(Image.open(io.BytesIO(saved(page, "Image (PNG)"))))
    plain = np.asarray(Image.open(EXAMPLES / "astronaut.png").convert("RGB"))
    assert marked.shape == plain.shape
    assert (marked != plain).any()
    (row,) = csv.DictReader(io.StringIO(saved(page, "Table (CSV)").decode()))
    assert (row["source"], row["emotion"]) == ("astronaut.png", "happy")


def test_two_numbers_with_one_name_are_one_person_in_the_table(visit, artifacts, tmp_path, astronaut, hopper):
    """A face, nobody, another face: two numbers."""
    frames = [face_of(hopper, (100, 60, 340))] * 10 + [np.full((240, 320, 3), 90, np.uint8)] * 15
    frames += [face_of(astronaut, (110, 20, 220))] * 10
    page = visit(width=390, height=844)
    give(page, "two.mp4", make_clip(tmp_path / "two.mp4", frames, sound=None).read_bytes())
    page.get_by_text("2 people").first.wait_for()
    page.get_by_text("Name people, join numbers").click()
    for number in (1, 2):
        field = page.get_by_label(f"Person {number}", exact=True)
        field.fill("Ann")
        field.press("Enter")
        settle(page)
        page.wait_for_timeout(500)
    assert page.locator("[data-testid=stImage] img").count() == 4  # two faces to choose from, two clearest moments
    page.screenshot(path=artifacts / "live-names.png", full_page=True)
    rows = list(csv.DictReader(io.StringIO(saved(page, "Table (CSV)").decode())))
    assert {(row["track_id"], row["person"]) for row in rows} == {("1", "Ann"), ("", "")}


def face_of(photo, square: tuple[int, int, int]) -> np.ndarray:
    """A face on gray: RGB, 240 x 320; ``square`` is the left, top and side of it in the photo."""
    left, top, side = square
    image = np.full((240, 320, 3), 90, np.uint8)
    part = Image.fromarray(photo.image[top : top + side, left : left + side])
    image[20:220, 60:260] = np.asarray(part.resize((200, 200)))
    return image


def test_a_file_that_cannot_be_read_shows_an_alert(visit):
    page = visit()
    for name, content, said in (
        ("notes.txt", b"Dear diary", "neither an image nor a video"),
        ("video.mp4", b"Dear diary" * 99, "video.mp4 cannot be read as a video"),
        ("cut.png", (EXAMPLES / "astronaut.png").read_bytes()[:5000], "cut off"),
        ("nothing.jpg", b"", "is empty"),
    ):
        give(page, name, content)
        page.get_by_test_id("stAlert").filter(has_text=said).wait_for()
        assert page.get_by_text("Traceback").count() == 0


def test_an_image_without_a_face_shows_a_note(visit):
    page = visit()
    file = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 120, 90)).save(file, "PNG")
    give(page, "wall.png", file.getvalue())
    page.get_by_text("No face found").wait_for()


def test_a_missing_model_shows_an_error(visit):
    page = visit()
    page.get_by_text("Usage reports: off").wait_for()
    page.get_by_label("Model", exact=True).fill("/nowhere/mine.onnx")
    page.get_by_label("Model", exact=True).press("Enter")
    page.get_by_text("No model file at").wait_for()
