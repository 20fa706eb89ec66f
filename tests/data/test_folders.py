"""Class folders in common layouts."""

import numpy as np
import pytest
from PIL import Image

from mien.data.loading import load
from mien.emotions import EMOTIONS
from mien.errors import DataError, SourceError
from mien.io.images import read_image
from mien.model.preprocess import align_face
from mien.types import Box, Face


def image(path, value: int = 100, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert(mode).save(path)


def noise(path, seed: int) -> None:
    """An image like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16)).astype(np.uint8)).resize((48, 48)).save(path)


@pytest.mark.parametrize(
    ("train", "validation"),
    [("train", "validation"), ("Training", "Val"), ("images/train", "images/valid"), ("a/b/TRAIN", "a/b/dev")],
)
def test_layouts(tmp_path, train, validation):
    image(tmp_path / train / "Anger" / "1.png", 10)
    image(tmp_path / train / "freude" / "1.JPG", 20)
    image(tmp_path / validation / "happy" / "sub" / "1.png", 30, mode="RGB")
    (tmp_path / train / "happy").mkdir(exist_ok=True)  # an empty class is simply absent
    (tmp_path / train / "freude" / "._1.png").write_bytes(b"left by a Mac")
    (tmp_path / train / "freude" / "Thumbs.db").write_bytes(b"left by Windows")
    faces = load(tmp_path, 8, split=False)
    found = sorted(zip(faces.split.tolist(), [EMOTIONS[i] for i in faces.labels], faces.images[:, 0, 0].tolist()))
    assert found == [("train", "angry", 10), ("train", "happy", 20), ("validation", "happy", 30)]


def test_test_never_stands_in_for_validation(tmp_path):
    for i in range(20):
        noise(tmp_path / "train" / "happy" / f"{i}.png", i)
    noise(tmp_path / "test" / "happy" / "1.png", 99)
    with pytest.raises(DataError, match="no images for 'validation': it has test, train") as caught:
        load(tmp_path, 8, split=False).part("validation")
    assert "every tenth" in caught.value.hint
    assert "'validation/'" in caught.value.hint
    assert "--split" not in caught.value.hint  # train and export have no such option
    told = []
    faces = load(tmp_path, 8, notes=told.append)
    assert [(faces.split == part).sum() for part in ("train", "validation", "test")] == [18, 2, 1]
    assert faces.names[faces.split == "test"].tolist() == ["test/happy/1.png"]
    assert len(told) == 1


def test_one_training_image_cannot_be_divided(tmp_path):
    noise(tmp_path / "train" / "happy" / "1.png", 1)
    noise(tmp_path / "test" / "happy" / "1.png", 2)
    with pytest.raises(DataError, match="happy: got 1 image .* expected at least 2: one each for train, validation"):
        load(tmp_path, 8)


def test_images_are_scaled_with_progress(tmp_path):
    for i in range(3):
        image(tmp_path / "train" / "sad" / f"{i}.png", size=(20 + i, 30))
    seen = []
    assert load(tmp_path, 16, split=False, progress=lambda *at: seen.append(at)).images.shape == (3, 16, 16)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_images_are_cropped_as_by_the_reader(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    oblong = np.full((32, 128, 3), 50, np.uint8)
    oblong[:, 32:96] = 200  # the middle square of side sqrt(32 * 128) = 64 is all light: squashing would show the dark
    Image.fromarray(oblong).save(path)
    images = load(tmp_path, 16, split=False).images
    assert (images == 200).all()
    frame = read_image(path)
    np.testing.assert_array_equal(images[0], align_face(frame, Face(Box(0, 0, frame.width, frame.height)), 16))


def test_transparent_pixels_are_white_as_in_the_reader(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(path)
    assert (load(tmp_path, 8, split=False).images == 255).all()


def test_sixteen_bits_keep_their_grays(tmp_path):
    path = tmp_path / "train" / "sad" / "1.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.full((8, 8), 100 * 256, np.uint16)).save(path)
    assert (load(tmp_path, 8, split=False).images == 100).all()


def test_damaged_images_raise_or_are_reported(tmp_path):
    image(tmp_path / "train" / "sad" / "1.png")
    bad = tmp_path / "train" / "sad" / "2.png"
    bad.write_bytes((tmp_path / "train" / "sad" / "1.png").read_bytes()[:40])
    with pytest.raises(SourceError, match=r"2\.png is"):
        load(tmp_path, 8, split=False)
    told = []
    assert len(load(tmp_path, 8, split=False, on_damaged=lambda file, why: told.append((file, why)))) == 1
    assert told[0][0] == bad
    assert told[0][1].startswith(str(bad))


def test_unknown_class_names_the_known(tmp_path):
    image(tmp_path / "train" / "bored" / "1.png")
    with pytest.raises(DataError, match=r"got 'bored', expected one of angry, disgust.*alias"):
        load(tmp_path, 8, split=False)


def test_unknown_layouts_are_errors_with_a_hint(tmp_path):
    image(tmp_path / "a" / "1.png")
    image(tmp_path / "b" / "1.png")
    with pytest.raises(DataError, match="got a, b, expected a folder 'train'.*named after emotions") as caught:
        load(tmp_path, 8, split=False)
    assert "train/happy" in caught.value.hint


@pytest.mark.parametrize("above", ["", "images"])
def test_flat_class_folders_are_divided(tmp_path, above):
    for i in range(20):
        noise(tmp_path / above / "Freude" / f"{i}.png", i)
        noise(tmp_path / above / "sad" / f"{i}.png", 100 + i)
    assert set(load(tmp_path, 8, split=False).split) == {"undivided"}
    told = []
    faces = load(tmp_path, 8, notes=told.append)
    for emotion in ("happy", "sad"):
        parts = faces.split[faces.labels == EMOTIONS.index(emotion)]
        assert [(parts == part).sum() for part in ("train", "validation", "test")] == [14, 4, 2]
    assert "train 28, validation 8, test 4" in told[0]
    assert (load(tmp_path, 8, shares=(0.5, 0.5, 0)).split == "validation").sum() == 20


def test_the_division_does_not_depend_on_the_size_or_on_names(tmp_path):
    for i in range(30):
        noise(tmp_path / "a" / "happy" / f"{i}.png", i)
        noise(tmp_path / "b" / "Joy" / f"{i * 7 % 30}.png", i)
    one, other = load(tmp_path / "a", 48), load(tmp_path / "b", 64, color="rgb")
    seeds = {name: i for i in range(30) for name in (f"happy/{i}.png", f"Joy/{i * 7 % 30}.png")}
    placed = [dict(zip([seeds[name] for name in faces.names], faces.split)) for faces in (one, other)]
    assert placed[0] == placed[1]


def test_an_empty_class_is_named(tmp_path):
    for i in range(3):
        noise(tmp_path / "flat" / "happy" / f"{i}.png", i)
        noise(tmp_path / "parts" / "train" / "happy" / f"{i}.png", i)
    (tmp_path / "flat" / "sad").mkdir()
    with pytest.raises(DataError, match="sad holds no images: got 0, expected at least one each") as caught:
        load(tmp_path / "flat", 8)
    assert "take the folder away" in caught.value.hint
    (tmp_path / "parts" / "train" / "sad").mkdir()
    told = []
    load(tmp_path / "parts", 8, notes=told.append)
    assert told[0].endswith("sad holds no images")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("angray", "Did you mean 'angry'"),
        ("Suprised", "Did you mean 'surprised'"),
        ("x", "Rename"),
    ],
)
def test_misspelled_class_folders_get_a_suggestion(tmp_path, name, advice):
    image(tmp_path / "train" / name / "1.png")
    with pytest.raises(DataError, match=f"got '{name}'") as caught:
        load(tmp_path, 8)
    assert advice in caught.value.hint


def test_empty_classes_only(tmp_path):
    (tmp_path / "train" / "happy").mkdir(parents=True)
    with pytest.raises(DataError, match="hold no images"):
        load(tmp_path, 8, split=False)


def test_unknown_forms(tmp_path):
    with pytest.raises(DataError, match="no data at"):
        load(tmp_path / "nowhere.csv", 8)
    (tmp_path / "data.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"got a \.zip file"):
        load(tmp_path / "data.zip", 8)
    (tmp_path / "fer2013.csv").write_bytes(b"")
    with pytest.raises(DataError, match="got an empty file"):
        load(tmp_path / "fer2013.csv", 8)
    image(tmp_path / "1.png")
    with pytest.raises(DataError, match=r"got a \.png file") as caught:
        load(tmp_path / "1.png", 8)
    assert caught.value.hint
