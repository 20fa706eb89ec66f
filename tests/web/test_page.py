"""The browser page computes the same as Python. Most tests need onnxruntime-web, which is not in the repository."""

import contextlib
import functools
import os
import re
import shutil
import subprocess
import threading
import urllib.parse
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Reader, ReadOptions
from mien.io.images import read_image
from mien.model.card import load_model
from mien.model.classifier import EmotionClassifier
from mien.model.preprocess import channels_first, resize, square_around, to_tensor
from mien.model.session import open_session

from ..conftest import EXAMPLES, ROOT

PACKAGE = Path(os.environ.get("MIEN_ORT_WEB", EXAMPLES / "web" / "node_modules" / "onnxruntime-web"))
PATIENCE = 30_000  # milliseconds: the machine may have other work


class Handler(SimpleHTTPRequestHandler):
    """Serves the repository, with onnxruntime-web from wherever it is."""

    def translate_path(self, path: str) -> str:
        _, found, rest = path.partition("/node_modules/onnxruntime-web/")
        return str(PACKAGE / rest) if found else super().translate_path(path)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    if not (PACKAGE / "dist").is_dir():
        pytest.skip(
            "no onnxruntime-web: run 'npm install onnxruntime-web' in examples/web, or name its folder in MIEN_ORT_WEB"
        )
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/examples/web/"
    server.shutdown()
    thread.join()
    server.server_close()


@contextlib.contextmanager
def opened(browser, address, **how):
    """The page, ready; every request that it made must have gone to this machine."""
    context = browser.new_context(**how)
    page, hosts, faults = context.new_page(), set(), []
    page.on("request", lambda request: hosts.add(urllib.parse.urlsplit(request.url).hostname))
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    yield page
    context.close()
    assert not faults
    assert hosts <= {"127.0.0.1", None}, hosts  # None: data: and blob: addresses


def shares(page) -> dict[str, float]:
    rows = page.locator("#bars li").evaluate_all("rows => rows.map(row => [row.dataset.emotion, +row.dataset.share])")
    return dict(rows)


def python_shares(model: str, image: np.ndarray, x: int, y: int, side: int) -> dict[str, float]:
    card, weights = load_model(model)
    network = EmotionClassifier(card, open_session(weights, 1, model), None, None, flip=True)
    rows, columns = (np.clip(np.arange(start, start + side), 0, end - 1) for start, end in zip((y, x), image.shape))
    gray = channels_first(image[np.ix_(rows, columns)][None], 1)[:, 0]
    judged = network.predict(to_tensor(resize(gray, card.input.size), card.input))
    return dict(zip(network.emotions, judged.probabilities[0].tolist()))


def square_of(page) -> tuple[int, int, int]:
    script = """() => { const [f, p] = [frame.style, image];
        return [parseFloat(f.left) * p.width, parseFloat(f.top) * p.height, parseFloat(f.width) * p.width]
            .map(value => Math.round(value / 100)); }"""
    return tuple(page.evaluate(script))


@pytest.mark.parametrize("script", ["page.mjs", "reading.mjs"])
def test_the_scripts_are_valid_and_their_files_exist(script):
    path = EXAMPLES / "web" / script
    node = shutil.which("node") or pytest.skip("needs Node.js")
    subprocess.run([node, "--check", str(path)], check=True)
    for name in re.findall(r'"(\.\.?/[^"]+)"', path.read_text("utf-8")):
        assert (path.parent / name).is_file(), name


