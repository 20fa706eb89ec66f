"""Parquet files of Hugging Face and other writers."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from mien.data.loading import load
from mien.emotions import EMOTIONS
from mien.errors import DataError, SourceError

pa = pytest.importorskip("pyarrow", reason="parquet needs the extra [table]")
pq = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra [table]")


def encoded(value: int, form: str = "PNG", size: tuple[int, int] = (8, 8)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(buffer, form)
    return buffer.getvalue()


def structs(*values: int) -> "pa.Array":
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": encoded(value), "path": None} for value in values], kind)


def hugging_face(path, image: "pa.Array", label: list[int], names: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    table = pa.table({"image": image, "label": pa.array(label, pa.int64())})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}), path)


def emotions(faces) -> list[str]:
    return [EMOTIONS[label] for label in faces.labels]


def test_hugging_face_files(tmp_path):
    names = ["Sadness", "joy", "Wut"]
    hugging_face(tmp_path / "data" / "train-00000-of-00002.parquet", structs(10, 20), [0, 1], names)
    hugging_face(tmp_path / "data" / "train-00001-of-00002.parquet", structs(30), [2], names)
    hugging_face(tmp_path / "data" / "valid-00000-of-00001.parquet", structs(40), [1], names)
    hugging_face(tmp_path / "test" / "0000.parquet", structs(50), [0], names)
    faces = load(tmp_path, 8)
    assert emotions(faces) == ["sad", "happy", "angry", "happy", "sad"]
    assert faces.split.tolist() == ["train", "train", "train", "validation", "test"]
    assert faces.images[:, 0, 0].tolist() == [10, 20, 30, 40, 50]
    assert faces.names[2] == "data/train-00001-of-00002.parquet, row 1"
    assert len(set(faces.names)) == 5


def test_plain_bytes_strings_and_parts(tmp_path):
    table = pa.table(
        {
            "Emotion": pa.array(["Freude", "fear"]).dictionary_encode(),
            "jpeg": [encoded(100, "JPEG", (20, 12)), encoded(200, "JPEG")],
            "Usage": ["Training", "PublicTest"],
        }
    )
    pq.write_table(table, tmp_path / "faces.parquet")
    faces = load(tmp_path / "faces.parquet", 6, color="rgb", split=False)
    assert faces.images.shape == (2, 6, 6, 3)
    assert faces.images[:, 0, 0, 0].tolist() == [100, 200]
    assert emotions(faces) == ["happy", "fear"]
    assert faces.split.tolist() == ["train", "validation"]


def test_numbers_go_by_the_names_given_and_votes_are_kept(tmp_path):
    votes = [[0, 9, 0, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]]
    table = pa.table({"image": structs(1, 2), "label": [3, 6], "usage": ["Training", "PrivateTest"], "votes": votes})
    pq.write_table(table, tmp_path / "fer2013.parquet")
    faces = load(tmp_path / "fer2013.parquet", 8, split=False, label_names=["3=happy", "6=neutral"])
    assert emotions(faces) == ["happy", "neutral"]
    assert faces.votes is not None
    assert faces.votes.majority().tolist() == [EMOTIONS.index("happy"), -1]


def test_no_parts_at_all_are_divided(tmp_path):
    rng = np.random.default_rng(0)
    files = []
    for _ in range(20):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (12, 12)).astype(np.uint8)).resize((48, 48)).save(buffer, "PNG")
        files.append(buffer.getvalue())
    pq.write_table(pa.table({"image": files, "label": ["sad"] * 20}), tmp_path / "faces.parquet")
    faces = load(tmp_path / "faces.parquet", 48)
    assert [(faces.split == part).sum() for part in ("train", "validation", "test")] == [14, 4, 2]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": ["a.png"], "label": [0]}, "expected one of images"),
        ({"image": [b"x"], "kind": [0]}, "expected one of labels"),
        ({"image": [b"x"], "label": [0.5]}, "row 1: column 'label': got 0.5"),
        ({"image": [b"x"], "label": [True]}, "expected one of labels"),
        ({"image": [b"x"], "label": [7]}, "got label numbers from 7 to 7"),
        ({"image": [b"x"], "label": pa.array([None], pa.int64())}, "row 1: column 'label': got None"),
        ({"image": [b"x"], "label": ["bored"]}, "row 1: column 'label' is not an emotion: got 'bored'"),
        ({"image": [b"x"], "label": ["sad"], "split": ["part1"]}, "row 1: column 'split': got 'part1'"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}, "got no rows"),
    ],
)
def test_errors_are_reported_by_row_and_column(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path / "train.parquet", 8, split=False)
    assert caught.value.hint


def test_names_that_are_no_emotions(tmp_path):
    hugging_face(tmp_path / "train.parquet", structs(1), [1], ["happy", "cat"])
    with pytest.raises(DataError, match="class 1 is not an emotion: got 'cat'"):
        load(tmp_path / "train.parquet", 8, split=False)


def test_damaged_files_and_images(tmp_path):
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"image": [encoded(1), b"no image", None], "label": ["sad"] * 3}), path)
    with pytest.raises(SourceError, match=r"train\.parquet, row 2: bytes is"):
        load(path, 8, split=False)
    told = []
    assert len(load(path, 8, split=False, on_damaged=lambda file, why: told.append(why))) == 1
    assert "row 2: " in told[0]
    assert "row 3: holds no image" in told[1]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="cannot be read as parquet"):
        load(path, 8, split=False)
