"""FER2013's CSV file in both spellings, and damaged ones."""

import numpy as np
import pytest

from mien.data.datasets.fer2013 import read_csv
from mien.data.loading import load
from mien.errors import DataError

USAGES = ("Training", "PublicTest", "PrivateTest", "Training")
LABELS = (3, 0, 6, 4)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 6, 6)).astype(np.uint8)


def text(image: np.ndarray) -> str:
    return " ".join(map(str, image.ravel()))


FER2013 = "emotion,pixels,Usage\n" + "".join(f"{a},{text(b)},{c}\n" for a, b, c in zip(LABELS, IMAGES, USAGES))
ICML = "emotion, Usage, pixels\n" + "".join(f"{a}, {c}, {text(b)}\n" for a, b, c in zip(LABELS, IMAGES, USAGES))
QUOTED = "\ufeffemotion,pixels,Usage\r\n" + "".join(
    f'{a},"{text(b)}",{c}\r\n' for a, b, c in zip(LABELS, IMAGES, USAGES)
)


@pytest.fixture
def csv(tmp_path):
    def write(content: str, encoding: str = "utf-8"):
        path = tmp_path / "fer2013.csv"
        path.write_bytes(content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    "content", [FER2013, ICML, QUOTED, FER2013 + "\n\n"], ids=["fer2013", "icml", "quoted", "blanks"]
)
def test_round_trip(csv, content):
    faces = read_csv(csv(content))
    np.testing.assert_array_equal(faces.images, IMAGES)
    assert faces.labels.tolist() == list(LABELS)  # FER2013's order is the vocabulary's
    assert faces.split.tolist() == ["train", "validation", "test", "train"]
    assert faces.votes is None


def test_loading_scales_down_only(csv):
    assert load(csv(FER2013), 3).images.shape == (4, 3, 3)
    assert load(csv(FER2013), 12).images.shape == (4, 6, 6)  # enlarged batch by batch, where it is needed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "missing emotion, pixels"),
        ("3,1 2 3 4,Training\n", "missing emotion, pixels"),
        ("pixels\n1 2 3 4\n", "missing emotion"),
        ("emotion,pixels,Usage\n", "no images"),
        ("emotion,pixels,Usage\n3,1 2 3 4,Training\n3,1 2 3,Training\n", "line 3"),
        ("emotion,pixels,Usage\n3,1 2 3,Training\n", "line 2"),
        ("emotion,pixels,Usage\n3,,Training\n", "line 2"),
        ("emotion,pixels,Usage\n3,1 2 x 4,Training\n", "line 2"),
        ("emotion,pixels,Usage\n3,1 2 3 256,Training\n", "line 2"),
        ("emotion,pixels,Usage\n3,1 2 3 -4,Training\n", "line 2"),
        ("emotion,pixels,Usage\nbored,1 2 3 4,Training\n", "line 2"),
        ("emotion,pixels,Usage\n3,1 2 3 4,part1\n", "line 2"),
        ("emotion,pixels,Usage\n3,1 2 3 4\n", "line 2"),
    ],
)
def test_broken_files_are_named_by_line(csv, content, message):
    with pytest.raises(DataError, match=message):
        read_csv(csv(content))


def test_without_usage_images_are_undivided(csv):
    assert read_csv(csv("emotion,pixels\n0,1 2 3 4\n")).split.tolist() == ["undivided"]


def test_not_a_text_file(csv):
    with pytest.raises(DataError):
        read_csv(csv("emotion,pixels,Usage\n\xff\xfe", "latin-1"))


def test_a_manifest_of_other_data_is_refused(csv, tmp_path):
    from mien.data.manifest import write_manifest

    write_manifest(read_csv(csv(FER2013)), tmp_path / "list.csv")
    assert len(load(csv(FER2013), 6, manifest=tmp_path / "list.csv")) == 4
    pixels = FER2013.splitlines()[1].split(",")[1]
    other = csv(FER2013.replace(pixels, pixels.replace(pixels.split()[0], "1", 1), 1))
    with pytest.raises(DataError):
        load(other, 6, manifest=tmp_path / "list.csv")
