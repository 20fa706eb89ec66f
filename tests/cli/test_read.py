"""``mien read``: printed and written output, exit codes."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ..conftest import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good photos, one of them under a name with spaces and umlauts, and one of nobody."""
    place = tmp_path / "Bilder"
    (place / "mehr").mkdir(parents=True)
    shutil.copy(EXAMPLES / "astronaut.png", place / "frau müller [1].png")
    shutil.copy(EXAMPLES / "grace_hopper.jpg", place / "mehr" / "hopper.jpg")
    Image.new("RGB", (320, 240), (90, 90, 90)).save(place / "wall.png")
    return place


def break_images(folder: Path) -> None:
    (folder / "a_truncated.png").write_bytes((EXAMPLES / "astronaut.png").read_bytes()[:90_000])
    (folder / "b_empty.jpg").write_bytes(b"")
    (folder / "c_words.jpg").write_text("no image")
    bomb = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    import zlib

    (folder / "d_bomb.png").write_bytes(bomb + zlib.crc32(bomb[12:]).to_bytes(4, "big"))


def test_shows_a_table(mien):
    code, out, _ = mien("read", EXAMPLES / "astronaut.png")
    assert code == 0
    assert "astronaut.png" in out
    assert "happy" in out
    assert "1 image, 1 face: happy 1" in out


def test_standard_output_is_valid_json(mien, folder):
    code, out, _ = mien("read", folder, "-r", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [Path(row["source"]).name for row in rows] == ["frau müller [1].png", "wall.png", "hopper.jpg"]
    assert [row["emotion"] for row in rows] == ["happy", None, "neutral"]
    assert sum(rows[0][emotion] for emotion in ("happy", "sad", "neutral")) > 0.8


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_writes_a_table(mien, folder, tmp_path, ending):
    out = tmp_path / f"results.{ending}"
    code, _, _ = mien("read", folder, "-r", "--out", out, "--emotions", "four")
    assert code == 0
    if ending == "csv":
        rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
        assert list(rows[0])[-4:] == ["happy", "sad", "surprise", "neutral"]
    elif ending == "jsonl":
        rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    else:
        import pyarrow.parquet

        rows = pyarrow.parquet.read_table(out).to_pylist()
    assert len(rows) == 3
    assert not list(tmp_path.glob("*.partial"))


def test_one_damaged_image_does_not_stop_a_run(mien, folder, tmp_path):
    break_images(folder)
    code, _, err = mien("read", folder, "-r", "--out", tmp_path / "r.csv")
    assert code == 3
    assert "4 could not be read" in err
    for name in ("a_truncated.png", "b_empty.jpg", "c_words.jpg", "d_bomb.png"):
        assert name in err
    assert len((tmp_path / "r.csv").read_text("utf-8").splitlines()) == 4


def test_annotated_copies_leave_the_originals(mien, folder, tmp_path):
    before = (folder / "frau müller [1].png").read_bytes()
    code, _, _ = mien("read", folder, "-r", "--annotate", tmp_path / "marked")
    assert code == 0
    marked = np.asarray(Image.open(tmp_path / "marked" / "frau müller [1].png"))
    plain = np.asarray(Image.open(folder / "frau müller [1].png").convert("RGB"))
    assert marked.shape == plain.shape
    assert 0.001 < (marked != plain).any(axis=2).mean() < 0.2
    assert (tmp_path / "marked" / "mehr" / "hopper.jpg").exists()
    assert (folder / "frau müller [1].png").read_bytes() == before


def test_will_not_write_over_the_originals(mien, folder):
    code, _, err = mien("read", folder, "--annotate", folder)
    assert code == 4
    assert "annotated copies" in err


def test_will_not_write_over_images_beside_the_sources(mien, folder):
    precious = folder / "hopper.jpg"
    shutil.copy(EXAMPLES / "astronaut.png", precious)
    code, _, _ = mien("read", folder / "mehr", "--annotate", folder)
    assert code == 4
    assert precious.read_bytes() == (EXAMPLES / "astronaut.png").read_bytes()


def test_a_missing_source_among_others_is_reported_at_the_end(mien):
    code, out, err = mien("read", EXAMPLES / "astronaut.png", "nowhere.jpg")
    assert code == 3
    assert "happy" in out
    assert "no such file or folder: 'nowhere.jpg'" in err


def test_broken_links_do_not_stop_a_run(mien, folder):
    (folder / "loop.jpg").symlink_to("loop.jpg")
    code, _, err = mien("read", folder)
    assert code == 3
    assert "loop.jpg" in err
    assert mien("read", "x" * 300 + ".jpg")[0] == 3


def test_terminals_without_unicode_get_the_table_too(folder):
    command = [sys.executable, "-m", "mien", "read", str(folder)]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert b"happy" in done.stdout


def test_resuming_what_is_finished_says_so_and_stays_valid_json(mien, folder, tmp_path):
    out = tmp_path / "r.csv"
    assert mien("read", folder, "--out", out)[0] == 0
    code, printed, err = mien("read", folder, "--out", out, "--resume", "--json")
    assert (code, json.loads(printed)) == (0, [])
    assert "nothing to resume" in err


def test_long_lists_of_images_are_counted(tmp_path, mien):
    for number in range(120):
        Image.new("L", (16, 16)).save(tmp_path / f"{number}.png")
    code, out, _ = mien("read", tmp_path)
    assert code == 0
    assert out.count("no face") == 100
    assert "120 images, 0 faces (the first 100 are listed" in out


def test_an_existing_table_is_kept(mien, folder, tmp_path):
    out = tmp_path / "r.csv"
    out.write_text("precious")
    code, _, err = mien("read", folder, "--out", out)
    assert (code, out.read_text()) == (4, "precious")
    assert "--overwrite" in err
    assert mien("read", folder, "--out", out, "--overwrite")[0] == 0
    assert "precious" not in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere.jpg"], 3),
        ([EXAMPLES, "--out", "r.docx"], 2),
        ([EXAMPLES, "--resume"], 2),
        ([EXAMPLES, "--head", "fer2013", "--emotions", "eight"], 2),
        ([EXAMPLES, "--head", "votes"], 2),
        ([EXAMPLES, "--model", "huge"], 5),
        ([EXAMPLES, "--emotions", "five"], 2),
        ([EXAMPLES, "--min-face", "0"], 2),
        ([], 2),
    ],
)
def test_mistakes_end_with_their_exit_code(mien, arguments, code):
    ended, _, err = mien("read", *arguments)
    assert (ended, "Traceback" in err) == (code, False)


