import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mien.errors import DataError, OptionError, OutputError

from ...conftest import EXAMPLES
from .conftest import counts_of, predictions_from


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command; gives what it prints on standard output."""
    from typer import Typer
    from typer.testing import CliRunner

    from mien.cli.audit import audit

    app = Typer()
    app.add_typer(audit, name="audit")

    def ran(*words):
        done = CliRunner().invoke(app, ["audit", "fairness", *map(str, words)], env={"COLUMNS": "130"})
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return ran


@pytest.fixture
def unfair(write):
    rng = np.random.default_rng(1)
    made = predictions_from(counts_of([((300, 300), (0.9, 0.9)), ((300, 300), (0.9, 0.6))], rng), ("<day>", "night"))
    names = np.array(made.emotions)
    return write({"truth": names[made.truth], "predicted": names[made.said], "light": made.groups["group"]})


def rows_of(path):
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_the_answer_comes_first_and_all_files_are_written(run, unfair, tmp_path):
    out = tmp_path / "audit"
    shown = run(unfair, "--groups", "light", "--draws", 1000, "--out", out)
    assert shown.startswith(
        "It does not work equally well for everyone: there are differences by light (accuracy, same mix: "
    )
    assert "A difference was found" in shown
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["accuracy.png", "audit.json", "gaps.csv", "gaps.png", "groups.csv", "report.html"]
    )
    groups = rows_of(out / "groups.csv")
    assert [(row["name"], row["n"]) for row in groups] == [("<day>", "600"), ("night", "600")]
    assert float(groups[0]["accuracy"]) == pytest.approx(0.9, abs=0.04)
    gaps = {row["measure"]: row for row in rows_of(out / "gaps.csv")}
    assert float(gaps["accuracy"]["difference_low"]) < 0.15 < float(gaps["accuracy"]["difference_high"])
    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|<script|src=", page)
    assert "&lt;day&gt;" in page
    assert "<day>" not in page
    for image in ("accuracy.png", "gaps.png"):
        assert (out / image).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="holds an audit already"):
        run(unfair, "--groups", "light", "--out", out)
    run(unfair, "--groups", "light", "--out", out, "--overwrite", "--draws", 100)


def test_json_is_all_and_nothing_else(run, unfair):
    found = json.loads(run(unfair, "--groups", "light", "--json", "--draws", 200))
    assert found["answer"].startswith("It does not work")
    (by_light,) = found["attributes"]
    assert by_light["verdict"] == "gap"
    assert {group["name"] for group in by_light["groups"]} == {"<day>", "night"}
    assert {"interval", "p", "p_corrected", "ratio"} <= set(by_light["gaps"][0])


def test_one_of_the_two_is_needed(run, unfair):
    for words in ((), (unfair, "--data", unfair)):
        with pytest.raises(OptionError, match="expected one of the two"):
            run(*words, "--groups", "light")


def test_photos_are_read_and_what_was_read_is_kept(run, write, tmp_path, astronaut):
    from PIL import Image

    for name in ("astronaut.png", "grace_hopper.jpg"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    Image.fromarray(np.full((80, 80, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    photos = ["astronaut.png", "grace_hopper.jpg", "wall.png", "missing.png", "astronaut.png"]
    table = write(
        {"path": photos, "emotion": ["joy", "neutral", "sad", "sad", ""], "place": ["space", "ship"] * 2 + ["x"]},
        "photos.csv",
    )
    out = tmp_path / "audit"
    found = json.loads(run("--data", table, "--groups", "place", "--out", out, "--json", "--draws", 100))
    rows = rows_of(out / "predictions.csv")
    assert [(row["truth"], row["predicted"], row["found"]) for row in rows] == [
        ("happy", "happy", "true"),
        ("neutral", "neutral", "true"),
        ("sad", "", "false"),
    ]
    assert found["overall"]["accuracy"] == 1.0
    assert (found["data"], found["model"]["name"], len(found["model"]["sha256"])) == (Path(table).name, "default", 64)
    assert found["overall"]["found"] == pytest.approx(2 / 3)
    assert any("could not be read" in note and "missing.png" in note for note in found["notes"])
    assert any("left out: they have no label" in note for note in found["notes"])
    assert {row["place"] for row in rows} == {"space", "ship"}
    again = json.loads(run(out / "predictions.csv", "--groups", "place", "--json", "--draws", 100))
    assert again["model"] is None  # a table of predictions does not say whose they are
    assert again["attributes"] == found["attributes"]


def test_parquet_may_hold_the_photos(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    from pyarrow import parquet

    from mien import ReadOptions
    from mien.audit.fairness.reading import open_labeled, predict

    images = [{"bytes": (EXAMPLES / name).read_bytes()} for name in ("astronaut.png", "grace_hopper.jpg")]
    columns = {"image": images, "emotion": ["happy", "neutral"], "gender": ["female", "female"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    labeled = open_labeled(tmp_path / "a.parquet", groups=["gender"])
    rows, notes = predict(labeled, ReadOptions(emotions="seven"))
    assert [row["predicted"] for row in rows] == ["happy", "neutral"]
    assert notes == ()
    assert "person" not in rows[0]
    labeled = open_labeled(tmp_path / "a.parquet", groups=["gender"], person="emotion")
    assert [row["emotion"] for row in predict(labeled, ReadOptions(detector="none"))[0]] == ["happy", "neutral"]
    parquet.write_table(pyarrow.table({**columns, "emotion": ["contempt"] * 2}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="no photo has a label that the model tells"):
        predict(open_labeled(tmp_path / "b.parquet", groups=["gender"]), ReadOptions(emotions="seven"))


def test_labels_are_looked_at_before_any_photo_is(write):
    from mien.audit.fairness.reading import open_labeled

    with pytest.raises(DataError, match="'bored'"):
        open_labeled(Path(write({"path": ["a.png"], "emotion": ["bored"], "g": ["x"]})), groups=["g"])


@pytest.fixture
def faces(tmp_path):
    """FER2013's file as Kaggle gives it: thirty images of PublicTest, one half dark and one half bright."""
    rng = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for number in range(30):
        pixels = np.clip(rng.normal(40 if number % 2 else 200, 20, 48 * 48), 0, 255).astype(int)
        lines.append(f"{3 if number % 3 else 4},{' '.join(map(str, pixels))},PublicTest")
    (tmp_path / "fer2013.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path / "fer2013.csv"


def test_a_data_set_of_faces_is_audited_by_how_they_were_photographed(run, faces, tmp_path):
    out = tmp_path / "audit"
    found = json.loads(run("tiny", "--data", faces, "--conditions", "fixed", "--draws", 100, "--out", out, "--json"))
    assert found["n"] == 30
    light = next(one for one in found["attributes"] if one["name"] == "brightness")
    assert [(group["name"], group["n"]) for group in light["groups"]] == [("dark", 15), ("bright", 15)]
    read = rows_of(out / "predictions.csv")
    assert {row["truth"] for row in read} == {"happy", "sad"}
    assert read[0]["image"].startswith("line 2 ")
    assert "ita" not in read[0]  # gray images tell nothing of colors


def test_photos_have_conditions_beside_their_own_groups(run, write):
    table = write(
        {
            "path": [EXAMPLES / "astronaut.png", EXAMPLES / "grace_hopper.jpg"] * 3,
            "emotion": ["happy", "neutral"] * 3,
            "place": ["space", "sea"] * 3,
        },
        "photos.csv",
    )
    found = json.loads(
        run("--data", table, "--groups", "place", "--conditions", "thirds", "--least", 2, "--draws", 100, "--json")
    )
    names = [one["name"] for one in found["attributes"]]
    assert names[0] == "place"
    assert {"brightness", "contrast", "size"} <= {*names}
    without = json.loads(run("--data", table, "--conditions", "thirds", "--least", 2, "--draws", 100, "--json"))
    assert [one["name"] for one in without["attributes"]] == names[1:]


def test_conditions_need_photos_and_a_data_set_has_no_columns(run, unfair, faces):
    with pytest.raises(OptionError, match="expected photos to measure"):
        run(unfair, "--conditions", "fixed")
    with pytest.raises(OptionError, match="says nothing of who is in its images"):
        run("--data", faces, "--groups", "gender")
    with pytest.raises(OptionError, match="got no column of groups"):
        run(unfair)
