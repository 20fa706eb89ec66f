"""The example scripts and the notebooks run."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import EXAMPLES, ROOT

SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run(folder: Path, name: str, *words: str | Path) -> str:
    """The output of an example; the tests' warnings and optional packages do not matter to it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_read_image_prints_emotions(tmp_path):
    assert run(tmp_path, "read_image.py", EXAMPLES / "astronaut.png").startswith("happy 100%")


def test_folder_to_pandas_prints_a_table(tmp_path):
    pytest.importorskip("pandas", reason="the example makes a data frame, which needs the extra table")
    assert "neutral" in run(tmp_path, "folder_to_pandas.py", EXAMPLES)


def test_sort_photos_copies_by_emotion(tmp_path):
    run(tmp_path, "sort_photos.py", EXAMPLES, "sorted")
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")} == {
        "sorted/happy/astronaut.png",
        "sorted/neutral/grace_hopper.jpg",
    }


def test_video_timeline_writes_a_report(tmp_path, clip):
    assert "person 1: seen" in run(tmp_path, "video_timeline.py", clip, "timeline.html")
    assert (tmp_path / "timeline.html").stat().st_size > 5000


def test_audit_predictions_compares_groups(tmp_path):
    rows = [f"happy,{'sad' if n % 4 == 0 else 'happy'},{'female' if n % 2 else 'male'}" for n in range(200)]
    (tmp_path / "predictions.csv").write_text("label,predicted,gender\n" + "\n".join(rows))
    shown = run(tmp_path, "audit_predictions.py", "predictions.csv", "gender")
    assert "female: 100.0%" in shown
    assert "male: 50.0%" in shown


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_say_how_to_start_them(path):
    assert f"python examples/{path.name}" in (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")


def run_notebook(folder: Path, name: str, **environment: str) -> str:
    """The output of a notebook's code cells, run beside a copy of the examples."""
    shutil.copytree(EXAMPLES, folder / "examples")
    (folder / "notebooks").mkdir()
    cells = json.loads((ROOT / "notebooks" / name).read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder / "notebooks",
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_notebook_runs(tmp_path):
    pytest.importorskip("pandas", reason="the example makes a data frame, which needs the extra table")
    assert "OUTSIDE_LABEL_SET" in run_notebook(tmp_path, "first_steps.ipynb")


@pytest.mark.slow
def test_the_training_notebook_runs(tmp_path):
    pytest.importorskip("lightning", reason="the notebook trains, which needs the extra lab")
    rng = np.random.default_rng(0)
    for split, number in (("train", 20), ("validation", 8)):
        for emotion in ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"):
            folder = tmp_path / "faces" / split / emotion
            folder.mkdir(parents=True)
            for n in range(number):
                Image.fromarray(rng.integers(0, 256, (48, 48), np.uint8)).save(folder / f"{n}.png")
    assert "accuracy" in run_notebook(tmp_path, "train_your_own.ipynb", FER2013=str(tmp_path / "faces"))


@pytest.mark.slow
def test_the_study_notebook_runs(tmp_path):
    pytest.importorskip("av", reason="the notebook makes and reads videos, which needs the extra video")
    shown = run_notebook(tmp_path, "code_a_study.ipynb")
    assert "agreement 100%" in shown
    assert "coder neutral, video happy" in shown


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_have_saved_outputs(path):
    cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    assert any(cell["outputs"] for cell in cells)
