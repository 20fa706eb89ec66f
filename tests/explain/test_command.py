"""``mien explain`` on a small made-up network."""

import json

import numpy as np
import pytest
from PIL import Image

from mien.cli.explain import is_run

from ..cli.conftest import mien as mien  # noqa: PLC0414  # the fixture
from .conftest import smiling


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "a smile ü.png"
    Image.fromarray(smiling()).save(path)
    return path


def test_words(mien, model, photo):
    code, out, _ = mien("explain", photo, "--model", model, "--detector", "none")
    assert code == 0
    assert "Mostly the mouth" in out
    assert "Without the mouth it would read neutral." in out


def test_numbers(mien, model, photo, tmp_path):
    out = tmp_path / "why.json"
    assert mien("explain", photo, "--model", model, "--detector", "none", "--out", out)[0] == 0
    (face,) = json.loads(out.read_text("utf-8"))
    assert (face["emotion"], face["parts"][0]["part"], face["turned_into"]) == ("happy", "mouth", "neutral")
    assert np.array(face["heat"]).shape == (24, 24)


def test_image_and_page(mien, model, photo, tmp_path):
    options = ("--model", model, "--detector", "none", "--out")
    assert mien("explain", photo, photo.parent, *options, tmp_path / "out" / "why.png")[0] == 0
    with Image.open(tmp_path / "out" / "why.png") as made:
        assert made.width == 840
    assert mien("explain", photo, *options, tmp_path / "why.html")[0] == 0
    page = (tmp_path / "why.html").read_text("utf-8")
    assert "a smile ü.png" in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")


def test_sanity(mien, model, photo, tmp_path):
    options = ("--model", model, "--detector", "none", "--out")
    code, out, _ = mien("explain", photo, "--sanity", *options, tmp_path / "check.json")
    assert code == 0
    assert "passed" in out
    assert len(json.loads((tmp_path / "check.json").read_text("utf-8"))[0]["rank_correlations"]) == 5
    assert mien("explain", photo, "--sanity", *options, tmp_path / "check.png")[0] == 0


def test_what_cannot_be_meant_is_said(mien, model, photo, tmp_path):
    code, _, err = mien("explain")
    assert (code, "no photo was given" in err) == (2, True)
    code, _, err = mien("explain", photo, "--out", tmp_path / "why.gif")
    assert (code, "expected a name that ends in .png" in err) == (2, True)
    code, _, err = mien("explain", photo, "--model", model, "--emotion", "sad")
    assert (code, "happy, neutral" in err) == (2, True)
    code, _, err = mien("explain", photo, "--model", model, "--method", "hirescam")
    assert (code, "looks into a checkpoint" in err) == (2, True)
    (tmp_path / "old.png").write_bytes(b"")
    code, _, err = mien("explain", photo, "--out", tmp_path / "old.png")
    assert (code, "--overwrite" in err) == (4, True)


def test_without_a_face_nothing_is_written_and_that_is_said(mien, model, tmp_path):
    Image.new("RGB", (80, 80), "green").save(tmp_path / "wall.png")
    code, out, err = mien("explain", tmp_path / "wall.png", "--model", model, "--out", tmp_path / "why.json")
    assert (code, "no face found" in out, "not written" in err) == (0, True, True)
    assert not (tmp_path / "why.json").exists()


def test_a_folder_by_the_name_of_a_model_hides_no_model(tmp_path, monkeypatch):
    (tmp_path / "default").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [is_run(model) for model in ("default", "mine", "last.ckpt", "nowhere")] == [False, True, True, False]


def test_a_damaged_photo_stops_nothing(mien, model, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    code, out, err = mien("explain", bad, photo, "--model", model, "--detector", "none")
    assert code == 3
    assert "Mostly the mouth" in out
    assert "bad.png" in err
    assert mien("explain", bad, "--model", model)[0] == 3
