"""The images that benchmarks read."""

import shutil

import pytest
from PIL import Image

from mien import Reader, ReadOptions, SourceError
from mien.benchmarking.images import MAX_USER_IMAGES, PORTRAITS, synthetic_images, user_images


def test_synthetic_images_show_the_faces_that_they_claim(tmp_path):
    images = synthetic_images(tmp_path, 3, (640, 480))
    assert (images.name, images.faces) == ("640 x 480", 6)
    for path in images.paths:
        with Image.open(path) as image:
            assert (image.format, image.size) == ("JPEG", (640, 480))
    found = Reader(ReadOptions(threads=1, flip=False)).read([str(path) for path in images.paths])
    assert [len(readings) for readings in found] == [1, 2, 3]


def test_synthetic_images_are_the_same_each_time(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (synthetic_images(tmp_path / name, 1, (320, 240)).paths[0].read_bytes() for name in "ab")
    assert first == second


def test_user_images_are_taken_evenly(tmp_path):
    for number in range(2 * MAX_USER_IMAGES):
        shutil.copy(PORTRAITS[0], tmp_path / f"{number}.jpg")
    (tmp_path / "notes.txt").write_text("no image")
    paths = user_images(tmp_path).paths
    assert len(set(paths)) == MAX_USER_IMAGES
    assert [path.name for path in paths[:3]] == ["0.jpg", "2.jpg", "4.jpg"]


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(SourceError):
        user_images(tmp_path)
    with pytest.raises(SourceError):
        user_images(tmp_path / "nowhere")
