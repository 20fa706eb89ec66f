"""The worked example of the guide, as it is written."""

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def commands() -> list[list[str]]:
    """The commands of the worked example, after that which makes its files."""
    page = (ROOT / "docs" / "guides" / "study.md").read_text("utf-8")
    section = page.partition("## A worked example")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("guide")
    subprocess.run([sys.executable, str(ROOT / "examples" / "make_study.py"), str(made)], check=True)
    return made


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_guide(mien, folder, monkeypatch):
    monkeypatch.chdir(folder)
    first, *others = commands()
    assert first[:2] == ["python", "examples/make_study.py"]
    printed = {}
    for words in others:
        if words[0] == "cd":
            continue
        code, out, problems = mien(*words[1:])
        assert code == 0, problems
        printed[" ".join(words)] = out
    table = {(row["participant"], row["condition"]): row for row in rows(folder / "results" / "participants.csv")}
    film = {name: table[name, "film"] for name in ("P01", "P02", "P03")}
    # What the videos show: a smile for 3, 2 and 1 seconds, and P03 is out of sight for 2
    assert [float(row["seen_s"]) for row in film.values()] == [3, 3, 1]
    assert float(film["P01"]["share_happy"]) == pytest.approx(1, abs=0.15)
    assert float(film["P02"]["share_happy"]) == pytest.approx(2 / 3, abs=0.15)
    assert float(film["P03"]["share_happy"]) == 1
    # Events of the same time give the same means and changes as conditions
    responses = [row for row in rows(folder / "responses" / "responses.csv") if row["emotion"] == "happy"]
    during = {row["participant"]: row for row in responses if row["event"] == "film"}
    for name, row in film.items():
        assert float(during[name]["mean"]) == pytest.approx(float(row["mean_happy"]), abs=2e-4)
        assert float(during[name]["change"]) == pytest.approx(float(row["change_happy"]), abs=2e-3)
        assert float(during[name]["area"]) == pytest.approx(float(row["mean_happy"]) * float(row["seen_s"]), abs=2e-3)
    summary = {
        (row["event"], row["emotion"], row["measure"]): row for row in rows(folder / "responses" / "summary.csv")
    }
    mean = sum(float(row["mean_happy"]) for row in film.values()) / 3
    assert float(summary["film", "happy", "mean"]["value"]) == pytest.approx(mean, abs=2e-4)
    assert 1.0 < float(summary["film", "happy", "latency_s"]["value"]) < 1.5
    # The coder is 0.5 s later than the other program: 5.5 of 6 s agree
    (other,) = (out for command, out in printed.items() if "agreement P02.openface.csv" in command)
    assert "91.7%" in other
