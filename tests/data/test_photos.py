"""Whole photos in class folders: faces are cropped, and photos without a face are reported."""

import shutil

import numpy as np
import pytest
from PIL import Image

from mien.data.loading import load
from mien.data.preprocessing import FaceFinder
from mien.errors import DataError, OptionError, SourceError
from mien.types import Frame

from ..conftest import EXAMPLES


@pytest.fixture
def folder(tmp_path):
    for part, emotion, photo in (("train", "happy", "astronaut.png"), ("validation", "neutral", "grace_hopper.jpg")):
        (tmp_path / part / emotion).mkdir(parents=True)
        shutil.copy(EXAMPLES / photo, tmp_path / part / emotion / photo)
    return tmp_path


def test_the_face_is_cut_out(folder, astronaut):
    faces = load(folder, 48, detect_faces=True)
    assert faces.names.tolist() == ["train/happy/astronaut.png", "validation/neutral/grace_hopper.jpg"]
    face = astronaut.image[48:188, 160:292].mean(2)
    small = np.asarray(Image.fromarray(face.astype(np.uint8)).resize((48, 48)), float)
    assert np.corrcoef(faces.images[0].ravel(), small.ravel())[0, 1] > 0.5
    whole = load(folder, 48).images[0]
    assert np.corrcoef(whole.ravel(), small.ravel())[0, 1] < 0.4


def test_a_photo_without_a_face_is_reported(folder):
    empty = folder / "train" / "happy" / "wall.png"
    Image.new("RGB", (300, 200), "white").save(empty)
    with pytest.raises(SourceError, match=r"wall\.png: no face found"):
        load(folder, 48, split=False, detect_faces=True)
    told = []
    faces = load(folder, 48, split=False, detect_faces=True, on_damaged=lambda file, why: told.append((file, why)))
    assert len(faces) == 2
    assert told[0][0] == empty
    assert told[0][1].startswith(str(empty))


def test_no_face_at_all(tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    Image.new("RGB", (300, 200), "white").save(tmp_path / "train" / "happy" / "wall.png")
    with pytest.raises(DataError, match="none of the 1 images shows a face"):
        load(tmp_path, 48, split=False, detect_faces=True, on_damaged=lambda *_: None)


def test_the_largest_face_is_the_photos(astronaut):
    wide = np.zeros((400, 700, 3), np.uint8)
    wide[:400, 300:] = astronaut.image[:400, :400]
    wide[100:200, 60:160] = np.asarray(Image.fromarray(astronaut.image[40:200, 140:300]).resize((100, 100)))
    box = FaceFinder().find(Frame(wide, "two")).box
    assert (box.x0 + box.x1) / 2 > 300


def test_files_of_faces_need_no_search(tmp_path):
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n3,1 2 3 4,Training\n", "utf-8")
    with pytest.raises(OptionError):
        load(tmp_path / "fer2013.csv", 48, detect_faces=True)
