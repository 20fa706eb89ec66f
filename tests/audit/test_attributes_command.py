"""``mien audit conditions`` on photos and on a data set."""

import csv

import numpy as np
import pytest
from PIL import Image

from mien.audit.attributes import NAMES

from ..cli.conftest import mien as mien  # noqa: PLC0414  # the fixture
from ..conftest import EXAMPLES


@pytest.fixture
def packed(tmp_path):
    """Six images, 48 x 48, half of them dark, and none with a face."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (6, 48, 48)).astype(np.uint8)
    images[3:] += 180
    folder = tmp_path / "faces"
    for number, image in enumerate(images):
        place = folder / ("train" if number % 2 else "test") / ("happy" if number < 3 else "sad")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_photos(mien, tmp_path):
    out = tmp_path / "attributes.csv"
    code, said, _ = mien("audit", "attributes", EXAMPLES / "astronaut.png", EXAMPLES / "grace_hopper.jpg", "--out", out)
    assert code == 0
    assert said
    first, second = rows(out)
    assert list(first)[:3] == ["name", "face", "label"]
    assert set(first) >= {*NAMES, *(f"{name}_group" for name in NAMES)}
    assert first["yaw_group"] == second["yaw_group"] == "frontal"
    assert first["label"] == ""
    assert float(second["size"]) > 150


def test_folders_named_after_emotions_are_labels(mien, packed, tmp_path):
    out = tmp_path / "attributes.csv"
    assert mien("audit", "attributes", packed, "-r", "--detector", "none", "--out", out)[0] == 0
    made = rows(out)
    assert sorted(row["label"] for row in made) == ["happy"] * 3 + ["sad"] * 3
    assert {(row["label"], row["brightness_group"]) for row in made} == {("happy", "dark"), ("sad", "bright")}
    assert {row["yaw_group"] for row in made} == {"unknown"}


def test_a_data_set_of_faces(mien, tmp_path):
    import io

    pa = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    import pyarrow.parquet as pq

    picture = io.BytesIO()
    Image.open(EXAMPLES / "astronaut.png").crop((160, 40, 290, 190)).convert("L").save(picture, "PNG")
    columns = {"image": [{"bytes": picture.getvalue(), "path": None}] * 2, "emotion": ["happy", "sad"]}
    pq.write_table(pa.table(columns), tmp_path / "faces.parquet")
    out = tmp_path / "attributes.csv"
    assert mien("audit", "attributes", tmp_path / "faces.parquet", "--out", out)[0] == 0
    made = rows(out)
    assert [row["label"] for row in made] == ["happy", "sad"]
    assert {row["yaw_group"] for row in made} == {"frontal"}  # landmarks were found in the crop
    assert {row["ita_group"] for row in made} == {"unknown"}  # gray


def test_invalid_options_fail(mien, tmp_path):
    photo = EXAMPLES / "astronaut.png"
    assert mien("audit", "attributes", photo, "--out", tmp_path / "table.xlsx")[0] == 2
    assert mien("audit", "attributes", photo, "--split", "test")[0] == 2
    Image.new("L", (60, 60)).save(tmp_path / "blank.png")
    assert mien("audit", "attributes", tmp_path / "blank.png")[0] == 3
