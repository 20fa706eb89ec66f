"""Clips and photos of known data sets read with the whole pipeline."""

import csv
import json

import numpy as np
import pytest

from mien.audit.predict import _decoded, averaged, open_labeled, predict_labeled
from mien.errors import DataError
from mien.options import ReadOptions
from mien.types import Box, Face, Reading

from ..conftest import make_clip
from .conftest import FACES, face

EMOTIONS = ("happy", "sad")


def reading(happy: float, width: float = 10, **more) -> Reading:
    shares = np.array([happy, 1 - happy], np.float32)
    return Reading(Face(Box(0, 0, width, 10)), EMOTIONS, shares, shares, **more)


def test_a_clip_is_the_mean_of_its_frames():
    made = averaged([reading(0.9, 10, sharpness=0.4), reading(0.2, 30, sharpness=0.2), reading(0.7, 20, sharpness=0.6)])
    assert made.probabilities == pytest.approx([0.6, 0.4])
    assert made.vote_shares == pytest.approx([0.6, 0.4])
    assert made.sharpness == pytest.approx(0.4)
    assert made.face.box.width == 30
    assert averaged([]) is None
    assert averaged([one := reading(0.9)]) is one


def test_frames_that_contradict_each_other_abstain():
    assert averaged([reading(0.95, min_confidence=0.6), reading(0.1, min_confidence=0.6)]).abstained
    assert not averaged([reading(0.95), reading(0.9)]).abstained


def test_frames_are_taken_along_the_whole_clip(tmp_path):
    pytest.importorskip("av", reason="clips need the extra video")
    path = make_clip(tmp_path / "a.mp4", [np.asarray(face("astronaut.png"))] * 25, rate=10, sound=None)
    times = [frame.time_s for frame in _decoded(path, pytest.fail)]
    assert times == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4])


def test_truncated_clips_are_read_and_reported(tmp_path):
    pytest.importorskip("av", reason="clips need the extra video")
    noise = np.random.default_rng(0).integers(0, 255, (60, 96, 96, 3)).astype(np.uint8)
    path = make_clip(tmp_path / "a.mkv", list(noise), rate=10, sound=None)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    told = []
    assert 0 < len(list(_decoded(path, told.append))) < 15
    assert len(told) == 1


def test_crema_d_is_read_clip_by_clip(crema_d):
    labeled = open_labeled(crema_d, person="person")
    (crema_d / "VideoFlash" / "1002_DFA_HAP_XX.mp4").write_bytes(b"no video")
    found = predict_labeled(labeled, ReadOptions(emotions="four", flip=False))
    said = {row["image"].rpartition("/")[2]: row for row in found.rows}
    assert {name: (row["label"], row["predicted"]) for name, row in said.items()} == {
        "1001_DFA_ANG_XX.flv": ("happy", "happy"),
        "1001_IEO_SAD_HI.mp4": ("sad", "neutral"),
        "1002_DFA_NEU_XX.mp4": ("neutral", "neutral"),
    }
    assert said["1002_DFA_NEU_XX.mp4"]["person"] == "1002"
    assert sum(said["1002_DFA_NEU_XX.mp4"][name] for name in ("happy", "sad", "surprise", "neutral")) == pytest.approx(
        1, abs=1e-3
    )
    assert any("1002_DFA_HAP_XX.mp4" in note for note in found.notes)


def test_a_plain_table_may_name_clips(crema_d):
    (crema_d / "VideoDemographics.csv").unlink()
    (crema_d / "t.csv").write_text("path,emotion,g\nVideoFlash/1002_DFA_HAP_XX.mp4,happy,a\n")
    made = predict_labeled(open_labeled(crema_d / "t.csv", groups=["g"]), ReadOptions(flip=False))
    assert [row["predicted"] for row in made.rows] == ["happy"]
    assert made.notes == ()


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_raf_db_by_the_command(run, raf_db, tmp_path):
    out = tmp_path / "raf.csv"
    run("predict", raf_db, "--emotions", "seven", "--out", out)
    assert [row["race"] for row in rows_of(out)] == ["Caucasian", "Asian", "African-American"]
    groups = [word for name in ("gender", "race", "age") for word in ("--groups", name)]
    found = json.loads(run("fairness", out, *groups, "--json", "--resamples", 100))
    assert [attribute["name"] for attribute in found["attributes"]] == ["gender", "race", "age"]
    assert found["overall"]["accuracy"] == 1.0


def test_fairface_by_the_command(run, fairface, tmp_path):
    out = tmp_path / "fairface.csv"
    run("predict", fairface, "--groups", "gender", "--out", out)
    rows = rows_of(out)
    assert "label" not in rows[0]
    assert {row["image"].rpartition("FairFace/")[2]: row["predicted"] for row in rows} == {
        "train/1.jpg": "happy",
        "val/1.jpg": "happy",
        "val/2.jpg": "neutral",
    }
    again = json.loads(run("fairness", out, "--no-labels", "--groups", "gender", "--json", "--resamples", 100))
    assert again["overall"]["predicted"]["happy"] == 2
    with pytest.raises(DataError):
        run("fairness", out, "--groups", "gender")


def test_faces_of_the_fixtures_are_whole():
    assert all(face(name).size == (160, 160) for name in FACES)
