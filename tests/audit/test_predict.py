"""Tables of predictions for audits."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from mien.audit.predict import audit_predict, open_labeled, predict_labeled
from mien.errors import DataError, OptionError
from mien.options import ReadOptions

from ..conftest import EXAMPLES


def rows_of(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_images_become_a_table_of_predictions(run, write, tmp_path):
    from PIL import Image

    for name in ("astronaut.png", "grace_hopper.jpg"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    Image.fromarray(np.full((80, 80, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    photos = ["astronaut.png", "grace_hopper.jpg", "wall.png", "missing.png", "astronaut.png"]
    table = write(
        {"path": photos, "emotion": ["joy", "neutral", "sad", "sad", ""], "place": ["space", "ship"] * 2 + ["x"]},
        "photos.csv",
    )
    out = tmp_path / "predictions.csv"
    made = audit_predict(table, groups=["place"])
    made.write_csv(out)
    rows = rows_of(out)
    assert [(row["label"], row["predicted"], row["found"]) for row in rows] == [
        ("happy", "happy", "true"),
        ("neutral", "neutral", "true"),
        ("sad", "", "false"),
    ]
    assert {row["place"] for row in rows} == {"space", "ship"}
    assert len(made.notes) == 2  # one image has no label, one is missing
    found = json.loads(run("fairness", out, "--groups", "place", "--json", "--resamples", 100))
    assert found["overall"]["accuracy"] == 1.0
    assert (found["data"], found["model"]["name"], len(found["model"]["sha256"])) == (out.name, "default", 64)
    assert found["overall"]["detection_rate"] == pytest.approx(2 / 3)


def test_parquet_may_hold_the_images(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    from pyarrow import parquet

    images = [{"bytes": (EXAMPLES / name).read_bytes()} for name in ("astronaut.png", "grace_hopper.jpg")]
    columns = {"image": images, "emotion": ["happy", "neutral"], "gender": ["female", "female"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    labeled = open_labeled(tmp_path / "a.parquet", groups=["gender"])
    made = predict_labeled(labeled, ReadOptions(emotions="seven"))
    assert [row["predicted"] for row in made.rows] == ["happy", "neutral"]
    assert made.notes == ()
    assert "person" not in made.rows[0]
    labeled = open_labeled(tmp_path / "a.parquet", groups=["gender"], person="emotion")
    assert [row["emotion"] for row in predict_labeled(labeled, ReadOptions(detector="none")).rows] == [
        "happy",
        "neutral",
    ]
    parquet.write_table(pyarrow.table({**columns, "emotion": ["contempt"] * 2}), tmp_path / "b.parquet")
    with pytest.raises(DataError):
        predict_labeled(open_labeled(tmp_path / "b.parquet", groups=["gender"]), ReadOptions(emotions="seven"))


def test_labels_are_checked_before_any_image_is_read(write):
    with pytest.raises(DataError):
        open_labeled(Path(write({"path": ["a.png"], "emotion": ["bored"], "g": ["x"]})), groups=["g"])


@pytest.fixture
def faces(tmp_path):
    """FER2013's file as Kaggle gives it: thirty images of PublicTest, one half dark and one half bright."""
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for number in range(30):
        pixels = np.clip(rng.normal(40 if number % 2 else 200, 20, 48 * 48), 0, 255).astype(int)
        lines.append(f"{3 if number % 3 else 4},{' '.join(map(str, pixels))},PublicTest")
    (tmp_path / "fer2013.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path / "fer2013.csv"


def test_cropped_faces_are_grouped_by_image_attributes(faces):
    made = audit_predict(faces, options=ReadOptions(model="tiny"), attributes="fixed")
    assert len(made.rows) == 30
    assert {row["label"] for row in made.rows} == {"happy", "sad"}
    assert [row["brightness"] for row in made.rows].count("dark") == 15
    assert "brightness" in made.groups
    assert "ita" not in made.rows[0]  # gray images have no color
    assert made.predictions().model.name == "tiny"


def test_attributes_are_added_to_own_groups(write):
    table = write(
        {
            "path": [EXAMPLES / "astronaut.png", EXAMPLES / "grace_hopper.jpg"] * 3,
            "emotion": ["happy", "neutral"] * 3,
            "place": ["space", "sea"] * 3,
        },
        "photos.csv",
    )
    names = audit_predict(table, groups=["place"], attributes="thirds").groups
    assert names[0] == "place"
    assert {"brightness", "contrast", "size"} <= {*names}
    assert audit_predict(table, attributes="thirds").groups == names[1:]


def test_groups_are_required_where_they_cannot_be_guessed(write, faces):
    with pytest.raises(OptionError):
        audit_predict(faces, groups=["gender"])
    with pytest.raises(OptionError):
        audit_predict(write({"path": ["a.png"], "emotion": ["happy"]}))
