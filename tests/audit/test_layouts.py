"""Known data sets are recognized by their files and read with the right labels."""

import numpy as np
import pytest

from mien.audit.predict import open_labeled
from mien.data.loading import records_of
from mien.errors import DataError, OptionError

from .conftest import HEADER
from .conftest import put_text as write


def cells(labeled, *names):
    return [tuple(row) for row in zip(*(labeled.table.text(name).tolist() for name in names))]


def test_clips_are_labeled_by_viewers_else_by_the_instruction(crema_d):
    for path in (crema_d, crema_d / "VideoDemographics.csv"):
        assert records_of(path).name == "CREMA-D"
        made = open_labeled(path)
        assert cells(made, "path", "emotion", "label_source") == [
            ("VideoFlash/1001_DFA_ANG_XX.flv", "happy", "voted"),
            ("VideoFlash/1001_IEO_SAD_HI.mp4", "sad", "intended"),
            ("VideoFlash/1002_DFA_HAP_XX.mp4", "happy", "intended"),
            ("VideoFlash/1002_DFA_NEU_XX.mp4", "neutral", "voted"),
        ]
        assert made.groups == ("gender", "age")
    assert cells(made, "gender", "age", "race", "person")[0] == ("male", "50-59", "Caucasian", "1001")
    assert cells(made, "gender", "age", "race", "person")[-1] == ("female", "60+", "", "1002")
    assert made.folder == crema_d
    assert len(open_labeled(crema_d, person="person").notes) == len(made.notes) - 1  # people are no longer dependent


def test_votes_are_counted_where_only_single_answers_are_there(crema_d):
    (crema_d / "processedResults" / "summaryTable.csv").unlink()
    made = open_labeled(crema_d)
    assert cells(made, "emotion") == [("angry",), ("sad",), ("happy",), ("neutral",)]
    answers = [("1001_DFA_ANG_XX", 2, "D")] * 3 + [("1001_DFA_ANG_XX", 1, "S")] * 9 + [("1001_DFA_ANG_XX", 2, "A")] * 2
    split = [("1002_DFA_HAP_XX", 2, "N"), ("1002_DFA_HAP_XX", 2, "S")]
    rows = (f"{name},{query},{letter}" for name, query, letter in answers + split)
    write(crema_d / "finishedResponses.csv", "clipName,queryType,respEmo", *rows)
    assert cells(open_labeled(crema_d), "emotion") == [("disgust",), ("sad",), ("happy",), ("neutral",)]


def test_missing_files_of_crema_d_are_reported(crema_d):
    clips = crema_d / "VideoFlash"
    first = clips / "1001_DFA_ANG_XX.flv"
    first.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError) as caught:
        open_labeled(crema_d)
    assert caught.value.hint == "Run: git lfs pull"
    first.rename(clips / "1009_DFA_ANG_XX.flv")
    with pytest.raises(DataError):
        open_labeled(crema_d)
    (crema_d / "VideoDemographics.csv").rename(crema_d / "people.csv")
    with pytest.raises(DataError):
        open_labeled(crema_d)
    (crema_d / "people.csv").rename(crema_d / "VideoDemographics.csv")
    for clip in clips.iterdir():
        clip.unlink()
    with pytest.raises(DataError):
        open_labeled(crema_d)


@pytest.mark.parametrize("inner", ["", "basic", "basic/EmoLabel/list_patition_label.txt", "basic/Image/original"])
def test_raf_db_numbers_become_words(raf_db, inner):
    made = open_labeled(raf_db / inner)
    assert records_of(raf_db / inner).name == "RAF-DB"
    assert cells(made, "path", "emotion", "gender", "race", "age", "part") == [
        ("train_00001.jpg", "happy", "female", "Caucasian", "20-39", "train"),
        ("train_00002.jpg", "neutral", "male", "Asian", "70+", "train"),
        ("test_0001.jpg", "happy", "unsure", "African-American", "0-3", "test"),
    ]
    assert made.groups == ("gender", "race", "age")
    assert made.folder == raf_db / "basic" / "Image" / "original"
    assert made.notes == ()


def test_listed_aligned_faces_are_used(raf_db):
    made = open_labeled(raf_db / "basic" / "Image" / "aligned", groups=["age"])
    assert cells(made, "path")[0] == ("train_00001_aligned.jpg",)
    assert made.groups == ("age",)
    assert len(made.notes) == 1


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("EmoLabel/list_patition_label.txt", ["train_00001.jpg 8"]),
        ("EmoLabel/list_patition_label.txt", [""]),
        ("EmoLabel/list_patition_label.txt", ["train_00009.jpg 5"]),
        ("Annotation/manual/test_0001_manu_attri.txt", ["1\t1"] * 5 + ["0", "3", "0"]),
        ("Annotation/manual/test_0001_manu_attri.txt", ["1\t1"] * 5),
    ],
)
def test_errors_in_raf_db_are_reported(raf_db, file, lines):
    write(raf_db / "basic" / file, *lines)
    with pytest.raises(DataError) as caught:
        open_labeled(raf_db)
    assert caught.value.hint


