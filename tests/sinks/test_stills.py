"""Saved images: where they go, and what they never replace."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import OptionError, OutputError
from mien.io.annotated_copies import ImageWriter

IMAGE = np.full((16, 24, 3), (200, 30, 60), np.uint8)


def listed(folder):
    return [path.name for path in folder.iterdir()]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("1.jpg", "1.jpg"),
        ("a/1.jpg", "a/1.jpg"),
        ("b/1.jpg", "b/1.jpg"),
        ("./a/../b/1.JPEG", "b/1.JPEG"),
        ("1.png", "1.png"),
        ("1.webp", "1.webp.png"),
        ("1", "1.png"),
        ("array", "array.png"),
        ("фото 1.jpg", "фото 1.jpg"),
    ],
)
def test_names_mirror_the_sources(name, place):
    writer = ImageWriter(Path("out"))
    path = writer.write(name, IMAGE)
    assert path == Path("out") / place
    with Image.open(path) as saved:
        assert saved.format == ("JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else "PNG")
        assert np.abs(np.asarray(saved).astype(int) - IMAGE).max() < 6


def test_names_are_counted_from_the_root(here):
    writer = ImageWriter(Path("out"), root=Path("photos"))
    assert writer.path_for("photos/a/1.jpg") == Path("out/a/1.jpg")
    assert writer.path_for(str(here / "photos" / "1.jpg")) == Path("out/1.jpg")


def test_a_source_elsewhere_cannot_lead_out_of_the_folder(here):
    writer = ImageWriter(Path("out"))
    path = writer.path_for("../../../other/1.jpg")
    assert path.parts[:2] == ("out", "elsewhere")
    assert path.name == "1.jpg"
    assert ".." not in path.parts


def test_the_same_source_has_the_same_file_in_a_later_run():
    first = ImageWriter(Path("out")).write("a/1.jpg", IMAGE)
    assert ImageWriter(Path("out")).write("a/1.jpg", IMAGE) == first
    assert [path.name for path in Path("out").rglob("*.*")] == ["1.jpg"]


def test_a_source_is_never_replaced(here):
    (here / "1.jpg").write_bytes(b"original")
    for folder in (Path(), here, Path("..") / here.name):
        with pytest.raises(OutputError):
            ImageWriter(folder).write("1.jpg", IMAGE)
    assert (here / "1.jpg").read_bytes() == b"original"


def test_two_sources_never_share_a_file():
    writer = ImageWriter(Path("out"))
    writer.write("1.webp", IMAGE)
    with pytest.raises(OutputError):
        writer.write("1.webp.png", IMAGE)


@pytest.mark.parametrize("image", [IMAGE.astype(np.float32), IMAGE[..., 0]])
def test_other_arrays_are_refused(image):
    with pytest.raises(OptionError):
        ImageWriter(Path("out")).write("1.jpg", image)


def test_a_folder_that_cannot_be_made(here):
    (here / "file").touch()
    for folder in ("file", "file/out"):
        with pytest.raises(OutputError):
            ImageWriter(Path(folder))


def test_a_full_disk_leaves_no_half_image(here, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = ImageWriter(Path("out"))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        writer.write("1.jpg", IMAGE)
    assert listed(Path("out")) == []
