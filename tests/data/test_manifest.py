"""Manifests select images; damaged ones are refused."""

import hashlib

import numpy as np
import pytest

from mien.data.dataset import Dataset
from mien.data.loading import load
from mien.data.manifest import apply_manifest, read_manifest, write_manifest
from mien.emotions import EMOTIONS
from mien.errors import DataError

from .test_folders import noise

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


@pytest.fixture
def faces() -> Dataset:
    images = np.arange(6 * 16, dtype=np.uint8).reshape(6, 4, 4)
    split = np.array(["train", "train", "train", "inner", "validation", "test"])
    names = np.array([f'a, "{i}".png' for i in range(6)])
    return Dataset("made up", images, np.array([HAPPY, SAD] * 3), split, names=names)


def edited(path, old: str, new: str):
    """The list as a person would edit it: without its first line."""
    path.write_text(path.read_text("utf-8").partition("\n")[2].replace(old, new), "utf-8")
    return path


def test_round_trip(faces, tmp_path):
    use = np.array([True, False, True, True, True, True])
    sha256 = write_manifest(faces, tmp_path / "a.csv", use=use, why="too dark")
    first, _, rows = (tmp_path / "a.csv").read_bytes().partition(b"\n")
    assert first.decode() == f"# mien manifest, sha256 {hashlib.sha256(rows).hexdigest()}"
    listed = read_manifest(tmp_path / "a.csv")
    assert listed.sha256 == sha256
    assert listed.use.tolist() == use.tolist()
    assert listed.why == ("", "too dark", "", "", "", "")
    used = apply_manifest(faces, listed)
    np.testing.assert_array_equal(used.images, faces.images[use])
    assert used.split.tolist() == faces.split[use].tolist()
    assert used.labels.tolist() == faces.labels[use].tolist()


def test_emotion_and_part_are_taken_from_the_list(faces, tmp_path):
    write_manifest(faces, tmp_path / "a.csv")
    path = edited(tmp_path / "a.csv", '"a, ""0"".png",happy,train', '"a, ""0"".png",Trauer,validation')
    used = apply_manifest(faces, read_manifest(path))
    assert (used.labels[0], used.split[0]) == (SAD, "validation")


def test_a_sorted_list_gives_the_same_images_in_the_same_order(faces, tmp_path):
    write_manifest(faces, tmp_path / "a.csv")
    head, *rows = (tmp_path / "a.csv").read_text("utf-8").splitlines()[1:]
    (tmp_path / "a.csv").write_text("\n".join([head, *reversed(rows)]), "utf-8")
    used = apply_manifest(faces, read_manifest(tmp_path / "a.csv"))
    assert used.names.tolist() == faces.names.tolist()
    assert used.labels.tolist() == faces.labels.tolist()


def test_a_changed_list_is_an_error_with_a_hint(faces, tmp_path):
    path = tmp_path / "a.csv"
    write_manifest(faces, path)
    path.write_text(path.read_text("utf-8").replace("train,yes", "train,no", 1), "utf-8")
    with pytest.raises(DataError, match="its rows were changed") as caught:
        read_manifest(path)
    assert "delete its first line" in caught.value.hint
    assert read_manifest(edited(path, "", "")).use.sum() == 5


def test_line_ends_of_spreadsheets_are_accepted(faces, tmp_path):
    path = tmp_path / "a.csv"
    sha256 = write_manifest(faces, path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_manifest(path).sha256 == sha256


def test_images_that_are_missing(faces, tmp_path):
    write_manifest(faces, tmp_path / "a.csv")
    with pytest.raises(DataError, match='lacks 2 of the 6 images that it uses, such as \'a, "0"'):
        apply_manifest(faces.take(np.arange(2, 6)), read_manifest(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name,emotion", "file,emotion", "got the columns file, emotion"),
        ("happy", "hapy", "line 2: emotion is not an emotion: got 'hapy'"),
        ("train", "Trainig", "line 2: split: got 'Trainig', expected one of train, inner"),
        ("yes", "1", "line 2: use: got '1', expected one of yes, no"),
        (",yes,", "", "line 2: got 3 fields, expected 5"),
        ('""1""', '""0""', "1 names occur twice"),
        ("yes", "no", "uses no image"),
    ],
)
def test_broken_lists_are_named_by_line(faces, tmp_path, old, new, message):
    write_manifest(faces, tmp_path / "a.csv")
    with pytest.raises(DataError, match=message):
        apply_manifest(faces, read_manifest(edited(tmp_path / "a.csv", old, new)))


def test_no_list_at_all(tmp_path):
    with pytest.raises(DataError):
        read_manifest(tmp_path / "nowhere.csv")
    (tmp_path / "a.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"got the columns \(none\)"):
        read_manifest(tmp_path / "a.csv")


def test_reasons_must_be_as_many_as_images(faces, tmp_path):
    with pytest.raises(DataError, match="got 2 uses and 2 reasons, expected 6 of each"):
        write_manifest(faces, tmp_path / "a.csv", use=np.ones(2, bool))


def test_a_manifest_chooses_the_images(tmp_path):
    for i in range(4):
        noise(tmp_path / "data" / "happy" / f"{i}.png", i)
    faces = load(tmp_path / "data", 8)
    write_manifest(faces, tmp_path / "a.csv", use=np.arange(4) != 2, why="blurred")
    used = load(tmp_path / "data", 8, manifest=tmp_path / "a.csv")
    assert used.names.tolist() == ["happy/0.png", "happy/1.png", "happy/3.png"]
    assert used.split.tolist() == faces.split[[0, 1, 3]].tolist()
