"""``mien bench`` and ``mien.bench``."""

import json
import os

import pytest

import mien as library
from mien.benchmarking import bench as measuring
from mien.benchmarking.bench import current_environment, report


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "shipped_models", lambda: ["default"])
        return library.bench(quick=True)


def test_each_model_is_measured_with_and_without_flip(result):
    assert [(speed.model, speed.flip) for speed in result.speeds] == [("default", True), ("default", False)]
    for speed in result.speeds:
        (stages,) = speed.stages
        assert (stages.n_images, stages.n_faces) == (3, 6)
        assert all(ms > 0 for ms in stages.ms.values())
        assert list(stages.ms) == ["decode", "detect", "crop", "classify"]
        assert speed.peak_mb is None or speed.peak_mb > 50
        assert speed.ms_per_face > 0
        assert speed.start_s > 0.05


def test_the_result_becomes_json_and_a_page(result):
    assert json.loads(result.to_json())["speeds"][1]["model"] == "default"
    assert "640 x 480" in report(result).to_html()


@pytest.mark.usefixtures("result")
def test_the_command_prints_json_and_writes_a_file(mien, tmp_path, monkeypatch, result):
    monkeypatch.setattr(measuring, "bench", lambda *_args, **_named: result)
    code, out, err = mien("bench", "--json", "--out", tmp_path / "new" / "speed.json")
    assert code == 0, err
    assert json.loads(out) == json.loads((tmp_path / "new" / "speed.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--images", "nowhere"], 3), (["--model", "nowhere.onnx"], 5)],
)
def test_wrong_options_fail_at_once(mien, arguments, code):
    assert mien("bench", *arguments)[0] == code


@pytest.mark.skipif(not hasattr(os, "getloadavg"), reason="Windows does not tell its load")
def test_a_machine_is_busy_when_too_few_cores_are_free(monkeypatch):
    monkeypatch.setattr("mien.benchmarking.bench.worker_count", lambda _threads: 2)
    for load, busy in ((0.4, False), (1.0, False), (2.0, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0, 0))
        assert current_environment().is_busy is busy
