"""Comparison of two models on the same images: planted changes are found, and no others."""

import csv
import json

import numpy as np
import pytest

from mien.audit.compare import GapTrend, compare_pair
from mien.audit.compare_report import FILES
from mien.audit.predictions import Columns, PairedPredictions, join_predictions
from mien.audit.table import open_table
from mien.errors import DataError, OptionError, OutputError


def read_twice(rng, sizes, before, after, agree=0.8):
    """A pair; each group's images are right so often before and after, and most of the time in both or in neither."""
    rights, laters, cells = [], [], []
    for name, n in sizes.items():
        luck = rng.random(n)
        again = np.where(rng.random(n) < agree, luck, rng.random(n))
        rights.append(luck < before[name])
        laters.append(again < after[name])
        cells += [name] * n
    return PairedPredictions(np.concatenate(rights), np.concatenate(laters), {"light": np.array(cells, object)})


SIZES = {"dark": 300, "bright": 900}


def test_a_gap_that_shrinks_is_found():
    rng = np.random.default_rng(1)
    pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.8}, {"dark": 0.75, "bright": 0.8})
    found = compare_pair(pair)
    (light,) = found.attributes
    dark = next(group for group in light.groups if group.name == "dark")
    assert dark.interval[0] < 0.15 < dark.interval[1]
    assert dark.p_corrected < 0.001
    assert dark.gained - dark.lost == round(dark.difference * 300)
    assert light.gap is not None
    assert (light.gap.before.lowest, light.gap.before.highest) == ("dark", "bright")
    assert light.gap.difference < 0
    assert light.gap.interval[0] < -0.15 < light.gap.interval[1]
    assert light.gap.p_corrected < 0.01
    assert light.verdict is GapTrend.NARROWED
    assert [group.name for group in light.groups if group.significant] == ["dark"]
    assert not light.leveled_down
    back = compare_pair(PairedPredictions(pair.after, pair.before, pair.groups)).attributes[0]
    assert back.verdict is GapTrend.WIDENED
    assert back.gap is not None
    assert back.gap.difference == -light.gap.difference


def test_leveling_down_is_reported():
    pair = read_twice(np.random.default_rng(2), SIZES, {"dark": 0.6, "bright": 0.85}, {"dark": 0.58, "bright": 0.65})
    assert compare_pair(pair).attributes[0].leveled_down


@pytest.mark.slow
def test_equal_windows_show_no_drift():
    rng = np.random.default_rng(3)
    sizes, same = {"a": 60, "b": 150, "c": 300}, {"a": 0.6, "b": 0.7, "c": 0.75}
    gaps = groups = 0
    for _ in range(200):
        (light,) = compare_pair(read_twice(rng, sizes, same, same), resamples=200).attributes
        gaps += light.gap is not None and light.gap.p_corrected < 0.05
        groups += any(group.p_corrected < 0.05 for group in light.groups)
    assert gaps <= 20  # at a level of 5 %, ten are expected; more than twenty come once in a thousand times
    assert groups <= 20


@pytest.mark.slow
def test_a_gap_that_stays_while_all_gain_is_no_change_of_the_gap():
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(100):
        pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.7}, {"dark": 0.7, "bright": 0.8})
        gap = compare_pair(pair, resamples=200).attributes[0].gap
        alarms += gap is not None and gap.p < 0.05
    assert alarms <= 13


def test_the_same_model_twice():
    right = np.array([True, False] * 20)
    found = compare_pair(PairedPredictions(right, right, {"g": np.array(["a", "b", "b", "a"] * 10, object)}))
    assert found.overall.p == 1
    assert found.overall.interval == (0, 0)
    assert found.attributes[0].gap is not None
    assert found.attributes[0].gap.p == 1
    assert found.attributes[0].verdict is GapTrend.INCONCLUSIVE


def test_small_groups_take_no_part():
    cells = np.array(["a"] * 10 + ["b"] * 3, object)
    found = compare_pair(PairedPredictions(np.ones(13, bool), np.zeros(13, bool), {"g": cells}))
    assert found.attributes[0].gap is None
    assert found.attributes[0].verdict is GapTrend.NOT_COMPARED
    assert found.n_comparisons == 1
    assert [group.compared for group in found.attributes[0].groups] == [True, False]
    with pytest.raises(OptionError):
        compare_pair(PairedPredictions(np.ones(13, bool), np.zeros(13, bool), {"g": cells}), min_group_size=1)


def tables(write, after, before=(("a.png", "happy", "happy", "f"), ("b.png", "sad", "happy", "m"))):
    names = ("image", "truth", "predicted", "gender")
    one = write({name: [row[i] for row in before] for i, name in enumerate(names)}, "before.csv")
    other = write({name: [row[i] for row in after] for i, name in enumerate(names[: len(after[0])])}, "after.csv")
    return one, other


@pytest.fixture
def join(write, tmp_path):
    def ran(after, **more):
        one, other = tables(write, after, **more)
        from pathlib import Path

        return join_predictions(open_table(Path(one)), open_table(Path(other)), Columns(("gender",)))

    return ran


def test_images_are_joined_by_name_whatever_their_order(join):
    pair = join([("b.png", "Sadness", "sad", "x"), ("c.png", "sad", "sad", "x"), ("a.png", "joy", "sad", "x")])
    assert pair.before.tolist() == [True, False]
    assert pair.after.tolist() == [False, True]
    assert pair.groups["gender"].tolist() == ["f", "m"]  # groups are those of the first table
    assert len(pair.notes) == 1


def test_tables_that_do_not_match(join):
    with pytest.raises(DataError):
        join([("A.PNG", "happy", "sad")])
    with pytest.raises(DataError):
        join([("a.png", "happy", "sad"), ("b.png", "angry", "sad")])
    with pytest.raises(DataError):
        join([("a.png", "happy", "sad"), ("a.png", "happy", "happy")])
    with pytest.raises(DataError):
        join([("a.png", "happy", ""), ("b.png", "sad", "")])
    pair = join([("a.png", "happy", ""), ("b.png", "sad", "sad")])
    assert len(pair) == 1
    assert len(pair.notes) == 1


def test_the_command_writes_all_files(run, write, tmp_path):
    rng = np.random.default_rng(5)
    pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.8}, {"dark": 0.8, "bright": 0.8})
    rows = {"image": range(1200), "truth": ["happy"] * 1200, "light": pair.groups["light"]}
    files = [
        write({**rows, "predicted": np.where(right, "happy", "sad")}, f"{name}.csv")
        for name, right in (("before", pair.before), ("after", pair.after))
    ]
    out = tmp_path / "compare"
    words = ("compare", *files, "--groups", "light", "--resamples", 500, "--out", out)
    run(*words)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    page = (out / "compare.html").read_text("utf-8")
    assert "<script" not in page
    assert "://" not in page
    made = json.loads((out / "compare.json").read_text("utf-8"))
    assert made["attributes"][0]["verdict"] == GapTrend.NARROWED.value
    written = list(csv.DictReader((out / "groups.csv").read_text("utf-8").splitlines()))
    assert [row["name"] for row in written] == ["all", "dark", "bright"]
    assert float(written[1]["difference_low"]) > 0.1
    assert (out / "compare.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError):
        run(*words)
