"""Models side by side: the same question, the same images, and honest words about who is better."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from mien.cli.comparing import compare as command
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError
from mien.lab.compare.latency import latencies
from mien.lab.compare.members import Member, open_members
from mien.lab.compare.question import common_question, exam
from mien.lab.compare.record import read_record
from mien.lab.compare.records import records
from mien.lab.compare.significance import holm, mcnemar
from mien.lab.compare.standing import compare
from mien.lab.compare.table import as_markdown, columns
from mien.lab.compare.tradeoff import front
from mien.lab.compare.words import notes, verdict
from mien.lab.compare.writing import write_comparison
from mien.lab.ensemble.opening import digest_of
from mien.lab.ensemble.spec import Ensemble, write_ensemble
from mien.lab.ensemble.spec import Member as Voter
from mien.lab.evaluate.predict import open_classifier
from mien.lab.recipe import Data, Head
from mien.lab.train.run import train
from mien.model.card import HeadCard

from .conftest import tiny, two_classes

ORDER = [EMOTIONS.index(name) for name in ("happy", "sad")]


def faces():
    """Two hundred images; the last twenty are copies of the first twenty, which are trained on."""
    made = two_classes(200)
    images, labels = made.images.copy(), made.labels.copy()
    images[-20:], labels[-20:] = images[:20], labels[:20]
    return replace(made, images=images, labels=labels)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A run that tells seven emotions apart and kept its best epoch, and a shorter one for happy and sad."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.lab.train.run.chosen_precision", lambda recipe: "32-true")
        patch.setattr("mien.lab.train.history.learning_curves", lambda rows, path: None)
        seven = tiny(keep="best", epochs=2)
        train(seven, faces(), folder / "seven")
        pair = replace(tiny(epochs=1), name="pair", heads={"pair": Head("happy-sad")})
        train(pair, faces(), folder / "pair")
    return folder


@pytest.fixture(scope="module")
def comparison(runs):
    return compare(open_members([runs / "pair", runs / "seven"]), lambda _size, _color: faces(), seconds=0.1)


def standing(comparison, name):
    return next(one for one in comparison.standings if one.member.name == name)


def test_a_run_brings_what_it_wrote_down(runs):
    seven, pair = open_members([runs / "seven", runs / "pair"])
    rows = list(csv.DictReader((runs / "seven" / "history.csv").read_text().splitlines()))
    best = max(rows, key=lambda row: float(row["val_score"]))
    assert seven.record.kept_value("epoch") == float(best["epoch"])
    assert seven.record.seconds == pytest.approx(sum(float(row["seconds"]) for row in rows))
    assert pair.record.kept_value("epoch") == 1
    assert seven.trained > pair.trained  # seven outputs in place of two
    assert seven.fixed == 2 * (8 + 16)  # mean and variance of each channel of two batch norms
    assert seven.size == (runs / "seven" / "best.ckpt").stat().st_size
    assert (seven.peeked, pair.peeked) == (("chose its epoch",), ())


def test_all_answer_what_all_know(comparison):
    assert comparison.question.emotions == ("happy", "sad")
    assert {one.scores.n for one in comparison.standings} == {50}
    assert any("chose among these 2 only: seven (7)" in line for line in notes(comparison))
    assert comparison.standings[0].p is None


def test_a_model_of_seven_emotions_chooses_among_two(runs, comparison):
    part = faces().part("validation")
    logits = open_classifier(runs / "seven").logits(part.images)["fer2013"]
    guesses = logits[:, ORDER].argmax(1)
    assert np.array_equal(standing(comparison, "seven").guesses, guesses)


def test_copies_of_training_images_are_marked_apart(comparison):
    assert standing(comparison, "seven").dedup.n == 30
    assert any("20 images whose exact copy" in line for line in notes(comparison))


def test_who_chose_by_these_images_is_marked(comparison):
    names = columns(comparison)[0].cells
    assert sorted(names) == ["pair", "seven †"]
    assert any("† chose its epoch on these images" in line for line in notes(comparison))
    assert not any("†" in line for line in notes(replace(comparison, split="test")))


def test_a_run_judged_on_a_drawn_part_narrows_the_images_for_all(runs):
    members = open_members([runs / "pair", runs / "seven"])
    drawing = replace(members[0].recipe, data=Data(inner=0.2, judge_counts={"happy": 9, "sad": 7}))
    asked = exam(common_question(members), [replace(members[0], recipe=drawing), members[1]], faces(), "validation")
    assert (asked.answers == 0).sum() == 9
    assert (asked.answers == 1).sum() == 7
    assert asked.not_judged == 50 - 16


def test_two_heads_are_asked_through_the_one_that_learned_from_labels():
    (default,) = open_members([Path("default")])
    assert common_question([default]).heads == {"default": "fer2013"}
    by_votes = common_question([default], "ferplus")
    assert (by_votes.heads, by_votes.truth) == ({"default": "ferplus"}, "votes")
    with pytest.raises(DataError, match="expected votes"):
        exam(by_votes, [default], replace(faces(), votes=None), "validation")
    with pytest.raises(OptionError, match="no model has a head 'mouth'"):
        common_question([default], "mouth")


def with_head(member: Member, name: str, emotions: tuple[str, ...]) -> Member:
    heads, marks = {"labels": HeadCard(emotions)}, {"labels": Head()}
    return replace(member, name=name, classifier=replace(member.classifier, heads=heads, marks=marks))


def test_models_without_common_emotions_cannot_be_compared(runs):
    (pair,) = open_members([runs / "pair"])
    with pytest.raises(ModelError, match="no emotion in common") as raised:
        common_question([with_head(pair, "a", EMOTIONS[:2]), with_head(pair, "b", EMOTIONS[2:4])])
    assert raised.value.hint


def test_no_common_image_is_an_error_that_says_so(runs):
    members = open_members([runs / "pair"])
    angry = replace(faces(), labels=np.zeros(200, np.int64))
    with pytest.raises(DataError, match="no image that all 1 models can be marked on"):
        exam(common_question(members), members, angry, "validation")
    with pytest.raises(DataError, match="no images for 'test'"):
        exam(common_question(members), members, faces(), "test")


def test_names_differ_and_nobody_comes_twice(runs, tmp_path):
    (tmp_path / "seven").mkdir()
    with pytest.raises(OptionError, match="more than once"):
        open_members([runs / "pair", runs / "seven" / ".." / "pair"])
    with pytest.raises(ModelError, match="holds no run"):
        open_members([tmp_path / "seven"])
    members = open_members([runs / "pair", runs / "pair" / "last.ckpt", runs / "seven" / "last.ckpt"])
    assert [member.name for member in members] == ["pair", "pair:last", "seven:last"]
    twin = tmp_path / "copy" / "pair"
    twin.mkdir(parents=True)
    (twin / "last.ckpt").write_bytes((runs / "pair" / "last.ckpt").read_bytes())
    members = open_members([runs / "pair", twin])
    assert [member.name for member in members] == [f"{runs.name}/pair", "copy/pair"]
    assert members[1].record is None


def test_a_model_without_a_history_leaves_cells_empty(runs, tmp_path):
    (tmp_path / "last.ckpt").write_bytes((runs / "pair" / "last.ckpt").read_bytes())
    result = compare(open_members([tmp_path, runs / "pair"]), lambda _size, _color: faces(), seconds=0.1)
    trained = next(column for column in columns(result) if column.title == "trained")
    assert sorted(bool(cell) for cell in trained.cells) == [False, True]
    # The same weights: nobody may be called better.
    assert verdict(result)[0].startswith("These images do not show")
    assert [one.p for one in result.standings] == [None, 1.0]


def test_an_ensemble_is_the_sum_of_its_members(runs, tmp_path):
    voters = [
        Voter(str(runs / name), digest_of(runs / name), head, 1.0, 0.5)
        for name, head in (("pair", "pair"), ("seven", "fer2013"))
    ]
    two = Ensemble("two", "happy-sad", "labels", tuple(voters), "synthetic, validation: 50 images")
    write_ensemble(two, tmp_path / "two.json")
    both, pair, seven = open_members([tmp_path / "two.json", runs / "pair", runs / "seven"])
    assert (both.engine, both.name) == ("ensemble", "two")
    assert both.trained == pair.trained + seven.trained
    assert both.fixed == pair.fixed + seven.fixed
    assert both.size > pair.size + seven.size
    assert both.peeked == seven.peeked  # who is made of peekers is one
    assert common_question([both, seven]).emotions == LABEL_SETS["happy-sad"]


def test_history_half_written_or_damaged(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,val_loss,val_score\n1,2.0,0.4\n2,1.0,0.4\n3,,\n")
    assert read_record(tmp_path, "best").kept == 0  # of equal ones the first
    assert read_record(tmp_path, "best", "loss").kept == 1
    assert read_record(tmp_path, "last").kept_value("val_loss") is None
    path.write_text("epoch,val_loss\n")
    assert read_record(tmp_path, "last") is None
    path.write_text("epoch,val_loss\n1,much\n")
    with pytest.raises(DataError, match="no number"):
        read_record(tmp_path, "last")


def test_mcnemar_and_holm_by_hand():
    first = np.array([True] * 9 + [False] + [True] * 20)
    second = np.array([False] * 9 + [True] + [True] * 20)
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(first, first) == 1
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_front_holds_the_models_that_none_beats():
    assert front(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.4, 0.7, 0.7])) == [0, 2]


def test_a_slower_call_takes_longer():
    quick, slow = latencies([lambda _n: sum(range(10)), lambda _n: sum(range(100_000))], seconds=0.05)
    assert 0 < quick.median < slow.median
    assert slow.quartiles[0] <= slow.median <= slow.quartiles[1]


def test_files_say_what_the_table_says(comparison, tmp_path):
    best = comparison.standings[0]
    written = write_comparison(replace(comparison, standings=(best,)), tmp_path)  # every figure takes its time
    assert all(path.stat().st_size for path in written)
    assert {"compare.csv", "compare.md", "accuracy_latency.png", "curves.png"} <= {path.name for path in written}
    rows = list(csv.DictReader((tmp_path / "compare.csv").read_text().splitlines()))
    assert rows[0]["model"] == best.member.name
    assert float(rows[0]["accuracy"]) == best.scores.accuracy
    assert set(rows[0]) == set(records(comparison)[0])
    report = (tmp_path / best.member.name / "classification_report.txt").read_text()
    assert f"{best.scores.accuracy:.4f}" in report
    assert "macro avg" in report


def test_markdown_is_a_table(comparison):
    lines = as_markdown(comparison).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| model"))
    table = lines[start : start + 4]
    assert len({line.count("|") for line in table}) == 1
    assert table[1].count("---:") == len(columns(comparison)) - 1
    assert "**" in table[2]


@pytest.fixture
def csv_file(tmp_path) -> Path:
    usage = {"train": "Training", "validation": "PublicTest"}
    made = faces()
    lines = (
        f"{label},{' '.join(map(str, image.ravel()))},{usage[part]}"
        for image, label, part in zip(made.images, made.labels, made.split.tolist())
    )
    (tmp_path / "faces.csv").write_text("emotion,pixels,Usage\n" + "\n".join(lines) + "\n")
    return tmp_path / "faces.csv"


def test_command(runs, csv_file, monkeypatch):
    monkeypatch.setattr("mien.lab.compare.standing.latencies", lambda calls, _s: latencies(calls, 0.1))
    app = Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(runs / "pair"), str(runs / "seven"), "--data", str(csv_file)])
    assert done.exit_code == 0, done.output
    assert "…" not in done.output  # nothing is cut off
    assert "faces, validation: 50 images, 2 emotions" in done.stdout
    done = CliRunner().invoke(app, [str(runs / "seven"), "--data", str(csv_file), "--json"])
    result = json.loads(done.stdout)
    assert result["emotions"] == list(LABEL_SETS["seven"])
    assert result["verdict"] == []
    assert result["models"][0]["tuned_on_these_images"]


def test_a_model_that_has_learned_nothing_is_called_so(comparison):
    best, *others = comparison.standings
    lively = replace(best, guesses=np.arange(len(best.guesses)) % 2)
    dull = replace(best, guesses=np.zeros_like(best.guesses))
    assert not any("The same answer" in line for line in notes(replace(comparison, standings=(lively,))))
    told = notes(replace(comparison, standings=(dull, *others)))
    assert any(line.startswith(f"The same answer to every image: {best.member.name}") for line in told)
