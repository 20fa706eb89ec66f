"""The photo app in a browser and through its API."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.apps import photo_server
from mien.apps.photo_server import PhotoApp, serve
from mien.errors import OptionError

pytest.importorskip("gradio_client", reason="the photo app needs gradio, which is not installed")

#: The command, which also tells of every connection that it tries to make to elsewhere.
START = """
import sys

def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        to = arguments[1] if event == "socket.connect" else arguments
        host = str(to[0] if isinstance(to, tuple) else to)
        if host not in {"127.0.0.1", "localhost", "::1", "None", "0.0.0.0"} and not host.startswith("/"):
            sys.stderr.write(f"connects to {host}\\n")

sys.addaudithook(watch)
import typer
from mien.cli.apps import photo
typer.run(photo)
"""
PATIENCE = 60_000  # milliseconds: the machine may have other work


class Served:
    """The app in a process of its own.

    Attributes:
        url: where it listens.
        flags: its folder of corrections.
        temporary: the folder that it takes for the system's temporary files.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.flags, self.temporary = folder / "flags", folder / "temporary"
        self.temporary.mkdir()
        arguments = ["--no-browser", "--port", str(port), "--flags", str(self.flags)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", START, *arguments],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"},
        )
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if "photo app:" in line:
                break
        assert self.url in self.said, self.said
        self._rest = threading.Thread(target=self._listen)
        self._rest.start()

    def _listen(self) -> None:
        self.said += self.process.stderr.read()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self._rest.join()
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def app(tmp_path_factory, free_port):
    served = Served(tmp_path_factory.mktemp("photo-app"), free_port())
    yield served
    code = served.end()
    assert code == 0, served.said
    assert not list(served.temporary.glob("mien-app-*")), "images stayed behind"
    assert "Traceback" not in served.said, served.said
    assert "connects to" not in served.said, served.said
    assert not list(Path(photo_server.__file__).parent.glob("*.pyi")), "Gradio wrote into the package"


@pytest.fixture(scope="module")
def pair(astronaut, hopper, tmp_path_factory) -> Path:
    wide = np.full((600, 1024, 3), 90, np.uint8)
    smaller = Image.fromarray(hopper.image[:600, :512]).resize((256, 300))  # less certain to be a face: it comes second
    wide[:512, :512], wide[:300, 512:768] = astronaut.image, np.asarray(smaller)
    path = tmp_path_factory.mktemp("pair") / "pair.png"
    Image.fromarray(wide).save(path)
    return path