@pytest.mark.slow
def test_an_interrupted_run_resumes_without_losing_or_repeating_a_row(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    astronaut = Image.open(EXAMPLES / "astronaut.png").convert("RGB").resize((256, 256))
    for number in range(2000):
        astronaut.save(photos / f"{number:03}.jpg")
    out, partial = tmp_path / "r.jsonl", tmp_path / "r.jsonl.partial"
    command = [sys.executable, "-m", "mien", "read", str(photos), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not partial.exists() or partial.read_bytes().count(b"\n") < 3):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in err
    assert not out.exists()
    kept = partial.read_bytes().count(b"\n") - 1
    assert 0 < kept < 2000
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sources = [json.loads(line)["source"] for line in out.read_text().splitlines()]
    assert sorted(sources) == sorted(str(path) for path in photos.iterdir())
    again = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert "nothing to resume" in again.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_an_interrupt_does_not_wait_for_a_network(tmp_path):
    program = (
        "import time, mien.reader, mien.cli.app\n"
        "def detect(reader, frame):\n"
        "    open('started', 'w').close()\n"
        "    time.sleep(60)\n"
        "mien.reader.Reader.detect = detect\n"
        "mien.cli.app.main()\n"
    )
    command = [sys.executable, "-c", program, "read", str(EXAMPLES / "astronaut.png"), "--out", "r.csv"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (tmp_path / "started").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - sent < 5  # at once; a busy machine takes its time
    assert process.returncode == 130
    assert "--resume" in err


def test_closed_pipes_do_not_crash(folder):
    command = f"{sys.executable} -m mien read '{folder}' -r --json | head -c 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["{path}", "--out={path}", "file:{path}"])
def test_arguments_that_shells_leave_alone_are_expanded(form, tmp_path, monkeypatch):
    from mien.cli.app import _expanded

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert _expanded(
        form.format(path="~/a b.csv" if "file" not in form else f"//{tmp_path}/a%20b.csv")
    ) == form.replace("file:", "").format(path=str(tmp_path / "a b.csv"))
    for plain in ("--interval=0.2s", "https://a.org/~/b", "~", "a~/b", "--out", "file://server/a"):
        assert _expanded(plain) == plain
