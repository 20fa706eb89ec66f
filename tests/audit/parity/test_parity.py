"""Shares of predictions, without right answers: what can be told of them, and what cannot."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mien.audit.fairness.auditing import audit
from mien.audit.fairness.columns import Columns, predictions_of
from mien.audit.fairness.table import open_table
from mien.audit.fairness.values import Predictions
from mien.audit.parity.comparing import parity
from mien.audit.parity.shares import counted, shares
from mien.audit.parity.words import CAUTION, headline, needs, verdict
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError, OutputError

from ..fairness.test_command import run as run  # noqa: PLC0414

NAMES = EMOTIONS[:3]


def predicted(groups, rng, found=1.0, abstained=0.0) -> Predictions:
    """Made-up predictions: name of the group -> how many images, and how likely each emotion is."""
    said = np.concatenate([rng.choice(3, n, p=chances) for n, chances in groups.values()])
    seen = rng.random(len(said)) < found
    cells = np.concatenate([np.full(n, name, object) for name, (n, _) in groups.items()])
    return Predictions(
        NAMES,
        np.full(len(said), -1),
        np.where(seen, said, -1),
        (rng.random(len(said)) < abstained) & seen if abstained else None,
        None,
        found < 1,
        {"group": cells},
    )


ALIKE = (0.5, 0.3, 0.2)


def test_counts_and_shares_are_those_of_the_images():
    said = np.array([0, 0, 1, -1, 2, 2, 2, -1])
    abstained = np.array([0, 1, 0, 0, 0, 0, 1, 0], bool)
    cells = np.array(["a"] * 4 + ["b"] * 4, object)
    made = Predictions(NAMES, np.full(8, -1), said, abstained, None, True, {"group": cells})
    counts = counted(made, np.array([0] * 4 + [1] * 3 + [-1]), 2)
    assert counts.tolist() == [[[1, 1, 1, 0, 1, 0, 0]], [[0, 0, 0, 2, 0, 0, 1]]]
    assert shares(counts)[0] == pytest.approx([2 / 3, 1 / 3, 0, 3 / 4, 1 / 3])
    assert shares(counts)[1] == pytest.approx([0, 0, 1, 1, 1 / 3])
    group = parity(made, least=2, draws=100).attributes[0].groups[0]
    assert group.said == dict(zip(NAMES, (2, 1, 0)))
    assert group.shares[NAMES[0]].value == pytest.approx(2 / 3)
    low, high = group.shares[NAMES[0]].interval
    assert 0 < low < 2 / 3 < high < 1
    assert (group.n, group.judged) == (4, 3)
    assert (group.found.value, group.abstained.value) == (3 / 4, 1 / 3)


def test_a_planted_difference_is_found_and_told_as_a_question():
    rng = np.random.default_rng(0)
    found = parity(predicted({"a": (600, ALIKE), "b": (600, (0.35, 0.45, 0.2))}, rng), draws=400)
    (by_group,) = found.attributes
    gaps = {gap.measure: gap for gap in by_group.gaps}
    assert set(gaps) == {f"share of {name}" for name in NAMES}
    gap = gaps[f"share of {NAMES[1]}"]
    assert (gap.highest, gap.lowest) == ("b", "a")
    assert gap.interval[0] < 0.15 < gap.interval[1]
    assert gap.p_corrected < 0.05 < gaps[f"share of {NAMES[2]}"].p_corrected
    said = verdict(by_group)
    assert said.kind == "gap"
    assert said.short == "Groups differ: ask why"
    assert f"{NAMES[1].capitalize()} is read in" in said.text or f"{NAMES[0].capitalize()} is read in" in said.text
    assert headline(found).startswith("Groups get different readings, by group (up to ")
    assert "question" in CAUTION


def test_alike_groups_raise_an_alarm_no_more_often_than_the_level():
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        made = predicted({"a": (150, ALIKE), "b": (60, ALIKE), "c": (20, ALIKE)}, rng, found=0.9, abstained=0.2)
        (by_group,) = parity(made, draws=200, seed=seed).attributes
        alarms += min(gap.p_corrected for gap in by_group.gaps) < 0.05
    assert alarms <= 11  # of 100 at 5 %: binomial, 99 %


def test_fewer_faces_found_are_told_first():
    rng = np.random.default_rng(1)
    made = predicted({"a": (400, ALIKE), "b": (400, (0.2, 0.6, 0.2))}, rng, found=0.99)
    lost = np.where((made.groups["group"] == "b") & (rng.random(800) < 0.2), -1, made.said)
    (by_group,) = parity(replace(made, said=lost), draws=400).attributes
    said = verdict(by_group).text
    assert said.startswith("A face is found in")
    assert "served worse" in said


def test_few_images_say_that_they_are_few():
    rng = np.random.default_rng(2)
    found = parity(predicted({"a": (20, ALIKE), "b": (20, ALIKE), "c": (2, ALIKE)}, rng), draws=200)
    (by_group,) = found.attributes
    assert verdict(by_group).kind == "small"
    assert headline(found).startswith("Nobody can say yet")
    assert "c (2)" in found.notes[-1]
    assert "more photos needed to see 10 points" in needs(by_group.groups[0])
    enough = parity(predicted({"a": (900, ALIKE), "b": (900, ALIKE)}, rng), draws=200).attributes[0]
    assert verdict(enough).kind == "none"
    assert needs(enough.groups[0]) == ""
    alone = parity(predicted({"a": (20, ALIKE), "b": (2, ALIKE)}, rng), draws=200).attributes[0]
    assert verdict(alone).short == "Nothing can be concluded"


def test_a_group_without_a_face_has_no_shares():
    rng = np.random.default_rng(3)
    made = predicted({"a": (30, ALIKE), "b": (30, ALIKE), "c": (30, ALIKE)}, rng, found=0.9)
    blind = replace(made, said=np.where(made.groups["group"] == "c", -1, made.said))
    group = parity(blind, draws=100).attributes[0].groups[2]
    assert set(group.shares.values()) == {None}
    assert group.found.value == 0


def test_the_same_seed_gives_the_same_figures():
    made = predicted({"a": (40, ALIKE), "b": (40, ALIKE)}, np.random.default_rng(4))
    assert parity(made, draws=100, seed=5) == parity(made, draws=100, seed=5) != parity(made, draws=100, seed=6)


def test_crossings_and_what_cannot_be_meant():
    made = predicted({"a": (40, ALIKE), "b": (40, ALIKE)}, np.random.default_rng(5))
    both = replace(made, groups={**made.groups, "half": np.array(["x", "y"] * 40, object)})
    assert [one.name for one in parity(both, cross=True, draws=100).attributes] == ["group", "half", "group x half"]
    with pytest.raises(OptionError, match="no column of groups"):
        parity(replace(made, groups={}))
    with pytest.raises(OptionError, match="least, draws"):
        parity(made, draws=1)
    with pytest.raises(OptionError, match="without right answers"):
        audit(made)


@pytest.fixture
def table(write):
    rng = np.random.default_rng(6)
    said = np.concatenate([rng.choice(["happy", "sad", ""], 400, p=p) for p in ((0.6, 0.35, 0.05), (0.3, 0.65, 0.05))])
    return write({"predicted": said, "place": ["<day>"] * 400 + ["night"] * 400, "what": ["bored"] * 800})


def test_right_answers_are_not_looked_at(write):
    from pathlib import Path

    path = Path(write({"truth": ["bored", "7", ""], "predicted": ["happy", "sad", "sad"], "g": ["a", "b", "b"]}))
    made = predictions_of(open_table(path), Columns(("g",), no_truth=True))
    assert not made.has_truth
    assert len(made) == 3
    assert made.emotions == ("happy", "sad")
    with pytest.raises(DataError, match="'bored'"):
        predictions_of(open_table(path), Columns(("g",)))


def test_only_who_asks_for_it_gets_shares(run, table):
    with pytest.raises(DataError, match="no column of right answers"):
        run(table, "--groups", "place")
    with pytest.raises(DataError, match="no column 'trth'"):
        run(table, "--groups", "place", "--truth", "trth")
    with pytest.raises(OptionError, match="contradict"):
        run(table, "--groups", "place", "--truth", "what", "--no-truth")
    with pytest.raises(OptionError, match="no column of groups"):
        run(table, "--no-truth")


def test_all_files_are_written(run, table, tmp_path):
    out = tmp_path / "audit"
    shown = run(table, "--groups", "place", "--no-truth", "--draws", 200, "--out", out)
    assert shown.startswith("Groups get different readings, by place (up to ")
    assert "There are no right answers here" in shown
    names = ("report.html", "shares.png", "gaps.png", "groups.csv", "gaps.csv", "audit.json")
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    with (out / "groups.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["n"]) for row in rows] == [("<day>", "400"), ("night", "400")]
    assert float(rows[0]["share_happy"]) == pytest.approx(0.63, abs=0.06)
    assert float(rows[0]["share_happy_low"]) < float(rows[0]["share_happy"]) < float(rows[0]["share_happy_high"])
    page = (out / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|<script|src=", page)
    assert "&lt;day&gt;" in page
    assert "<day>" not in page
    assert CAUTION[:40] in page
    for image in ("shares.png", "gaps.png"):
        assert (out / image).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="holds an audit already"):
        run(table, "--groups", "place", "--no-truth", "--out", out)
    found = json.loads(run(table, "--groups", "place", "--no-truth", "--json", "--draws", 200))
    assert found["caution"] == CAUTION
    assert found["attributes"][0]["verdict"] == "gap"
