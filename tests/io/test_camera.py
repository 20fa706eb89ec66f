"""Live sources: what is shown is what is now."""

import time

import numpy as np
import pytest

from mien.errors import SourceError
from mien.io.camera import Camera, latest
from mien.types import Frame


def frames(count, error=None):
    for number in range(count):
        yield Frame(np.zeros((2, 2, 3), np.uint8), index=number, time_s=number * 0.01)
    if error:
        raise error


def test_a_slow_reader_sees_the_newest():
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


def test_an_error_comes_after_what_was_there():
    live = latest(frames(3, SourceError("gone")))
    while next(live).index < 2:
        time.sleep(0.05)
    with pytest.raises(SourceError):
        next(live)


def test_leaving_early_ends_the_thread():
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