# In int8, a value between two steps may be rounded differently by another engine.
@pytest.mark.parametrize(("model", "apart"), [("default-float32", 0.001), ("default", 0.01)])
def test_the_page_and_python_give_the_same_probabilities(site, browser, astronaut, artifacts, model, apart):
    address = f"{site}?model=/src/mien/model/weights/{model}.json"
    with opened(browser, address, viewport={"width": 1180, "height": 860}) as page:
        page.get_by_role("button", name="Try an example").click()
        page.wait_for_selector("#bars li")
        assert page.inner_text("#answer b") == "happy"
        page.screenshot(path=str(artifacts / "web-page.png"), full_page=True)
        page.locator("#frame").focus()
        seen = [(square_of(page), shares(page))]
        for key in ("ArrowDown", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+-", "Shift+-", "Shift+-"):
            before = page.locator("#bars li").first.get_attribute("data-share")
            page.keyboard.press(key)
            page.wait_for_selector(f"#bars li:first-child:not([data-share='{before}'])")
            seen.append((square_of(page), shares(page)))
    assert len({square for square, _ in seen}) == 7
    assert min(side for (_, _, side), _ in seen) < 48  # so that enlarging is tried too
    for square, found in seen:
        expected = python_shares(model, astronaut.image, *square)
        assert found.keys() == expected.keys()
        for emotion, share in expected.items():
            assert found[emotion] == pytest.approx(share, abs=apart), (square, emotion)


def test_it_fits_a_phone_in_dark_mode_and_takes_files(site, browser, hopper, artifacts, tmp_path):
    with opened(browser, site, viewport={"width": 390, "height": 844}, color_scheme="dark") as page:
        page.set_input_files("#file", str(EXAMPLES / "grace_hopper.jpg"))
        page.wait_for_selector("#bars li")
        page.screenshot(path=str(artifacts / "web-page-phone.png"), full_page=True)
        before = page.locator("#bars li").first.get_attribute("data-share")
        page.get_by_role("button", name="Take the whole image").click()
        page.wait_for_selector(f"#bars li:first-child:not([data-share='{before}'])")
        found = shares(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.screenshot(path=str(artifacts / "web-page-whole.png"), full_page=True)
        expected = python_shares("default", hopper.image, *square_of(page))
        # Two decoders of JPEG may give pixels that differ by a step.
        assert [found[emotion] for emotion in expected] == pytest.approx(list(expected.values()), abs=0.02)
        page.get_by_role("button", name="Frame the face by hand").click()
        page.locator("#frame").wait_for()
        (tmp_path / "text.png").write_text("no image")
        page.set_input_files("#file", str(tmp_path / "text.png"))
        page.locator("#answer.wrong").wait_for()


def test_it_finds_the_faces_of_a_photo(site, browser, artifacts, tmp_path):
    photo = Image.new("RGB", (1024, 512))
    for left, name in ((0, "astronaut.png"), (512, "grace_hopper.jpg")):
        photo.paste(Image.open(EXAMPLES / name).convert("RGB").crop((0, 0, 512, 512)), (left, 0))
    photo.save(tmp_path / "two.png")
    expected = [square_around(face) for face in Reader(ReadOptions(detector="mien")).detect(read_image(photo))]
    with opened(browser, site) as page:
        page.set_input_files("#file", str(tmp_path / "two.png"))
        page.wait_for_selector("#faces button >> nth=1")
        seen = []
        for button in page.locator("#faces button").all():
            button.click()
            page.wait_for_timeout(500)
            seen.append((square_of(page), page.inner_text("#answer b")))
        page.screenshot(path=str(artifacts / "web-page-two.png"), full_page=True)
    assert [answer for _, answer in seen] == ["neutral", "happy"]
    for (x, y, side), _ in seen:
        centers = [np.hypot(x + side / 2 - center[0], y + side / 2 - center[1]) / side for center, _, _ in expected]
        assert min(centers) < 0.1


def test_low_confidence_is_shown(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)

    def doubtful(route):
        card = route.fetch().json()
        for head in card["heads"].values():
            head["temperature"] = 100.0
        route.fulfill(json=card)

    page.route("**/default.json", doubtful)
    page.goto(site)
    page.wait_for_selector("body[data-ready=yes]")
    page.get_by_role("button", name="Try an example").click()
    page.wait_for_selector("#bars li")
    assert page.inner_text("#answer b") == "Unsure"
    assert "do not rely on it" in page.inner_text("#answer")
    context.close()


def test_a_missing_model_is_an_error(site, browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{site}?model=nothing.json")
    page.wait_for_selector("#answer.wrong")
    assert "nothing.json: 404" in page.inner_text("#answer")
    context.close()


def test_the_camera_is_read_until_it_is_stopped(site, browser):
    with opened(browser, site, permissions=["camera"]) as page:
        page.get_by_role("button", name="Use the camera").click()
        page.wait_for_selector("#bars li")
        page.get_by_role("button", name="Stop here").click()
        page.get_by_role("button", name="Use the camera").wait_for()
        assert page.evaluate("video.srcObject.active") is False
