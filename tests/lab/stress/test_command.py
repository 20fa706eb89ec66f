"""``mien lab stress`` as a user meets it."""

import csv
import json
import sys

import cv2
import numpy as np
import pytest

from mien.cli.app import main
from mien.model.card import load_model

from ...conftest import EXAMPLES
from ..conftest import two_classes


@pytest.fixture
def work(tmp_path, monkeypatch):
    faces = two_classes(40, size=16)
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},PublicTest" for label, image in zip(faces.labels, faces.images)
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stress(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "lab", "stress", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def table(out):
    return list(csv.DictReader((out / "stress.csv").read_text("utf-8").splitlines()))


ASK = ("default", "--data", "faces.csv", "--n", "6", "--only", "mask", "--threads", "1")


def test_crops_are_tried_without_detection(work, stress):
    code, out, err = stress(*ASK, "--out", "all")
    assert code == 0, err
    assert "mask 1" in out
    assert "true crop" in out
    assert "whole reader" not in out
    for name in ("stress.csv", "stress.md", "stress.png", "contact.png", "answers.csv"):
        assert (work / "all" / name).stat().st_size
    told = json.loads((work / "all" / "stress.json").read_text("utf-8"))
    assert told["stress"]["models"] == {"default": load_model("default")[0].sha256}
    assert [mark["family"] for mark in told["marks"]] == ["clean", "mask"]
    assert str(work) not in json.dumps(told)
    rows = table(work / "all")
    assert [(row["family"], row["n"], row["found"]) for row in rows] == [("clean", "6", "6"), ("mask", "6", "6")]
    code, _, err = stress(*ASK, "--out", "all")
    assert code == 4
    assert "--overwrite" in err
    made = (work / "all" / "stress.md").read_text("utf-8")
    (work / "all" / "stress.md").unlink()
    assert stress(*ASK, "--out", "all", "--resume")[0] == 0
    assert (work / "all" / "stress.md").read_text("utf-8") == made
    answers = (work / "all" / "answers.csv").read_text("utf-8")
    (work / "all" / "answers.csv").write_text(answers.replace("default,", "another,"), "utf-8")
    code, _, err = stress(*ASK, "--out", "all", "--resume")
    assert code == 2
    assert "another" in err


def test_an_interrupted_run_goes_on_where_it_was(work, stress, monkeypatch):
    from mien.lab.stress.reading import Judge

    assert stress(*ASK, "--out", "whole")[0] == 0
    read, calls = Judge.read, []

    def interrupted(self, *given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(self, *given)

    monkeypatch.setattr(Judge, "read", interrupted)
    code, _, err = stress(*ASK, "--out", "parts")
    assert code == 130
    assert "--resume" in err
    assert (work / "parts" / "answers.csv.partial").exists()
    assert stress(*ASK, "--out", "parts", "--resume", "--seed", "7")[0] == 2  # other spoilings
    assert stress(*ASK, "--out", "parts", "--resume")[0] == 0
    assert len(calls) == 3  # the clean images were not asked about again
    assert (work / "parts" / "answers.csv").read_text() == (work / "whole" / "answers.csv").read_text()


def test_photos_go_through_detection(work, stress):
    smile, calm = (cv2.imread(str(EXAMPLES / name)) for name in ("astronaut.png", "grace_hopper.jpg"))
    for emotion, picture in (("happy", smile), ("neutral", calm)):
        (work / "photos" / emotion).mkdir(parents=True)
        for number in range(2):
            side = min(picture.shape[:2])
            part = np.ascontiguousarray(picture[: side - number, : side - number])
            assert cv2.imwrite(str(work / "photos" / emotion / f"{number}.png"), part)
    code, _, err = stress(
        "default", "--data", "photos", "--out", "out", "--only", "mask", "--example", str(EXAMPLES / "astronaut.png")
    )
    assert code == 0, err
    rows = table(work / "out")
    assert [(row["family"], row["way"]) for row in rows] == [
        ("clean", "detected"), ("clean", "crop"), ("mask", "detected"), ("mask", "crop"),
    ]  # fmt: skip
    assert rows[0]["found"] == rows[0]["n"]
    assert float(rows[0]["accuracy"]) == 1


def test_mistakes_are_named(work, stress):
    assert stress("default", "--data", "faces.csv", "--out", "x", "--only", "fog")[0] == 2
    assert stress("default", "--data", "faces.csv", "--out", "x", "--resume", "--overwrite")[0] == 2
    assert stress("default", "--data", "faces.csv", "--out", "x", "--head", "nobody")[0] == 2
    assert stress("nobody", "--data", "faces.csv", "--out", "x")[0] == 5
    assert not (work / "x").exists()
