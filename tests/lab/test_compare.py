"""Model comparison: common images and emotions, significance."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from mien.cli.lab_evaluate import compare as command
from mien.emotions import EMOTIONS, LABEL_SETS
from mien.errors import DataError, ModelError, OptionError
from mien.lab.comparison import build_test_set, common_task, compare, latencies
from mien.lab.comparison_models import Engine, Model, Selection, open_models, read_history
from mien.lab.comparison_report import as_dict, comparison_report, notes, pareto_front, verdict, write_report
from mien.lab.ensembles import ensemble
from mien.lab.evaluation.classifier import open_classifier
from mien.lab.recipe import Head, changed
from mien.lab.training.run import train
from mien.model.card import HeadCard
from mien.stats import holm, mcnemar

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
    """A run with seven emotions that kept its best epoch, and a shorter one for happy and sad."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.lab.training.run.chosen_precision", lambda recipe: "32-true")
        patch.setattr("mien.lab.training.run.save", lambda figure, path: None)
        seven = tiny(keep="best", epochs=2)
        train(seven, faces(), folder / "seven")
        pair = changed(tiny(epochs=1), {"name": "pair", "heads": {"pair": {"emotions": "happy-sad"}}})
        train(pair, faces(), folder / "pair")
    return folder


@pytest.fixture(scope="module")
def comparison(runs):
    return compare([runs / "pair", runs / "seven"], faces(), seconds=0.1)


def result_of(comparison, name):
    return next(one for one in comparison.results if one.model.name == name)


def test_a_run_has_its_history_and_size(runs):
    seven, pair = open_models([runs / "seven", runs / "pair"])
    rows = list(csv.DictReader((runs / "seven" / "history.csv").read_text().splitlines()))
    best = max(rows, key=lambda row: float(row["val_score"]))
    assert seven.history.kept_value("epoch") == float(best["epoch"])
    assert seven.history.seconds == pytest.approx(sum(float(row["seconds"]) for row in rows))
    assert pair.history.kept_value("epoch") == 1
    assert seven.trained > pair.trained  # seven outputs in place of two
    assert seven.fixed == 2 * (8 + 16)  # mean and variance of each channel of two batch norms
    assert seven.size == (runs / "seven" / "best.ckpt").stat().st_size
    assert (seven.selected, pair.selected) == ((Selection.EPOCH,), ())


def test_models_are_evaluated_on_the_emotions_that_all_know(comparison):
    assert comparison.task.emotions == ("happy", "sad")
    assert {one.scores.n for one in comparison.results} == {50}
    assert comparison.results[0].p is None


def test_a_model_of_seven_emotions_chooses_among_two(runs, comparison):
    part = faces().part("validation")
    logits = open_classifier(runs / "seven").logits(part.images)["fer2013"]
    assert np.array_equal(result_of(comparison, "seven").y_pred, logits[:, ORDER].argmax(1))


def test_copies_of_training_images_are_left_out_of_dedup(comparison):
    assert comparison.test_set.copies.sum() == 20
    assert result_of(comparison, "seven").dedup.n == 30


def test_models_selected_on_these_images_are_optimistic(comparison):
    assert [one.model.name for one in comparison.results if comparison.optimistic(one)] == ["seven"]
    test = replace(comparison, split="test")
    assert not any(test.optimistic(one) for one in test.results)
    assert len(notes(test)) < len(notes(comparison))


def test_a_recipes_drawn_part_narrows_the_images_for_all(runs):
    models = open_models([runs / "pair", runs / "seven"])
    drawing = changed(models[0].recipe, {"data.inner": 0.2, "data.evaluation_counts": {"happy": 9, "sad": 7}})
    used = build_test_set(common_task(models), [replace(models[0], recipe=drawing), models[1]], faces(), "validation")
    assert np.bincount(used.y_true).tolist() == [9, 7]
    assert used.not_in_recipe == 50 - 16


def test_the_head_trained_on_labels_is_used():
    (default,) = open_models([Path("default")])
    assert common_task([default]).heads == {"default": "fer2013"}
    by_votes = common_task([default], "ferplus")
    assert (by_votes.heads, by_votes.truth) == ({"default": "ferplus"}, "votes")
    with pytest.raises(DataError):
        build_test_set(by_votes, [default], replace(faces(), votes=None), "validation")
    with pytest.raises(OptionError):
        common_task([default], "mouth")


def with_head(model: Model, name: str, emotions: tuple[str, ...]) -> Model:
    heads, marks = {"labels": HeadCard(emotions)}, {"labels": Head()}
    return replace(model, name=name, classifier=replace(model.classifier, heads=heads, recipe_heads=marks))


def test_models_without_common_emotions_are_refused(runs):
    (pair,) = open_models([runs / "pair"])
    with pytest.raises(ModelError):
        common_task([with_head(pair, "a", EMOTIONS[:2]), with_head(pair, "b", EMOTIONS[2:4])])


def test_data_without_common_images_is_refused(runs):
    models = open_models([runs / "pair"])
    angry = replace(faces(), labels=np.zeros(200, np.int64))
    with pytest.raises(DataError):
        build_test_set(common_task(models), models, angry, "validation")
    with pytest.raises(DataError):
        build_test_set(common_task(models), models, faces(), "test")


