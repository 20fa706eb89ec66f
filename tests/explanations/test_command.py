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
    assert "mouth" in out


def test_numbers(mien, model, photo, tmp_path):
    out = tmp_path / "why.json"
    assert mien("explain", photo, "--model", model, "--detector", "none", "--out", out)[0] == 0
    (face,) = json.loads(out.read_text("utf-8"))
    assert (face["emotion"], face["parts"][0]["name"], face["changed_emotion"]) == ("happy", "mouth", "neutral")
    assert np.array(face["heat"]).shape == (24, 24)


def test_image_and_page(mien, model, photo, tmp_path):
    options = ("--model", model, "--detector", "none", "--out")
    assert mien("explain", photo, photo.parent, *options, tmp_path / "out" / "why.png")[0] == 0
    with Image.open(tmp_path / "out" / "why.png") as made:
        assert made.width == 840
    assert mien("explain", photo, *options, tmp_path / "why.html")[0] == 0
    page = (tmp_path / "why.html").read_text("utf-8")
    assert "a smile ü.png" in page
    assert "https://" not in page


@pytest.mark.slow
def test_the_randomization_test_writes_its_results(mien, model, photo, tmp_path):
    options = ("--model", model, "--detector", "none", "--out")
    code, _, _ = mien("explain", photo, "--sanity", *options, tmp_path / "check.json")
    assert code == 0
    assert len(json.loads((tmp_path / "check.json").read_text("utf-8"))[0]["rank_correlations"]) == 5
    assert mien("explain", photo, "--sanity", *options, tmp_path / "check.html")[0] == 0


def test_invalid_options_end_with_their_exit_codes(mien, model, photo, tmp_path):
    (tmp_path / "old.png").write_bytes(b"")
    for arguments, code in (
        ((), 2),
        ((photo, "--out", tmp_path / "why.gif"), 2),
        ((photo, "--model", model, "--emotion", "sad"), 2),
        ((photo, "--model", model, "--method", "hirescam"), 2),
        ((photo, "--sanity", "--out", tmp_path / "maps.png"), 2),
        ((photo, "--out", tmp_path / "old.png"), 4),
    ):
        assert mien("explain", *arguments)[0] == code


def test_sources_without_a_face_write_nothing_and_are_reported(mien, model, tmp_path):
    Image.new("RGB", (80, 80), "green").save(tmp_path / "wall.png")
    code, out, err = mien("explain", tmp_path / "wall.png", "--model", model, "--out", tmp_path / "why.json")
    assert (code, "no face found" in out, "not written" in err) == (0, True, True)
    assert not (tmp_path / "why.json").exists()


def test_folders_named_like_a_model_do_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "default").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert [is_run(model) for model in ("default", "mine", "last.ckpt", "nowhere")] == [False, True, True, False]


def test_a_damaged_photo_does_not_stop_a_run(mien, model, photo, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    code, out, err = mien("explain", bad, photo, "--model", model, "--detector", "none")
    assert code == 3
    assert "mouth" in out
    assert "bad.png" in err
    assert mien("explain", bad, "--model", model)[0] == 3
