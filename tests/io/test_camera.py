"""Live sources give the newest frame."""

import itertools
import threading
import time

import numpy as np
import pytest

from mien.errors import SourceError
from mien.io import camera as camera_module
from mien.io.camera import Camera, latest
from mien.types import Frame


def frames(count, error=None):
    for number in range(count):
        yield Frame(np.zeros((2, 2, 3), np.uint8), index=number, time_s=number * 0.01)
    if error:
        raise error


def test_slow_consumers_get_the_newest_frame():
    seen = []
    started = time.monotonic()
    for frame in latest(frames(60), paced=True):
        seen.append(frame.index)
        assert (
            time.monotonic() - started - frame.time_s < 0.25
        )  # late by no more than its own work, however long it goes on
        time.sleep(0.05)
    assert seen == sorted(set(seen))
    assert len(seen) < 20
    assert seen[-1] == 59


def test_results_before_an_error_are_kept():
    live = latest(frames(3, SourceError("gone")))
    while next(live).index < 2:
        time.sleep(0.05)
    with pytest.raises(SourceError):
        next(live)


def test_stopping_early_ends_the_thread():
    def forever():
        while True:
            yield from frames(1)

    live = latest(forever())
    next(live)
    live.close()


def test_no_such_camera(capfd):
    with pytest.raises(SourceError):
        Camera(99)
    assert capfd.readouterr().err == ""


def test_a_stream_that_stops_raises_source_error(clip):
    camera = Camera(str(clip))  # OpenCV opens a file as it opens an address
    live = camera.frames()
    assert next(live).image.shape == (240, 320, 3)
    assert camera.height == 240
    with pytest.raises(SourceError):
        list(live)
    camera.close()


class FakeCapture:
    """A camera after a script: numbers of images to give, then ``stop`` or ``hang``; ``slow`` opens late."""

    def __init__(self, script, release):
        self.script, self.hanging = iter(script), release
        if script[0] == "slow":
            next(self.script)
            release.wait(1.0)
        self.opened = script[0] != "refuse"
        self.left = next(self.script, "stop")

    def isOpened(self):
        return self.opened

    def get(self, _property):
        return 480.0

    def read(self):
        if self.left == "hang":
            self.hanging.wait(60)
            return False, None
        if self.left == "stop" or not self.left:
            self.left = next(self.script, "stop") if self.left == 0 else "stop"
            return (False, None) if self.left == "stop" else self.read()
        self.left -= 1
        time.sleep(0.005)
        return True, np.full((4, 6, 3), self.left, np.uint8)

    def release(self):
        self.opened = False


@pytest.fixture
def scripted(monkeypatch):
    """Replace OpenCV's capture by fakes after scripts, one per opening, with short limits."""
    cv2 = pytest.importorskip("cv2", reason="cameras need the extra video")
    for name, seconds in {"_STALLED_S": 0.5, "_MESSAGE_S": 0.2, "_FIRST_WAIT_S": 0.1, "_GIVE_UP_S": 3.0}.items():
        monkeypatch.setattr(camera_module, name, seconds)
    release, opened = threading.Event(), []

    def prepare(*scripts):
        def capture(source):
            opened.append(source)
            return FakeCapture(scripts[min(len(opened), len(scripts)) - 1], release)

        monkeypatch.setattr(cv2, "VideoCapture", capture)
        return opened

    yield prepare
    release.set()


@pytest.fixture
def warned(monkeypatch):
    """The warnings of the camera, whatever another test has done to logging."""
    said = []
    monkeypatch.setattr(camera_module._log, "warning", lambda *words: said.append(words))
    return said


@pytest.mark.parametrize("trouble", ["stop", "hang"])
def test_a_stream_that_stops_or_hangs_is_opened_again(scripted, trouble, warned):
    opened = scripted([5, trouble], ["refuse"], [50, "stop"])
    camera = Camera("rtsp://camera/stream")
    seen = list(itertools.islice(camera.frames(), 20))
    camera.close()
    assert len(opened) == 3
    assert [frame.index for frame in seen] == sorted({frame.index for frame in seen})
    assert all(one.time_s <= other.time_s for one, other in itertools.pairwise(seen))
    assert len(warned) >= 2


def test_a_stream_that_never_returns_is_abandoned(scripted):
    opened = scripted([5, "stop"], ["refuse"])
    camera = Camera("rtsp://camera/stream")
    with pytest.raises(SourceError):
        list(camera.frames())
    assert 3 <= len(opened) <= 8  # the waits grow
    camera.close()


def test_a_slow_camera_says_so_and_is_read(scripted, warned):
    scripted(["slow", 5])
    camera = Camera(0)
    assert camera.height == 480
    assert warned
    assert next(camera.frames()).image.shape == (4, 6, 3)
    camera.close()


def test_a_camera_that_never_opens_is_an_error(scripted, monkeypatch):
    monkeypatch.setattr(camera_module, "_OPENING_S", 0.4)
    scripted(["slow", "stop"])
    with pytest.raises(SourceError):
        Camera(0)


@pytest.mark.parametrize("script", [["slow", 5], [3, "hang"]])
def test_ctrl_c_ends_a_source_that_hangs(script):
    """In a program of its own, whose driver never comes back."""
    import os
    import signal
    import subprocess
    import sys

    pytest.importorskip("cv2", reason="cameras need the extra video")
    program = f"""
import threading, time, cv2, numpy as np
never = threading.Event()
class Capture:
    def __init__(self, source):
        self.left = 3
        if {script[0]!r} == "slow":
            print("waiting", flush=True)
            never.wait()
    def isOpened(self): return True
    def get(self, _): return 48.0
    def release(self): pass
    def read(self):
        if not self.left:
            print("waiting", flush=True)
            never.wait()
        self.left -= 1
        return True, np.zeros((48, 64, 3), np.uint8)
cv2.VideoCapture = Capture
from mien.cli.app import main
import sys
sys.argv = ["mien", "watch", "rtsp://camera/stream", "--view", "none"]
main()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert b"waiting" in child.stdout.readline()
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=20) in (0, 130)
    child.stdout.close()