@pytest.fixture
def page(app, browser):
    """The page, newly opened; every request that it made must have gone to this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    opened = context.new_page()
    hosts = set()
    opened.on("request", lambda request: hosts.add(urllib.parse.urlsplit(request.url).hostname))
    opened.set_default_timeout(PATIENCE)
    opened.goto(app.url)
    opened.wait_for_selector("#faces .mien-note")
    yield opened
    context.close()
    assert hosts <= {"127.0.0.1", None}, hosts  # None: data: and blob: addresses


def give(page, path: Path) -> None:
    page.set_input_files("#photo input[type=file]", str(path))


def test_an_example_reads_happy_and_is_marked(page, artifacts):
    assert "Images stay on this machine" in page.inner_text(".mien-private")
    page.get_by_label("Read example 1").click()
    page.wait_for_selector("#faces .mien-card")
    assert page.inner_text(".mien-card summary b") == "happy"
    page.wait_for_selector("#marked img")
    page.screenshot(path=str(artifacts / "photo-app.png"), full_page=True)


def test_two_faces_have_two_cards_and_fit_a_phone(page, pair, artifacts):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    give(page, pair)
    page.wait_for_selector("#faces .mien-card >> nth=1")
    assert page.locator(".mien-card summary b").all_inner_texts() == ["Face 1: happy", "Face 2: neutral"]
    page.wait_for_selector("#marked img")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    folded = page.locator(".mien-card").first.locator("details")
    assert folded.evaluate("part => part.open") is False
    assert page.locator(".mien-card").first.locator("dt:visible").count() <= 3
    page.screenshot(path=str(artifacts / "photo-app-phone.png"), full_page=True)


def test_a_label_set_and_a_limit_can_be_chosen(page, pair):
    give(page, pair)
    page.wait_for_selector(".mien-card >> nth=1")
    page.get_by_role("button", name="Settings").first.click()
    page.get_by_label("happy, sad", exact=True).check()
    page.wait_for_function("document.querySelectorAll('.mien-card dt').length === 4")
    page.get_by_label("number input for Unsure below").fill("100")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.mien-card').innerText.includes('Unsure:')")


def test_a_text_file_named_jpg_is_refused(page, tmp_path):
    wrong = tmp_path / "holiday.jpg"
    wrong.write_text("this is no image")
    give(page, wrong)
    told = page.wait_for_selector("#faces .mien-wrong")
    assert told.inner_text().startswith("holiday.jpg is not an image that can be read here.")
    assert told.get_attribute("role") == "alert"


def test_the_camera_reads_happy(page):
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("document.querySelector('#photo video')?.videoWidth > 0")
    page.get_by_label("capture photo").click()
    page.wait_for_selector("#faces .mien-card")
    assert page.inner_text(".mien-card summary b") == "happy"


def test_corrections_need_consent_and_are_stored_once(page, app, pair):
    give(page, pair)
    page.wait_for_selector(".mien-card >> nth=1")
    page.get_by_role("button", name="Not right? Correct it").click()
    page.get_by_label("Face 2: neutral").check()
    page.locator("#right").get_by_label("sad", exact=True).check()
    assert str(app.flags) in page.inner_text("#agree")
    page.locator("#save").click()
    assert "agreement is missing" in page.wait_for_selector("#saved .mien-wrong").inner_text()
    assert not app.flags.exists()
    page.locator("#agree input").check()
    page.locator("#save").dblclick()
    page.wait_for_selector("#saved .mien-note")
    page.locator("#save").click()
    page.get_by_text("Already saved as sad.").wait_for()
    assert [path.parent.name for path in app.flags.rglob("*.png")] == ["sad"]
    with (app.flags / "corrections.csv").open(encoding="utf-8", newline="") as file:
        assert [(line["label"], line["predicted"]) for line in csv.DictReader(file)] == [("sad", "neutral")]


def test_many_photos_give_a_downloadable_table(page, pair, tmp_path, artifacts):
    broken = tmp_path / "broken.jpg"
    broken.write_text("this is no image")
    page.get_by_role("tab", name="Many photos").click()
    page.set_input_files("#files input[type=file]", [str(pair), str(broken)])
    page.locator("#files").get_by_text("broken").first.wait_for()
    page.locator("#read-all").click()
    page.wait_for_selector(".mien-table td")
    assert "1 image could not be read" in page.inner_text("#note")
    assert "1 image, 2 faces: happy 1, neutral 1." in page.inner_text("#note")
    with page.expect_download() as download:
        page.locator("#csv").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0].startswith("source,frame,")
    assert len(lines) == 3
    page.screenshot(path=str(artifacts / "photo-app-many.png"), full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("(box => box.scrollWidth - box.clientWidth)(document.querySelector('#table .mien-scroll'))")
    assert wide == 0  # no column is out of sight
    name = page.locator("#gallery .caption-label").first
    assert name.evaluate("label => label.scrollWidth <= label.clientWidth")  # no name is cut off


def test_everything_is_reached_by_keyboard(page):
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(25):
        reached.add(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''").strip())
        page.keyboard.press("Tab")
    assert {"One photo", "Read example 1", "How to understand a reading"} <= reached
    assert {"Capture from camera", "Paste from clipboard"} <= reached


@pytest.fixture(scope="module")
def client(app, tmp_path_factory):
    from gradio_client import Client

    made = Client(
        app.url, verbose=False, download_files=str(tmp_path_factory.mktemp("client")), analytics_enabled=False
    )
    yield made
    made.close()


def test_programs_read_the_rows_of_the_command_line(client, pair):
    from gradio_client import handle_file

    picture, rows = client.predict(photo=handle_file(pair), emotions="seven", min_confidence=0.4, api_name="/read")
    assert [row["emotion"] for row in rows] == ["happy", "neutral"]
    assert "contempt" not in rows[0]
    with Image.open(picture) as image:
        assert image.size == (1024, 600)
    json.dumps(rows)


def test_corrections_by_api_need_consent(client, app, pair):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    call = {"photo": handle_file(pair), "face": 1, "emotion": "surprise", "api_name": "/flag"}
    with pytest.raises(AppError):
        client.predict(**call)
    kept = client.predict(**call, agreed=True)
    assert kept["new"] is True
    assert (app.flags / kept["file"]).is_file()
    assert client.predict(**call, agreed=True)["new"] is False


def test_the_api_reads_no_urls_or_other_files(client, tmp_path, app):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="fetches nothing"):
        client.predict(photo=handle_file("http://127.0.0.1:9/photo.jpg"), api_name="/read")
    elsewhere = {"path": str(Path(__file__)), "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError):
        client.predict(photo=elsewhere, api_name="/read")


def test_only_the_two_endpoints_are_offered(client):
    named = client.view_api(return_format="dict")["named_endpoints"]
    assert set(named) == {"/read", "/flag"}
    assert [parameter["parameter_name"] for parameter in named["/read"]["parameters"]] == [
        "photo",
        "emotions",
        "min_confidence",
    ]


def test_a_taken_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OptionError):
            serve(PhotoApp(port=port, open_browser=False))


def test_other_hosts_are_refused():
    with pytest.raises(OptionError):  # an address that no machine has (RFC 5737)
        serve(PhotoApp(host="192.0.2.1", open_browser=False))


def test_sharing_is_explained_before_anything_is_shared():
    told = []
    with pytest.raises(OptionError):
        serve(PhotoApp(host="192.0.2.1", share=True, open_browser=False), told.append)
    assert "Gradio's servers" in told[0]
    assert "downloads" in told[0]
