"""``mien lab robustness``."""

import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image

from mien.cli.app import main
from mien.io.images import read_image
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
def robustness(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "lab", "robustness", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def table(out):
    return list(csv.DictReader((out / "robustness.csv").read_text("utf-8").splitlines()))


ASK = ("default", "--data", "faces.csv", "--limit", "6", "--corruption", "mask", "--threads", "1")


def test_crops_are_tried_without_detection(work, robustness):
    code, _, err = robustness(*ASK, "--out", "all")
    assert code == 0, err
    for name in ("robustness.csv", "robustness.md", "robustness.png", "robustness.html", "predictions.csv"):
        assert (work / "all" / name).stat().st_size
    told = json.loads((work / "all" / "robustness.json").read_text("utf-8"))
    assert told["robustness"]["models"] == {"default": load_model("default")[0].sha256}
    assert [mark["family"] for mark in told["conditions"]] == ["clean", "mask"]
    assert str(work) not in json.dumps(told)
    rows = table(work / "all")
    assert [(row["family"], row["n"], row["found"]) for row in rows] == [("clean", "6", "6"), ("mask", "6", "6")]
    code, _, err = robustness(*ASK, "--out", "all")
    assert code == 4
    assert "--overwrite" in err
    made = (work / "all" / "robustness.md").read_text("utf-8")
    (work / "all" / "robustness.md").unlink()
    assert robustness(*ASK, "--out", "all", "--resume")[0] == 0
    assert (work / "all" / "robustness.md").read_text("utf-8") == made
    answers = (work / "all" / "predictions.csv").read_text("utf-8")
    (work / "all" / "predictions.csv").write_text(answers.replace("default,", "another,"), "utf-8")
    code, _, err = robustness(*ASK, "--out", "all", "--resume")
    assert code == 2
    assert "another" in err


def test_interrupted_runs_continue(work, robustness, monkeypatch):
    from mien.lab.robustness_test import run

    assert robustness(*ASK, "--out", "whole")[0] == 0
    predict, calls = run._predict, []

    def interrupted(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return predict(*given)

    monkeypatch.setattr(run, "_predict", interrupted)
    code, _, err = robustness(*ASK, "--out", "parts")
    assert code == 130
    assert "--resume" in err
    assert (work / "parts" / "predictions.csv.partial").exists()
    assert robustness(*ASK, "--out", "parts", "--resume", "--seed", "7")[0] == 2  # other corruptions
    assert robustness(*ASK, "--out", "parts", "--resume")[0] == 0
    assert len(calls) == 3  # the clean images were not asked about again
    assert (work / "parts" / "predictions.csv").read_text() == (work / "whole" / "predictions.csv").read_text()


def test_photos_go_through_detection(work, robustness):
    smile, calm = (read_image(EXAMPLES / name).image for name in ("astronaut.png", "grace_hopper.jpg"))
    for emotion, photo in (("happy", smile), ("neutral", calm)):
        (work / "photos" / emotion).mkdir(parents=True)
        for number in range(2):
            side = min(photo.shape[:2])
            part = np.ascontiguousarray(photo[: side - number, : side - number])
            Image.fromarray(part).save(work / "photos" / emotion / f"{number}.png")
    code, _, err = robustness(
        "default",
        "--data",
        "photos",
        "--out",
        "out",
        "--corruption",
        "mask",
        "--example",
        str(EXAMPLES / "astronaut.png"),
    )
    assert code == 0, err
    rows = table(work / "out")
    assert [(row["family"], row["way"]) for row in rows] == [
        ("clean", "detected"), ("clean", "crop"), ("mask", "detected"), ("mask", "crop"),
    ]  # fmt: skip
    assert rows[0]["found"] == rows[0]["n"]
    assert float(rows[0]["accuracy"]) == 1


def test_mistakes_are_errors(work, robustness):
    assert robustness("default", "--data", "faces.csv", "--out", "x", "--corruption", "fog")[0] == 2
    assert robustness("default", "--data", "faces.csv", "--out", "x", "--resume", "--overwrite")[0] == 2
    assert robustness("default", "--data", "faces.csv", "--out", "x", "--head", "nobody")[0] == 2
    assert robustness("nobody", "--data", "faces.csv", "--out", "x")[0] == 5
    assert not (work / "x").exists()
