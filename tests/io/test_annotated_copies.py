"""Annotated copies: their names, and protection of existing files."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.errors import OptionError, OutputError
from mien.io.annotated_copies import AnnotatedCopies

IMAGE = np.full((16, 24, 3), (200, 30, 60), np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def copies_of(*names, folder="out"):
    return AnnotatedCopies(Path(folder), [Path(name) for name in names])


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("1.jpg", "1.jpg"),
        ("a/1.jpg", "a/1.jpg"),
        ("./a/../b/1.JPEG", "b/1.JPEG"),
        ("1.png", "1.png"),
        ("1.webp", "1.webp.png"),
        ("1", "1.png"),
        ("фото 1.jpg", "фото 1.jpg"),
    ],
)
def test_names_mirror_the_sources(name, place):
    copies = copies_of("root.jpg", name)
    copies.write(name, IMAGE)
    path = Path("out") / place
    assert copies.place(name) == path
    with Image.open(path) as saved:
        assert saved.format == ("JPEG" if path.suffix.lower() in (".jpg", ".jpeg") else "PNG")
        assert np.abs(np.asarray(saved).astype(int) - IMAGE).max() < 6


def test_names_are_relative_to_the_common_folder(here):
    copies = copies_of("photos/a/1.jpg", "photos/1.jpg")
    assert copies.place("photos/a/1.jpg") == Path("out/a/1.jpg")
    assert copies.place(here / "photos" / "1.jpg") == Path("out/1.jpg")


def test_sources_cannot_write_outside_the_folder():
    path = copies_of("1.jpg").place("../../../other/1.jpg")
    assert path.parts[:2] == ("out", "elsewhere")
    assert ".." not in path.parts


def test_a_source_is_never_replaced(here):
    (here / "1.jpg").write_bytes(b"original")
    for folder in (Path(), here, Path("..") / here.name):
        with pytest.raises(OutputError):
            copies_of("1.jpg", folder=folder)
    assert (here / "1.jpg").read_bytes() == b"original"


def test_two_sources_never_share_a_file():
    with pytest.raises(OutputError):
        copies_of("1.webp", "1.webp.png")


@pytest.mark.parametrize("image", [IMAGE.astype(np.float32), IMAGE[..., 0]])
def test_other_arrays_are_refused(image):
    with pytest.raises(OptionError):
        copies_of("1.jpg").write("1.jpg", image)


def test_a_folder_that_cannot_be_made(here):
    (here / "file").touch()
    for folder in ("file", "file/out"):
        with pytest.raises(OutputError):
            copies_of("1.jpg", folder=folder)


def test_a_full_disk_leaves_no_partial_image(monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    copies = copies_of("1.jpg")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError):
        copies.write("1.jpg", IMAGE)
    assert not list(Path("out").iterdir())
