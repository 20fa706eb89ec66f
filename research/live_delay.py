"""Measure the delay of ``mien app live``, from a change in front of the camera to its label on the page.

Chromium videos a made-up scene in which two faces of opposite expression take turns: examples/astronaut.png (happy) and
examples/grace_hopper.jpg (neutral). The page under test and this script look through the same camera, in the same browser
window, by the same clock. The label is there when the marked image shows the other face *and* its mark: the mark of happy
is yellow, that of neutral or of a face without a label is not, and the scene is kept gray so that nothing else is. Delay
that grows from the first third of the changes to the last would mean that images are queued. The image must not say happy
beside a card that does not.

    python research/live_delay.py [--way live|single] [--seconds 120] [--chromium /usr/bin/chromium]

Needs: pip install '.[streamlit,video]' playwright, and Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
EACH_S, RATE = 4, 20
Seen = dict[str, list[list[float]]]
SERVE = """
import sys
from mien.apps.live_server import serve
from mien.apps.live_server import LiveSettings
serve(LiveSettings(port=int(sys.argv[1]), browser=False))
"""

#: Samples both moving images whenever the browser draws, and notes the times of changes.
WATCH = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
  const raw = document.createElement('video');
  Object.assign(raw, {srcObject: stream, muted: true});
  await raw.play();
  const small = document.createElement('canvas');
  [small.width, small.height] = [160, 120];
  const pen = small.getContext('2d', {willReadFrequently: true});
  const look = (...layers) => {
    for (const layer of layers) pen.drawImage(layer, 0, 0, 160, 120);
    const p = pen.getImageData(0, 0, 160, 120).data;
    let yellow = 0;
    for (let i = 0; i < p.length; i += 4)
      if (p[i] > 170 && p[i + 1] > 150 && p[i + 2] < 130) yellow++;
    return {light: p[4 * (4 * 160 + 4)] > 110, yellow: yellow > 8};
  };
  const seen = {raw: [], shown: [], label: [], card: [], apart: []};
  window.seen = seen;
  const note = (name, value) => {
    const past = seen[name];
    if (!past.length || past[past.length - 1][1] !== value) past.push([performance.now(), value]);
  };
  const inside = [...document.querySelectorAll('iframe')].map((frame) => frame.contentDocument);
  const shadows = [...document.querySelectorAll('*')].map((element) => element.shadowRoot);
  const layers = [...inside, ...shadows].filter((root) => root?.querySelector('video'))
    .map((root) => [...root.querySelectorAll('video, canvas')])[0];
  const tick = () => {
    note('raw', look(raw).light);
    const now = look(...layers);
    note('shown', now.light);
    if (now.light === now.yellow) note('label', now.yellow);
    const card = document.querySelector('.mien-card summary b');
    const happy = (card?.textContent ?? '').includes(': happy');
    note('card', happy);
    note('apart', now.yellow && !happy);
    setTimeout(tick, 15);
  };
  tick();
}"""


def scene(path: Path) -> None:
    """Two faces by turns; a corner is light while the happy one is shown."""
    happy = cv2.imread(str(ROOT / "examples" / "astronaut.png"))[20:240, 110:330]
    calm = cv2.imread(str(ROOT / "examples" / "grace_hopper.jpg"))[60:400, 100:440]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W640 H480 F{RATE}:1 Ip A1:1 C420mpeg2\n".encode())
        for face, ground in ((happy, 160), (calm, 60)):
            frame = np.full((480, 640, 3), ground, np.uint8)
            gray = cv2.cvtColor(cv2.resize(face, (360, 360), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
            frame[60:420, 140:500] = gray[..., None]
            planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).tobytes()
            file.write((b"FRAME\n" + planes) * (EACH_S * RATE))


def delays(seen: Seen, name: str) -> list[float]:
    """Milliseconds from each change in front of the camera to the same change in ``seen[name]``."""
    found = []
    for at, value in seen["raw"][1:]:
        later = [when - at for when, what in seen[name] if what == value and 0 <= when - at < 1000 * EACH_S]
        if later:
            found.append(later[0])
    return found


def time_apart(seen: Seen) -> float:
    """Share of the time in which the label in the image is that of happy, and the card beside it is not."""
    times = np.array([when for when, _ in seen["apart"]] + [max(seen[name][-1][0] for name in seen)])
    return float(np.diff(times)[[bool(what) for _, what in seen["apart"]]].sum() / (times[-1] - times[0]))


def said(what: str, found: list[float], changes: int) -> str:
    third = max(1, len(found) // 3)
    middle, most = np.median(found), np.percentile(found, 95)
    first, last = np.median(found[:third]), np.median(found[-third:])
    return (
        f"{what}: median {middle:.0f} ms, 95th percentile {most:.0f} ms, n = {len(found)} of {changes} changes; "
        f"first third {first:.0f} ms, last third {last:.0f} ms"
    )


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def wait_for(url: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  # our own page at 127.0.0.1
        except OSError:
            time.sleep(0.5)
        else:
            return
    sys.exit("the app did not start")


def watch(given: argparse.Namespace, video: Path, url: str) -> Seen:
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=given.chromium, args=["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={video}"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(url)
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()  # earlier clicks can be lost
        if given.way == "single":
            page.get_by_text("Send single images").click()
            page.locator(".mien-eye button").click()
        else:
            page.get_by_role("button", name="Start the camera").click()
        page.locator(".mien-card").first.wait_for(timeout=60_000)
        page.evaluate(WATCH)
        page.wait_for_timeout(1000 * given.seconds)
        seen: Seen = page.evaluate("window.seen")
        print(page.get_by_text("images per second").inner_text())
        if given.screenshot:
            page.screenshot(path=given.screenshot)
        print("busy processors while it ran:", os.getloadavg()[0], "of", os.cpu_count())
        browser.close()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--way", choices=("live", "single"), default="live", help="live video, or single images")
    parser.add_argument("--screenshot", type=Path)
    given = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "scene.y4m")
        scene(video)
        server = subprocess.Popen([sys.executable, "-c", SERVE, str(port)])
        try:
            wait_for(f"http://127.0.0.1:{port}")
            seen = watch(given, video, f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.wait()
    changes = len(seen["raw"]) - 1
    print(said("camera to image on the page", delays(seen, "shown"), changes))
    print(said("camera to label on the page", delays(seen, "label"), changes))
    print(said("camera to card beside it", delays(seen, "card"), changes))
    print(f"the label says happy and the card does not: {time_apart(seen):.1%} of the time")


if __name__ == "__main__":
    main()
