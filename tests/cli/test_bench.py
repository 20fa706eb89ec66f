"""``mien bench`` as a user meets it."""

import json

import pytest

from mien.bench import running
from mien.bench.running import Effort


@pytest.fixture
def hurried(monkeypatch):
    """The least there is to measure."""
    monkeypatch.setattr(running, "QUICK", Effort(1, 1, 0.0, 0.0, 1))
    monkeypatch.setattr(running, "shipped_models", lambda: ["default"])


@pytest.mark.usefixtures("hurried")
def test_a_quick_run_measures_each_model_twice(mien, tmp_path):
    place = tmp_path / "new" / "speed.json"
    code, out, err = mien("bench", "--quick", "--json", "--out", place)
    assert code == 0, err
    found = json.loads(out)
    assert json.loads(place.read_text("utf-8")) == found
    assert [(row["name"], row["mirrored"], row["problem"]) for row in found["rows"]] == [
        ("default", True, ""),
        ("default", False, ""),
    ]
    for row in found["rows"]:
        assert row["with_a_face"] == row["faces"] == 1
        assert row["peak_mb"] > 50
        assert row["ms_a_face"] > 0
        assert row["start_s"] > 0.05
    assert found["setting"]["command"].startswith("mien bench --quick")


@pytest.mark.usefixtures("hurried")
def test_stages_say_where_time_goes(mien):
    code, out, err = mien("bench", "--stages", "--quick")
    assert code == 0, err
    for word in ("decode", "detect", "cut", "network", "rest", "of the time, then"):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--photos", "nowhere"], 3, "no folder"),
        (["--model", "nowhere.onnx"], 5, "no model file"),
        (["--rivals-python", "nowhere/python"], 2, "no Python interpreter"),
        (["--threads", "-1"], 2, ""),
    ],
)
def test_what_cannot_be_meant_is_said_at_once(mien, arguments, code, words):
    found, _, err = mien("bench", *arguments)
    assert found == code, err
    assert words in err
