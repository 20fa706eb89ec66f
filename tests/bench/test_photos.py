"""The photos that are read."""

import shutil

import pytest
from PIL import Image

from mien import Reader, ReadOptions, SourceError
from mien.bench.photos import MOST_OWN, PORTRAITS, made_up, of_the_user


def test_made_up_photos_show_the_faces_that_they_claim(tmp_path):
    photos = made_up(tmp_path, 3, (640, 480))
    assert (photos.name, photos.faces) == ("640 x 480", 6)
    for path in photos.paths:
        with Image.open(path) as photo:
            assert (photo.format, photo.size) == ("JPEG", (640, 480))
    found = Reader(ReadOptions(threads=1, flip=False)).read([str(path) for path in photos.paths])
    assert [len(readings) for readings in found] == [1, 2, 3]


def test_the_same_photos_each_time(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (made_up(tmp_path / name, 1, (320, 240)).paths[0].read_bytes() for name in "ab")
    assert first == second


def test_the_users_photos_are_taken_evenly(tmp_path):
    for number in range(2 * MOST_OWN):
        shutil.copy(PORTRAITS[0], tmp_path / f"{number}.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    paths = of_the_user(tmp_path).paths
    assert len(set(paths)) == MOST_OWN
    assert [path.name for path in paths[:3]] == ["0.jpg", "2.jpg", "4.jpg"]


def test_no_photos_is_an_error(tmp_path):
    with pytest.raises(SourceError):
        of_the_user(tmp_path)
    with pytest.raises(SourceError, match="no folder"):
        of_the_user(tmp_path / "nowhere")
