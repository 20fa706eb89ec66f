"""Files that take too long become failures; all others are read."""

import csv
import threading

import pytest

import mien
import mien.reader


@pytest.fixture
def folder(tmp_path, astronaut):
    from PIL import Image

    for name in ("a.png", "slow.png", "z.png"):
        Image.fromarray(astronaut.image).save(tmp_path / name)
    return tmp_path


def test_a_slow_image_is_a_failure_and_the_others_are_read(folder, monkeypatch):
    waits, decode = threading.Event(), mien.reader.read_reduced

    def slow(source, **options):
        if str(source).endswith("slow.png"):
            waits.wait(30)
        return decode(source, **options)

    monkeypatch.setattr(mien.reader, "read_reduced", slow)
    result = mien.read_files(folder, out=folder / "faces.csv", timeout_s=5.0)
    waits.set()
    assert [failure.source for failure in result.failures] == [str(folder / "slow.png")]
    with (folder / "faces.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == [str(folder / name) for name in ("a.png", "z.png")]
    monkeypatch.undo()
    again = mien.read_files(folder / "slow.png")
    assert (again.images, again.failures) == (1, ())


def test_errors_of_images_are_reported_within_the_limit_too(folder):
    (folder / "slow.png").write_bytes(b"no image")
    result = mien.read_files(folder, timeout_s=30)
    assert [failure.source for failure in result.failures] == [str(folder / "slow.png")]
    assert result.images == 2


def test_a_video_over_the_time_limit_keeps_its_rows(clip, folder, monkeypatch):
    pytest.importorskip("av", reason="videos need the extra video")
    import time

    clock = iter(range(10_000))  # each look at the clock is a second later
    monkeypatch.setattr("mien.io.video.time", type("Clock", (), {"monotonic": staticmethod(lambda: next(clock))}))
    assert time.monotonic() > 0
    result = mien.read_files([clip, folder / "a.png"], timeout_s=10)
    assert [failure.source for failure in result.failures] == [str(clip)]
    assert result.images == 1
    assert 5 <= result.videos[0].frames <= 12
