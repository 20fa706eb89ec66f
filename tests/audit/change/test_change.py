"""Two models on the same images: planted changes are found, and none where nothing changed."""

import csv
import json

import numpy as np
import pytest

from mien.audit.change.joining import joined
from mien.audit.change.measuring import change
from mien.audit.change.values import Pair
from mien.audit.change.words import details, headline, verdict
from mien.audit.fairness.columns import Columns
from mien.audit.fairness.table import open_table
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
    return Pair(np.concatenate(rights), np.concatenate(laters), {"light": np.array(cells, object)})


SIZES = {"dark": 300, "bright": 900}


def test_a_gap_that_shrinks_is_found():
    rng = np.random.default_rng(1)
    pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.8}, {"dark": 0.75, "bright": 0.8})
    found = change(pair)
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
    assert headline(found).startswith("The gap by light shrank from ")
    assert verdict(light) == ("none", "The gap shrank")
    assert "Read better than before: dark (+" in details(light)
    back = change(Pair(pair.after, pair.before, pair.groups)).attributes[0]
    assert verdict(back) == ("gap", "The gap grew")
    assert back.gap is not None
    assert back.gap.difference == -light.gap.difference


def test_levelling_down_is_called_by_its_name():
    pair = read_twice(np.random.default_rng(2), SIZES, {"dark": 0.6, "bright": 0.85}, {"dark": 0.58, "bright": 0.65})
    assert "nobody is better off" in details(change(pair).attributes[0])


def test_nothing_is_found_where_nothing_changed():
    rng = np.random.default_rng(3)
    sizes, same = {"a": 60, "b": 150, "c": 300}, {"a": 0.6, "b": 0.7, "c": 0.75}
    gaps = groups = 0
    for _ in range(200):
        (light,) = change(read_twice(rng, sizes, same, same), draws=200).attributes
        gaps += light.gap is not None and light.gap.p_corrected < 0.05
        groups += any(group.p_corrected < 0.05 for group in light.groups)
    assert gaps <= 20  # at a level of 5 %, ten are expected; more than twenty come once in a thousand times
    assert groups <= 20


def test_a_gap_that_stays_while_all_gain_is_no_change_of_the_gap():
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(100):
        pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.7}, {"dark": 0.7, "bright": 0.8})
        gap = change(pair, draws=200).attributes[0].gap
        alarms += gap is not None and gap.p < 0.05
    assert alarms <= 13


def test_the_same_model_twice():
    right = np.array([True, False] * 20)
    found = change(Pair(right, right, {"g": np.array(["a", "b", "b", "a"] * 10, object)}))
    assert found.overall.p == 1
    assert found.overall.interval == (0, 0)
    assert found.attributes[0].gap is not None
    assert found.attributes[0].gap.p == 1
    assert "No change of the gap by g" in headline(found)


def test_small_groups_take_no_part():
    cells = np.array(["a"] * 10 + ["b"] * 3, object)
    found = change(Pair(np.ones(13, bool), np.zeros(13, bool), {"g": cells}))
    assert found.attributes[0].gap is None
    assert found.comparisons == 1
    assert [group.compared for group in found.attributes[0].groups] == [True, False]
    with pytest.raises(OptionError, match="at least 2 images"):
        change(Pair(np.ones(13, bool), np.zeros(13, bool), {"g": cells}), least=1)


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

        return joined(open_table(Path(one)), open_table(Path(other)), Columns(("gender",)))

    return ran


def test_images_are_joined_by_name_whatever_their_order(join):
    pair = join([("b.png", "Sadness", "sad", "x"), ("c.png", "sad", "sad", "x"), ("a.png", "joy", "sad", "x")])
    assert pair.before.tolist() == [True, False]
    assert pair.after.tolist() == [False, True]
    assert pair.groups["gender"].tolist() == ["f", "m"]  # groups are those of the first table
    assert pair.notes[0].startswith("1 of 3 images are only in ")


def test_tables_that_do_not_match(join):
    with pytest.raises(DataError, match="share no image: got names such as 'a.png' and 'A.PNG'"):
        join([("A.PNG", "happy", "sad")])
    with pytest.raises(DataError, match="1 images are labeled otherwise .* 'b.png': sad in .*, angry in"):
        join([("a.png", "happy", "sad"), ("b.png", "angry", "sad")])
    with pytest.raises(DataError, match="1 images have several rows, such as 'a.png'"):
        join([("a.png", "happy", "sad"), ("a.png", "happy", "happy")])
    with pytest.raises(DataError, match="no image has a prediction in both"):
        join([("a.png", "happy", ""), ("b.png", "sad", "")])
    pair = join([("a.png", "happy", ""), ("b.png", "sad", "sad")])
    assert len(pair) == 1
    assert "found no face" in pair.notes[-1]


def test_the_command_writes_a_whole_report(write, tmp_path, capsys):
    from pathlib import Path

    from mien.cli.change import change as command

    rng = np.random.default_rng(5)
    pair = read_twice(rng, SIZES, {"dark": 0.6, "bright": 0.8}, {"dark": 0.8, "bright": 0.8})
    rows = {"image": range(1200), "truth": ["happy"] * 1200, "light": pair.groups["light"]}
    files = [
        Path(write({**rows, "predicted": np.where(right, "happy", "sad")}, f"{name}.csv"))
        for name, right in (("before", pair.before), ("after", pair.after))
    ]
    out = tmp_path / "change"
    command(*files, groups=["light"], draws=500, out=out)
    assert capsys.readouterr().out.startswith("The gap by light shrank")
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["change.html", "change.png", "change.csv", "change_of_gaps.csv", "change.json"]
    )
    page = (out / "change.html").read_text("utf-8")
    assert "<script" not in page
    assert "://" not in page
    assert 'class="track bells better"' in page
    made = json.loads((out / "change.json").read_text("utf-8"))
    assert made["attributes"][0]["verdict"] == "The gap shrank"
    written = list(csv.DictReader((out / "change.csv").read_text("utf-8").splitlines()))
    assert [row["name"] for row in written] == ["all", "dark", "bright"]
    assert float(written[1]["difference_low"]) > 0.1
    assert (out / "change.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="holds a report already"):
        command(*files, groups=["light"], draws=500, out=out)