def test_missing_files_of_raf_db_are_reported(raf_db):
    basic = raf_db / "basic"
    (basic / "Image").rename(raf_db / "elsewhere")
    with pytest.raises(DataError):
        open_labeled(raf_db)
    (basic / "EmoLabel").rename(raf_db / "labels")
    with pytest.raises(DataError):
        open_labeled(raf_db)


def test_affectnet_has_groups_only_from_own_columns(affectnet):
    with pytest.raises(DataError):
        open_labeled(affectnet, groups=["gender"])
    made = open_labeled(affectnet, groups=["glasses"])
    assert cells(made, "path", "emotion", "part", "glasses") == [
        ("1/a.jpg", "happy", "training", ""),
        ("2/c.jpg", "neutral", "validation", "no"),
    ]
    assert made.folder == affectnet / "Manually_Annotated_Images"
    assert len(made.notes) == 1
    lists = affectnet / "Manually_Annotated_file_lists"
    assert cells(open_labeled(lists / "validation.csv", groups=["part"]), "path") == [("2/c.jpg",)]
    with pytest.raises(DataError):
        open_labeled(lists / "training.csv")


def test_the_newer_folders_of_affectnet(affectnet_newer):
    for path in (affectnet_newer, affectnet_newer / "val_set"):
        made = open_labeled(path, groups=[])
        assert [emotion for (emotion,) in cells(made, "emotion")] == ["happy", "neutral", "contempt"]
        assert all((made.folder / name).is_file() for (name,) in cells(made, "path"))
        assert {part for (part,) in cells(made, "part")} == {"val_set"}
    np.save(affectnet_newer / "val_set" / "annotations" / "0_exp.npy", np.array("11"))
    with pytest.raises(DataError):
        open_labeled(affectnet_newer, groups=[])
    (affectnet_newer / "val_set" / "annotations" / "0_exp.npy").write_bytes(b"no array")
    with pytest.raises(DataError):
        open_labeled(affectnet_newer, groups=[])


def test_affectnet_without_its_images(affectnet):
    (affectnet / "Manually_Annotated_Images").rename(affectnet / "gone")
    with pytest.raises(DataError):
        open_labeled(affectnet, groups=["glasses"])
    write(affectnet / "Manually_Annotated_file_lists" / "training.csv", HEADER, "1/a.jpg,0,0,1,1,0;0,happy,0,0")
    with pytest.raises(DataError):
        open_labeled(affectnet, groups=["glasses"])


def test_fairface_has_groups_and_no_emotions(fairface):
    made = open_labeled(fairface)
    assert made.label == ""
    assert made.groups == ("gender", "age", "race")
    assert cells(made, "path", "gender", "age", "race", "part") == [
        ("train/1.jpg", "female", "30-39", "White", "train"),
        ("val/1.jpg", "male", "3-9", "East Asian", "val"),
        ("val/2.jpg", "female", "70+", "Latino Hispanic", "val"),
    ]
    assert cells(open_labeled(fairface / "fairface_label_val.csv"), "part") == [("val",), ("val",)]
    with pytest.raises(DataError) as caught:
        open_labeled(fairface, groups=["gendre"])
    assert caught.value.hint == "Did you mean --groups gender?"
    with pytest.raises(DataError):
        open_labeled(fairface, label="feeling")
    (fairface / "train").rename(fairface / "gone")
    with pytest.raises(DataError):
        open_labeled(fairface)
    write(fairface / "fairface_label_train.csv", "file,age", "train/1.jpg,3-9")
    with pytest.raises(DataError):
        open_labeled(fairface)


def test_files_that_are_no_data_set_are_reported(tmp_path):
    with pytest.raises(DataError) as caught:
        open_labeled(tmp_path)
    assert all(name in str(caught.value) for name in ("CREMA-D", "RAF-DB", "AffectNet", "FairFace"))
    write(tmp_path / "photos.csv", "path,emotion,gender", "a.png,happy,f")
    with pytest.raises(OptionError):
        open_labeled(tmp_path / "photos.csv")
    assert open_labeled(tmp_path / "photos.csv", groups=["gender"]).label == "emotion"
    assert records_of(tmp_path / "photos.csv") is None


def test_labels_can_be_ignored(raf_db):
    assert open_labeled(raf_db, no_labels=True).label == ""
