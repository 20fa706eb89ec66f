"""Result files are known by what is in them, and taken for no other model's."""

import json

import pytest

from mien.errors import DataError
from mien.lab.cards.model_card import model_card
from mien.lab.cards.results import kept, measured

OTHER = {"name": "other", "sha256": "0" * 64, "head": ""}


def test_the_card_itself_is_the_first_result(card):
    found = measured(card, [])
    assert [one.kind for one in found.results] == ["evaluation"]
    assert found.of("evaluation")[0]["data"] == "fer2013"


def test_an_evaluation_takes_the_place_of_the_cards_own(card, write):
    newer = {**card.scores, "sha256": card.sha256, "date": "2030-01-01"}
    elsewhere = {**newer, "data": "photos"}
    found = measured(card, [write("a.json", newer), write("b.json", elsewhere)])
    assert [(one["data"], one["date"]) for one in found.of("evaluation")] == [
        ("fer2013", "2030-01-01"),
        ("photos", "2030-01-01"),
    ]


@pytest.mark.parametrize("hashed", [True, False])
def test_another_models_evaluation_is_refused(card, write, hashed):
    other = {**card.scores, "model": "other"} | ({"sha256": "0" * 64} if hashed else {})
    with pytest.raises(DataError, match="other"):
        measured(card, [write("evaluation.json", other)])
    assert (
        measured(card, [write("evaluation.json", dict(card.scores))]).results[0].vouched is False
    )  # an old file, by its name


def test_an_audit_of_another_model_is_refused_and_one_of_nobody_is_noted(card, audited):
    with pytest.raises(DataError, match="another model: got 'other'"):
        measured(card, [audited(model=OTHER)])
    assert not measured(card, [audited()]).notes
    (note,) = measured(card, [audited(model={})]).notes
    assert "does not say which model" in note


def test_of_several_models_only_ones_own_certainty_is_taken(card, write):
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    one = {
        "model": card.name, "head": "ferplus", "images": "official", "overall": {"n": 1, "accuracy": estimate}, "bins": {},
        "answered": {"rows": [], "coverage": [1], "risk": [0]}, "data": "fer2013", "split": "validation",
        "sha256": card.sha256,
    }  # fmt: skip
    other = {**one, "model": "other", "sha256": "0" * 64}
    (taken,) = measured(card, [write("u.json", [other, one])]).of("uncertainty")
    assert [head["model"] for head in taken["heads"]] == [card.name]
    assert "bins" not in taken["heads"][0]
    with pytest.raises(DataError, match="measured on other, expected default"):
        measured(card, [write("u.json", [other])])


def test_data_other_than_the_models_is_refused(card, write):
    inspection = {"name": "cats", "classes": {}, "copied_from_training": {}, "problems": {}}
    with pytest.raises(DataError, match="'cats', expected 'fer2013'"):
        measured(card, [write("i.json", inspection)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}', "got an object with 'a'"),
        ("[1, 2]", "got a list of 2"),
        ("7", "got a int"),
        ("{", "cannot be read as JSON"),
        ('{"stress": {"models": []}, "marks": []}', "not whole"),
    ],
)
def test_what_is_no_result_is_told_so(card, tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        measured(card, [path])
    with pytest.raises(DataError, match="no result file"):
        measured(card, [tmp_path / "nowhere.json"])


def test_kept_results_come_back_the_same_and_newer_ones_replace_them(card, audited, tmp_path):
    found = measured(card, [audited()])
    path = tmp_path / "kept.json"
    path.write_text(kept(card, found))
    again = measured(card, [path])
    assert [one.kind for one in again.results] == ["evaluation", "audit"]
    assert kept(card, again) == kept(card, measured(card, [path, path]))
    newer = measured(card, [path, audited(shares=(0.9, 0.9))]).of("audit")
    assert [one["attributes"][0]["verdict"] for one in newer] == ["no_difference"]
    strange = json.loads(path.read_text()) | {"model": OTHER}
    path.write_text(json.dumps(strange))
    with pytest.raises(DataError, match="another model"):
        measured(card, [path])


@pytest.mark.parametrize("content", ["x", 7, [1]])
def test_kept_results_that_are_damaged_are_told_so(card, write, content):
    one = {"kind": "evaluation", "vouched": True, "content": content}
    model = {"name": card.name, "sha256": card.sha256}
    with pytest.raises(DataError, match="not whole: got"):
        measured(card, [write("kept.json", {"kept": "mien card results", "model": model, "results": [one]})])


def test_an_evaluation_without_results_is_told_so(card, write):
    found = measured(card, [write("evaluation.json", {**card.scores, "sha256": card.sha256, "results": []})])
    with pytest.raises(DataError, match="not whole: got no scores"):
        model_card(card, found)
