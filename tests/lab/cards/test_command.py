"""``mien lab card`` and ``mien lab card-data`` as a user meets them, and the cards in the repository."""

import json
import re
import shlex
import shutil
import sys

import pytest

from mien.cli.app import main

from ...conftest import ROOT
from ..conftest import two_classes


@pytest.fixture
def lab(monkeypatch, capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "lab", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def own_commands() -> list[list[str]]:
    text = (ROOT / "docs" / "cards.md").read_text("utf-8").partition("## mien's own cards")[2]
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line)[2:] for line in block[1].replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("command", own_commands(), ids=lambda command: command[1])
def test_the_cards_in_the_repository_are_what_the_commands_write(lab, command, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    code, _, err = lab(*command)
    assert code == 0, err
    out = command[command.index("--out") + 1]
    assert (tmp_path / out).read_text("utf-8") == (ROOT / out).read_text("utf-8"), (
        f"write {out} anew as docs/cards.md says"
    )


def test_mistakes_are_told_in_a_line_and_nothing_is_overwritten(lab, tmp_path):
    card = tmp_path / "card.md"
    code, _, err = lab("card", "default", "--out", card)
    assert code == 0, err
    assert lab("card", "default", "--out", card)[0] == 4
    assert lab("card", "default", "--out", card, "--overwrite")[0] == 0
    assert lab("card", "nobody", "--out", tmp_path / "x.md")[0] == 5
    assert lab("card", "default", "--out", tmp_path / "x.md", "--watts", "-1")[0] == 2
    assert lab("card", "default", "--out", tmp_path / "x.md", "--notes", tmp_path / "none.md")[0] == 2
    (tmp_path / "odd.json").write_text('{"a": 1}')
    code, _, err = lab("card", "default", "--out", tmp_path / "x.md", "--with", tmp_path / "odd.json")
    assert code == 6
    assert "expected a result of" in err
    assert not (tmp_path / "x.md").exists()


def test_a_folder_gets_a_readme_and_audits_come_in_later(lab, tmp_path, audited):
    keep = tmp_path / "kept.json"
    assert lab("card", "default", "--out", tmp_path / "first", "--keep", keep)[0] == 0
    assert "equally well for everyone | not measured" in (tmp_path / "first" / "README.md").read_text("utf-8")
    code, _, err = lab("card", "default", "--with", keep, "--with", audited(model={}), "--out", tmp_path / "second")
    assert code == 0
    assert "does not say which model" in err
    assert "equally well by gender" in (tmp_path / "second" / "README.md").read_text("utf-8")


def test_evaluations_say_whose_they_are_and_data_is_carded(lab, tmp_path, card, monkeypatch):
    usage = {"train": "Training", "validation": "PublicTest"}
    faces = two_classes(80)
    rows = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(faces.images, faces.labels, faces.split.tolist())
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    monkeypatch.chdir(tmp_path)
    code, out, err = lab("evaluate", "default", "--data", "faces.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["sha256"] == card.sha256
    (tmp_path / "evaluation.json").write_text(out)
    code, _, err = lab("card", "default", "--with", "evaluation.json", "--out", "card.md")
    assert code == 0, err
    assert "How Often It Is Right: faces, validation" in (tmp_path / "card.md").read_text("utf-8")
    code, _, err = lab("card-data", "faces.csv", "--out", "data.md", "--license", "mine")
    assert code == 0, err
    assert "80 images of faces" in (tmp_path / "data.md").read_text("utf-8")
    code, out, _ = lab("inspect", "faces.csv", "--json")
    (tmp_path / "found.json").write_text(out)
    assert lab("card-data", "found.json", "--out", "again.md", "--license", "mine")[0] == 0
    assert (tmp_path / "again.md").read_text("utf-8") == (tmp_path / "data.md").read_text("utf-8")
    assert lab("card-data", "evaluation.json", "--out", "no.md")[0] == 6
