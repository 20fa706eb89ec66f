"""Class folders in the layouts that people have."""

import numpy as np
import pytest
from PIL import Image

from mien.crop.align import cut
from mien.emotions import EMOTIONS
from mien.errors import DataError, SourceError
from mien.lab.dataset.folders import read_folders
from mien.lab.dataset.opening import open_data
from mien.sources.still import read_still
from mien.values.face import Box, Face


def picture(path, value: int = 100, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert(mode).save(path)


@pytest.mark.parametrize(
    ("train", "validation"),
    [("train", "validation"), ("Training", "Val"), ("images/train", "images/valid"), ("a/b/TRAIN", "a/b/dev")],
)
def test_layouts(tmp_path, train, validation):
    picture(tmp_path / train / "Anger" / "1.png", 10)
    picture(tmp_path / train / "freude" / "1.JPG", 20)
    picture(tmp_path / validation / "happy" / "sub" / "1.png", 30, mode="RGB")
    (tmp_path / train / "happy").mkdir(exist_ok=True)  # an empty class is simply absent
    (tmp_path / train / "freude" / "._1.png").write_bytes(b"left by a Mac")
    (tmp_path / train / "freude" / "Thumbs.db").write_bytes(b"left by Windows")
    faces = read_folders(tmp_path, 8)
    found = sorted(zip(faces.split.tolist(), [EMOTIONS[i] for i in faces.labels], faces.images[:, 0, 0].tolist()))
    assert found == [("train", "angry", 10), ("train", "happy", 20), ("validation", "happy", 30)]


def test_test_never_stands_in_for_validation(tmp_path):
    picture(tmp_path / "train" / "happy" / "1.png")
    picture(tmp_path / "test" / "happy" / "1.png")
    faces = open_data(tmp_path, 8)
    assert set(faces.split) == {"train", "test"}
    with pytest.raises(DataError, match="no pictures for 'validation': it has test, train") as caught:
        faces.part("validation")
    assert "every tenth" in caught.value.hint
    assert "'validation/'" in caught.value.hint
    assert "--split" not in caught.value.hint  # train and export have no such option


def test_pictures_are_scaled_and_progress_is_told(tmp_path):
    for i in range(3):
        picture(tmp_path / "train" / "sad" / f"{i}.png", size=(20 + i, 30))
    seen = []
    assert read_folders(tmp_path, 16, progress=lambda *at: seen.append(at)).images.shape == (3, 16, 16)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_pictures_are_cut_as_the_reader_cuts_them(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    oblong = np.full((32, 128, 3), 50, np.uint8)
    oblong[:, 32:96] = 200  # the middle square of side sqrt(32 * 128) = 64 is all light: squashing would show the dark
    Image.fromarray(oblong).save(path)
    images = read_folders(tmp_path, 16).images
    assert (images == 200).all()
    frame = read_still(path)
    np.testing.assert_array_equal(images[0], cut(frame, Face(Box(0, 0, frame.width, frame.height)), 16))


def test_clear_pixels_are_white_as_in_the_reader(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(path)
    assert (read_folders(tmp_path, 8).images == 255).all()


def test_sixteen_bits_keep_their_grays(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.full((8, 8), 100 * 256, np.uint16)).save(path)
    assert (read_folders(tmp_path, 8).images == 100).all()


def test_damaged_pictures_are_an_error_or_told(tmp_path):
    picture(tmp_path / "train" / "sad" / "1.png")
    bad = tmp_path / "train" / "sad" / "2.png"
    bad.write_bytes((tmp_path / "train" / "sad" / "1.png").read_bytes()[:40])
    with pytest.raises(SourceError, match=r"2\.png is"):
        read_folders(tmp_path, 8)
    told = []
    assert len(read_folders(tmp_path, 8, on_damaged=lambda file, why: told.append((file, why)))) == 1
    assert told[0][0] == bad
    assert told[0][1].startswith(str(bad))


def test_unknown_class_names_the_known(tmp_path):
    picture(tmp_path / "train" / "bored" / "1.png")
    with pytest.raises(DataError, match=r"got 'bored', expected one of angry, disgust.*alias"):
        read_folders(tmp_path, 8)


def test_no_parts_is_an_error_with_a_layout(tmp_path):
    picture(tmp_path / "happy" / "1.png")
    picture(tmp_path / "sad" / "1.png")
    with pytest.raises(DataError, match="got happy, sad, expected a folder 'train'") as caught:
        read_folders(tmp_path, 8)
    assert "train/happy" in caught.value.hint


def test_empty_classes_only(tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    with pytest.raises(DataError, match="hold no pictures"):
        read_folders(tmp_path, 8)


def test_unknown_forms(tmp_path):
    with pytest.raises(DataError, match="no data at"):
        open_data(tmp_path / "nowhere.csv", 8)
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"got a \.zip file"):
        open_data(tmp_path / "data.zip", 8)
