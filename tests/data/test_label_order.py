"""No order of label numbers is assumed: it is recognized, or must be given."""

import io

import numpy as np
import pytest
from PIL import Image

from mien.data import load
from mien.emotions import EMOTIONS, FER2013_ORDER
from mien.errors import DataError, OptionError

RNG = np.random.default_rng(3)


def faces(count):
    return RNG.integers(0, 256, (count, 48, 48), np.uint8)


def csv_of(path, labels, usage=True):
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))}" + (",Training" if usage else "")
        for label, image in zip(labels, faces(len(labels)))
    ]
    path.write_text("\n".join(["emotion,pixels" + (",Usage" if usage else ""), *rows]))
    return path


def folders_of(path, names):
    for name, image in zip(names, faces(len(names))):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / name)
    return path


def parquet_of(path, labels):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

    def encoded(image):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        return file.getvalue()

    table = {"image": [encoded(one) for one in faces(len(labels))], "label": labels, "split": ["train"] * len(labels)}
    parquet.write_table(arrow.table(table), path)
    return path


def emotions_of(data):
    return [EMOTIONS[label] for label in data.labels]


def test_label_7_of_the_csv_layout_is_contempt_as_in_ck(tmp_path):
    notes = []
    data = load(csv_of(tmp_path / "ckextended.csv", [0, 3, 6, 7]), split=False, notes=notes.append)
    assert emotions_of(data) == ["angry", "happy", "neutral", "contempt"]
    assert len(notes) == 1
    with pytest.raises(DataError):
        load(csv_of(tmp_path / "other.csv", [0, 8]), split=False)


def test_the_competitions_csv_has_no_usage_and_is_split(tmp_path):
    notes = []
    data = load(csv_of(tmp_path / "train.csv", [0, 3, 6] * 40, usage=False), notes=notes.append)
    assert {"train", "validation", "test"} == set(data.split.tolist())
    assert any("3 happy" in note for note in notes)


@pytest.mark.parametrize(("labels", "usage"), [([1, 2, 7], True), ([1, 2, 7], False), ([1, 2, 6], False)])
def test_numbers_of_a_csv_that_may_count_from_1_need_names(labels, usage, tmp_path):
    path = csv_of(tmp_path / "d.csv", labels, usage=usage)
    with pytest.raises(DataError) as caught:
        load(path, split=False)
    assert "--label-names" in caught.value.hint
    names = [f"{label}={name}" for label, name in zip(labels, ("surprise", "fear", "neutral"))]
    assert emotions_of(load(path, split=False, label_names=names)) == ["surprise", "fear", "neutral"]


def test_assumptions_are_logged_where_no_one_listens(tmp_path, caplog):
    load(csv_of(tmp_path / "train.csv", [0, 3], usage=False), split=False)
    assert len(caplog.records) == 1


def test_names_in_a_csv_need_no_order(tmp_path):
    path = csv_of(tmp_path / "d.csv", ["happy", "Trauer", "anger"])
    assert emotions_of(load(path, split=False)) == ["happy", "sad", "angry"]
    assert emotions_of(load(csv_of(tmp_path / "e.csv", ["3.0", "0.0"]), split=False)) == ["happy", "angry"]
    with pytest.raises(DataError):
        load(csv_of(tmp_path / "f.csv", ["3", "happy"]), split=False)


@pytest.mark.parametrize("names", [["0_neutral", "1_happy", "2 - sad"], ["neutral", "Happy ", "sad"]])
def test_class_folders_may_have_numbers_before_their_names(names, tmp_path):
    path = folders_of(tmp_path / "d", [f"val_set/{name}/{n}.png" for n, name in enumerate(names)])
    data = load(path, split=False)
    assert sorted(emotions_of(data)) == ["happy", "neutral", "sad"]
    assert set(data.split.tolist()) == {"validation"}


def test_affectnet_in_numbered_classes_needs_names(tmp_path):
    path = folders_of(
        tmp_path / "d", [f"{part}_class/class{n:03}/{n}.png" for part in ("train", "val") for n in (1, 2)]
    )
    with pytest.raises(DataError) as caught:
        load(path, split=False)
    assert "--label-names" in caught.value.hint
    data = load(path, split=False, label_names=["neutral", "happy"])
    assert set(emotions_of(data)) == {"neutral", "happy"}
    assert set(data.split.tolist()) == {"train", "validation"}


@pytest.mark.parametrize("labels", [["0", "1"], [0.0, 1.0], [0, 1]])
def test_numbers_in_parquet_need_names_however_they_are_written(labels, tmp_path):
    path = parquet_of(tmp_path / "d.parquet", labels)
    with pytest.raises(DataError) as caught:
        load(path, split=False)
    assert "--label-names" in caught.value.hint
    assert emotions_of(load(path, split=False, label_names=["sad", "happy"])) == ["sad", "happy"]


@pytest.mark.parametrize("labels", [[0, None, 1], [0.0, float("nan"), 1.0], ["0", None, "1"]])
def test_rows_without_a_label_in_parquet_are_errors(labels, tmp_path):
    with pytest.raises(DataError, match="row 2"):
        load(parquet_of(tmp_path / "d.parquet", labels), split=False, label_names=["sad", "happy"])


@pytest.mark.parametrize("first", [0, 1])
def test_numbered_folders_need_names(first, tmp_path):
    path = folders_of(tmp_path / "d", [f"train/{first + n}/{n}.png" for n in range(3)])
    with pytest.raises(DataError) as caught:
        load(path, split=False)
    assert "--label-names" in caught.value.hint
    data = load(path, split=False, label_names=["sad", "Joy", "anger"])
    assert emotions_of(data) == ["sad", "happy", "angry"]
    with pytest.raises(DataError):
        load(path, split=False, label_names=["sad", "happy"])
    with pytest.raises((DataError, OptionError)):
        load(path, split=False, label_names=["sad", "happy", "sleepy"])


def test_raf_db_is_recognized_in_numbered_folders(tmp_path):
    names = [f"{part}/{n}/{part}_{n:05}_aligned.jpg" for part in ("train", "test") for n in range(1, 8)]
    notes = []
    data = load(folders_of(tmp_path / "d", names), split=False, notes=notes.append)
    by_name = {name.split("/")[1]: emotion for name, emotion in zip(data.names, emotions_of(data))}
    assert by_name == dict(zip("1234567", ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]))
    assert any("RAF-DB" in note for note in notes)


def test_bare_numbers_in_parquet_need_names(tmp_path):
    path = parquet_of(tmp_path / "d.parquet", [0, 1, 2])
    with pytest.raises(DataError) as caught:
        load(path, split=False)
    assert "--label-names" in caught.value.hint
    assert emotions_of(load(path, split=False, label_names=["neutral", "happy", "sad"])) == ["neutral", "happy", "sad"]


def test_names_may_come_with_their_numbers(tmp_path):
    path = parquet_of(tmp_path / "d.parquet", [3, 6])
    with pytest.raises(DataError):  # from 0 or from 1?
        load(path, split=False, label_names=FER2013_ORDER)
    assert emotions_of(load(path, split=False, label_names=["6=neutral", "3=happy"])) == ["happy", "neutral"]
    with pytest.raises(DataError):
        load(path, split=False, label_names=["3=happy"])


def test_named_classes_take_no_label_names(tmp_path):
    path = folders_of(tmp_path / "d", ["train/happy/1.png", "train/sad/2.png"])
    with pytest.raises(OptionError):
        load(path, split=False, label_names=["sad", "happy"])
