"""LibreOffice opens the tables; it runs without a window."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from mien import code_study, timeline
from mien.emotions import EMOTIONS
from mien.io.tables import columns, write_table

from ..timelines.conftest import steady, video_rows

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not OFFICE, reason="LibreOffice is not installed")]
#: Separator, quote, UTF-8, and for what is read: all languages' numbers as they are written.
FILTER = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"


def opened(path: Path, *import_filter: str) -> list[dict[str, str]]:
    """The first sheet of a file as LibreOffice reads it."""
    out = path.parent / "opened"
    profile = f"-env:UserInstallation=file://{path.parent / 'profile'}"
    words = [OFFICE, "--headless", profile, *import_filter, "--convert-to", FILTER, "--outdir", str(out), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    made = out / f"{path.stem}.csv"
    assert made.is_file(), done.stdout + done.stderr
    with made.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def talk(tmp_path) -> Path:
    path = tmp_path / "talk.csv"
    script = steady([*["happy"] * 20, *[None] * 10, *["sad?"] * 20])
    write_table(path, columns(EMOTIONS, video=True), video_rows(script, "talk ü.mp4"))
    return path


@pytest.mark.parametrize(
    ("name", "layout"), [("a.xlsx", "mien"), ("a.csv", "mien"), ("a.csv", "semicolon"), ("a.csv", "comma")]
)
def test_spans(talk, tmp_path, name, layout):
    path = tmp_path / name
    path.write_bytes(timeline(talk).render(path, layout))
    separator = "59" if layout == "semicolon" else "44"
    text = [] if name == "a.xlsx" else [f"--infilter=Text - txt - csv (StarCalc):{separator},34,76,1"]
    rows = opened(path, *text)
    assert [row["source"] for row in rows] == ["talk ü.mp4"] * 2
    assert [row["emotion"] for row in rows] == ["happy", "sad"]
    assert [float(row["end_s"].replace(",", ".")) for row in rows] == [2.0, 5.0]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.csv"])
def test_rows(talk, tmp_path, name):
    path = tmp_path / name
    script = steady(["happy"] * 3)
    write_table(path, columns(EMOTIONS, video=True), video_rows(script, "talk ü.mp4"))
    text = [] if name == "rows.xlsx" else ["--infilter=Text - txt - csv (StarCalc):44,34,76,1"]
    rows = opened(path, *text)
    assert tuple(rows[0]) == columns(EMOTIONS, video=True)
    assert [float(row["happy"]) for row in rows] == [0.8] * 3


def test_a_study(talk, tmp_path):
    code_study([talk], tmp_path / "out")
    (row,) = opened(tmp_path / "out" / "participants.csv", "--infilter=Text - txt - csv (StarCalc):44,34,76,1")
    assert (row["participant"], float(row["share_happy"])) == ("talk", 0.5)
