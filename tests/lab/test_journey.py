"""The documented way from a CSV file to a reading, followed with a small data set."""

import re
import shlex
import sys

import pytest

from mien.cli.app import main

from ..conftest import EXAMPLES, ROOT
from .conftest import two_classes

pytest.importorskip("lightning.pytorch", reason="the lab's tests need the extra [lab]")

PAGE = (ROOT / "docs" / "guides" / "training.md").read_text("utf-8")
#: The page's recipes take an hour on FER2013; these take seconds on 16-pixel images, and leave all else as it is.
SMALL = """
name = "NAME"
[heads.labels]
emotions = "EMOTIONS"
[input]
size = 16
[network]
name = "layers"
layers = ["conv 8x3 same > norm > relu > pool", "flatten", "dense 16 > relu"]
[optimizer]
name = "adam"
lr = 0.004
warmup_epochs = 0
[schedule]
epochs = 2
batch = 32
ema = 0.0
"""


def steps() -> list[list[str]]:
    block = next(block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "mien lab inspect" in block)
    lines = [line.split("  #")[0] for line in block.splitlines() if not line.startswith("#")]
    names = {"smoke": "a.toml", "seven": "b.toml", "photo.jpg": str(EXAMPLES / "astronaut.png")}
    return [[names.get(word, word) for word in shlex.split(line)] for line in lines]


@pytest.fixture
def work(tmp_path, monkeypatch):
    usage = {"train": "Training", "validation": "PublicTest"}
    faces = two_classes(300)
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    )
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    (tmp_path / "a.toml").write_text(SMALL.replace("NAME", "smoke").replace("EMOTIONS", "seven"))
    (tmp_path / "b.toml").write_text(SMALL.replace("NAME", "seven").replace("EMOTIONS", "seven"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
    return tmp_path


def test_from_a_csv_file_to_a_reading(work, monkeypatch, capsys):
    done = []
    for step in steps():
        monkeypatch.setattr(sys, "argv", step)
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        assert not left.value.code, f"{shlex.join(step)}\n{err}"
        done.append(step[2] if step[1] == "lab" else step[1])
    assert done == ["inspect", "train", "train", "evaluate", "export", "read"]
    assert "1 image, 1 face" in out
    made = ["report.html", "clean.csv", "runs/mine/images.csv", "report/evaluation.json", "models/mine.onnx"]
    assert [name for name in made if not (work / name).is_file()] == []
