"""Result files are recognized by their fields and refused for other models."""

import json

import pytest

from mien.errors import DataError
from mien.lab.cards.results import Kind, read_results

OTHER = {"name": "other", "sha256": "0" * 64, "head": ""}


def test_the_card_itself_is_the_first_result(card):
    found = read_results(card)
    assert [one.kind for one in found.results] == [Kind.EVALUATION]
    assert found.evaluations[0].data == "fer2013"


def test_an_evaluation_replaces_that_of_the_card(card, write):
    newer = {**card.scores, "sha256": card.sha256, "date": "2030-01-01"}
    found = read_results(card, [write("a.json", newer), write("b.json", {**newer, "data": "photos"})])
    assert [(one.data, one.date) for one in found.evaluations] == [("fer2013", "2030-01-01"), ("photos", "2030-01-01")]


@pytest.mark.parametrize("sha256", ["0" * 64, ""])
def test_an_evaluation_of_another_model_is_refused(card, write, sha256):
    with pytest.raises(DataError):
        read_results(card, [write("evaluation.json", {**card.scores, "sha256": sha256})])


def test_an_audit_without_a_model_is_unverified(card, audited):
    with pytest.raises(DataError):
        read_results(card, [audited(model=OTHER)])
    assert not read_results(card, [audited()]).unverified
    path = audited(model={})
    assert read_results(card, [path]).unverified == (path,)


def test_only_the_models_own_calibration_is_taken(card, write):
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    overall = {"n": 1, "accuracy": estimate, "ece": estimate, "ece_refitted": None, "nll": estimate, "brier": estimate}
    answered = {"rows": [], "area": 0.1, "best": 0.1, "coverage": [1], "risk": [0]}
    one = {
        "model": card.name, "head": "ferplus", "images": "official", "overall": overall, "bins": {}, "label_sets": {},
        "votes": None, "mixed": None, "answered": answered, "data": "fer2013", "split": "validation",
        "sha256": card.sha256,
    }  # fmt: skip
    other = {**one, "model": "other", "sha256": "0" * 64}
    (taken,) = read_results(card, [write("u.json", [other, one])]).calibrations
    assert [head.model for head in taken] == [card.name]
    assert taken[0].overall.accuracy.high == 0.6
    with pytest.raises(DataError):
        read_results(card, [write("u.json", [other])])


def test_an_inspection_of_other_data_is_refused(card, write):
    inspection = {"name": "cats", "classes": {}, "copied_from_training": {}, "problems": {}}
    with pytest.raises(DataError):
        read_results(card, [write("i.json", inspection)])


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", "7", "{", '{"robustness": {"models": []}, "conditions": []}'])
def test_other_files_are_refused(card, tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError):
        read_results(card, [path])
    with pytest.raises(DataError):
        read_results(card, [tmp_path / "missing.json"])


def test_an_incomplete_evaluation_is_refused(card, write):
    with pytest.raises(DataError):
        read_results(card, [write("e.json", {**card.scores, "sha256": card.sha256, "results": [{}]})])


def test_kept_results_are_read_again_and_replaced_by_newer_ones(card, audited, tmp_path):
    path = tmp_path / "kept.json"
    path.write_text(read_results(card, [audited()]).to_json(card))
    again = read_results(card, [path])
    assert [one.kind for one in again.results] == [Kind.EVALUATION, Kind.AUDIT]
    assert again.to_json(card) == read_results(card, [path, path]).to_json(card)
    newer = read_results(card, [path, audited(shares=(0.9, 0.9))]).of(Kind.AUDIT)
    assert [one["attributes"][0]["verdict"] for one in newer] == ["no_difference"]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": OTHER}))
    with pytest.raises(DataError):
        read_results(card, [path])


@pytest.mark.parametrize("content", ["x", 7, [1]])
def test_damaged_kept_results_are_refused(card, write, content):
    one = {"kind": "evaluation", "verified": True, "content": content}
    model = {"name": card.name, "sha256": card.sha256}
    with pytest.raises(DataError):
        read_results(card, [write("kept.json", {"kept": "mien card results", "model": model, "results": [one]})])