def test_names_are_unique_and_no_model_comes_twice(runs, tmp_path):
    (tmp_path / "seven").mkdir()
    with pytest.raises(OptionError):
        open_models([runs / "pair", runs / "seven" / ".." / "pair"])
    with pytest.raises(ModelError):
        open_models([tmp_path / "seven"])
    models = open_models([runs / "pair", runs / "pair" / "last.ckpt", runs / "seven" / "last.ckpt"])
    assert [model.name for model in models] == ["pair", "pair:last", "seven:last"]
    twin = tmp_path / "copy" / "pair"
    twin.mkdir(parents=True)
    (twin / "last.ckpt").write_bytes((runs / "pair" / "last.ckpt").read_bytes())
    models = open_models([runs / "pair", twin])
    assert [model.name for model in models] == [f"{runs.name}/pair", "copy/pair"]
    assert models[1].history is None


def test_equal_models_are_not_distinguished(runs, tmp_path):
    (tmp_path / "last.ckpt").write_bytes((runs / "pair" / "last.ckpt").read_bytes())
    result = compare([tmp_path, runs / "pair"], faces(), seconds=0.1)
    assert [one.p for one in result.results] == [None, 1.0]
    assert result.not_distinguished == [result.results[1]]
    assert not result.significantly_worse
    assert sorted(row["training_seconds"] is None for row in as_dict(result)["models"]) == [False, True]


@pytest.mark.slow
def test_an_ensemble_of_runs_inherits_their_selections(runs, tmp_path):
    ensemble([runs / "pair", runs / "seven"], faces(), tmp_path / "two.onnx", stacked=True)
    both, pair, seven = open_models([tmp_path / "two.onnx", runs / "pair", runs / "seven"])
    assert (both.engine, both.name) == (Engine.ONNX, "two")
    assert both.trained == pair.trained + seven.trained
    assert both.selected == (Selection.EPOCH, Selection.STACK)
    assert common_task([both, seven]).emotions == LABEL_SETS["happy-sad"]


def test_partial_histories_are_read_and_damaged_ones_refused(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("epoch,val_loss,val_score\n1,2.0,0.4\n2,1.0,0.4\n3,,\n")
    assert read_history(tmp_path, "best").kept == 0  # of equal ones the first
    assert read_history(tmp_path, "best", "loss").kept == 1
    assert read_history(tmp_path, "last").kept_value("val_loss") is None
    path.write_text("epoch,val_loss\n")
    assert read_history(tmp_path, "last") is None
    path.write_text("epoch,val_loss\n1,much\n")
    with pytest.raises(DataError):
        read_history(tmp_path, "last")


def test_mcnemar_and_holm_by_hand():
    first = np.array([True] * 9 + [False] + [True] * 20)
    second = np.array([False] * 9 + [True] + [True] * 20)
    assert mcnemar(first, second) == pytest.approx(2 * (1 + 10) / 2**10)
    assert mcnemar(first, first) == 1
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_the_pareto_front_has_the_models_that_none_beats():
    assert pareto_front(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.5, 0.4, 0.7, 0.7])) == [0, 2]


def test_a_slower_call_takes_longer():
    quick, slow = latencies([lambda _n: sum(range(10)), lambda _n: sum(range(100_000))], seconds=0.05)
    assert 0 < quick.median < slow.median
    assert slow.quartiles[0] <= slow.median <= slow.quartiles[1]


def test_files_have_the_values_of_the_comparison(comparison, tmp_path):
    best = comparison.results[0]
    written = write_report(replace(comparison, results=(best,)), tmp_path)  # every figure takes its time
    assert all(path.stat().st_size for path in written)
    assert {"compare.csv", "compare.json", "compare.md", "compare.html", "curves.png", "accuracy_latency.png"} <= {
        path.name for path in written
    }
    rows = list(csv.DictReader((tmp_path / "compare.csv").read_text().splitlines()))
    assert rows[0]["model"] == best.model.name
    assert float(rows[0]["accuracy"]) == best.scores.accuracy
    assert set(rows[0]) == set(as_dict(comparison)["models"][0])
    report = (tmp_path / best.model.name / "classification_report.txt").read_text()
    assert f"{best.scores.accuracy:.4f}" in report


def test_the_table_has_a_row_per_model_and_no_empty_column(comparison):
    table = comparison_report(comparison, figures=False).blocks[0]
    assert len(table.rows) == 2
    assert all(any(cell is not None for cell in column) for column in zip(*table.rows))
    assert {len(row) for row in table.rows} == {len(table.columns)}


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


def test_the_command_prints_a_table_or_json(runs, csv_file, monkeypatch):
    monkeypatch.setattr("mien.lab.comparison.latencies", lambda calls, _s: latencies(calls, 0.1))
    app = Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(runs / "pair"), str(runs / "seven"), "--data", str(csv_file)])
    assert done.exit_code == 0, done.output
    assert "…" not in done.output  # nothing is cut off
    done = CliRunner().invoke(app, [str(runs / "seven"), "--data", str(csv_file), "--json"])
    result = json.loads(done.stdout)
    assert result["emotions"] == list(LABEL_SETS["seven"])
    assert result["significantly_worse"] == []
    assert result["models"][0]["tuned_on_these_images"]


def test_a_model_that_predicts_one_class_is_noted(comparison):
    best, other = (replace(one, y_pred=np.arange(len(one.y_pred)) % 2) for one in comparison.results)
    constant = replace(best, y_pred=np.zeros_like(best.y_pred))
    told = notes(replace(comparison, results=(constant, other)))
    assert len(told) == len(notes(replace(comparison, results=(best, other)))) + 1
    assert verdict(comparison)
