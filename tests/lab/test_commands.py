"""The commands of ``mien lab``."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from mien.cli.app import main
from mien.lab.recipe import builtin_recipes

from .conftest import two_classes

RECIPE = """
name = "tiny"
[heads.fer2013]
emotions = "seven"
[input]
size = 16
[network]
widths = [8, 16]
depths = [1, 1]
[optimizer]
name = "adamw"
lr = 0.004
warmup_epochs = 0
[schedule]
epochs = EPOCHS
batch = 32
ema = 0.9
keep = "last"
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with a Kaggle file and a recipe in it."""
    usage = {"train": "Training", "validation": "PublicTest"}
    faces = two_classes(200)
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    (tmp_path / "tiny.toml").write_text(RECIPE.replace("EPOCHS", "2"))
    (tmp_path / "long.toml").write_text(RECIPE.replace("EPOCHS", "5000"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mien(monkeypatch, capsys):
    """Run the command line; gives (exit code, standard output, standard error)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "lab", *arguments])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_recipes_are_listed(mien):
    code, out, _ = mien("recipes")
    assert code == 0
    entries = [line for line in out.splitlines() if line.startswith("  ") and line[2] != " "]
    names = [line.split()[0] for line in entries]
    assert sorted(names) == builtin_recipes()
    assert names.index("seven") < names.index("smoke") < names.index("seven-wide")  # by purpose, reproductions last
    code, out, _ = mien("recipes", "seven-wide")
    assert code == 0
    assert 'name = "seven-wide"' in out
    assert "Did you mean 'seven'" in mien("recipes", "sevn")[2]


def test_train_evaluate_export(work, mien):
    code, out, err = mien("train", "tiny.toml", "--data", "faces.csv", "--out", "run")
    assert code == 0, err
    header, first, second = out.splitlines()
    assert header.split() == ["epoch", "seconds", "train", "loss", "val", "loss", "fer2013"]
    assert (first.split()[0], second.split()[0]) == ("1/2", "2/2")
    assert "mien lab evaluate run --data faces.csv" in err
    assert "GPU" not in out + err
    assert "Tip" not in out + err

    code, out, err = mien("evaluate", "run", "--data", "faces.csv", "--json")
    assert code == 0, err
    assert {entry["head"] for entry in json.loads(out)["results"]} == {"fer2013"}

    code, out, err = mien("evaluate", "run", "--data", "faces.csv", "--out", "report")
    assert code == 0, err
    assert "balanced" in out
    assert (work / "report" / "fer2013_confusion.png").is_file()

    code, out, err = mien("export", "run", "--data", "faces.csv", "--out", "models", "--name", "mine")
    assert code == 0, err
    assert (work / "models" / "mine.onnx").is_file()
    assert (
        json.loads((work / "models" / "mine.json").read_text())["data"]
        == "faces: 150 training images with one label each"
    )


def test_included_models_are_evaluated_without_torch(work, mien, monkeypatch):
    for package in ("torch", "lightning", "torchmetrics"):
        monkeypatch.setitem(sys.modules, package, None)
    code, out, err = mien("evaluate", "default", "--data", "faces.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == "default"
    (work / "run").mkdir()
    assert mien("evaluate", "run", "--data", "faces.csv")[0] == 7


def test_mistakes_are_errors_of_one_line(work, mien):
    code, _, err = mien("train", "tiny.toml", "--data", "nowhere.csv", "--out", "run")
    assert (code, err.splitlines()[0]) == (6, "mien: no data at nowhere.csv")
    assert mien("train", "no-such", "--data", "faces.csv", "--out", "run")[0] == 2
    assert mien("evaluate", "none.ckpt", "--data", "faces.csv")[0] == 5


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_keeps_the_run(work):
    command = [sys.executable, "-m", "mien", "lab", "train", "long.toml", "--data", "faces.csv", "--out", "run"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 120
        while not (work / "run" / "last.ckpt").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
