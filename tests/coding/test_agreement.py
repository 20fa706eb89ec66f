"""Agreement with a coder; coefficients are compared with scikit-learn's and with calculations by hand."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from mien import agreement
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError
from mien.io.annotations import Annotation
from mien.io.tables import columns, write_table
from mien.raters import alpha_of_coincidences, cohen_kappa, krippendorff_alpha

from ..timelines.conftest import steady, video_rows

#: 4 s happy, 4 s sad, 2 s unsure.
WORDS = ["happy"] * 40 + ["sad"] * 40 + ["sad?"] * 20


@pytest.fixture
def talk(tmp_path):
    path = tmp_path / "talk.csv"
    write_table(path, columns(EMOTIONS, video=True), video_rows(steady(WORDS), "talk.mp4"))
    return path


def spans(result):
    return [(one.start_s, one.end_s, one.human, one.machine) for one in result.disagreements]


def test_coefficients_of_confusions():
    rng = np.random.default_rng(0)
    first, second = rng.integers(3, size=200), rng.integers(3, size=200)
    second[:120] = first[:120]
    confusion = np.zeros((3, 3))
    np.add.at(confusion, (first, second), 1)
    assert cohen_kappa(confusion) == pytest.approx(cohen_kappa_score(first, second))
    units = [[str(a), str(b)] for a, b in zip(first, second)]
    assert alpha_of_coincidences(confusion + confusion.T) == pytest.approx(krippendorff_alpha(units))
    assert cohen_kappa(np.zeros((2, 2))) is None
    assert cohen_kappa(np.diag([5.0, 0.0])) is None
    assert cohen_kappa(np.array([[20.0, 5], [10, 15]])) == pytest.approx(0.4)  # observed 0.7, by chance 0.5


def test_values_by_hand(talk):
    # The coder is 1 s late; joy is an alias
    result = agreement(talk, [Annotation(0, 5, "joy"), Annotation(5, 10, "sadness"), Annotation(2, 3, "waves")])
    assert (result.coded_s, result.compared_s, result.unsure_s, result.unseen_s) == pytest.approx((10, 8, 2, 0))
    first = result.coefficients[0]
    assert first.agreement == pytest.approx(7 / 8)
    # rows: the coder's 5 s happy, 3 s sad; columns: the table's 4 s and 4 s
    assert result.labels == ("happy", "sad")
    assert first.confusion.tolist() == [pytest.approx([4, 1]), pytest.approx([0, 3])]
    chance = (5 * 4 + 3 * 4) / 64
    assert first.kappa == pytest.approx((7 / 8 - chance) / (1 - chance))
    assert spans(result) == [(pytest.approx(4), pytest.approx(5), "happy", "sad")]
    assert result.ignored == ("waves",)


def test_tolerance(talk):
    coded = [Annotation(0, 5, "happy"), Annotation(5, 8, "sad")]
    result = agreement(talk, coded, tolerances_s=(1.0, 0.0, 0.5))
    assert [one.tolerance_s for one in result.coefficients] == [0, 0.5, 1]
    assert [round(8 * one.agreement, 3) for one in result.coefficients] == [7, 7.5, 8]
    assert result.coefficients[-1].kappa == 1
    assert agreement(talk, coded, tolerances_s=(1.0,)).disagreements == ()


def test_over_time(talk):
    coded = [Annotation(0, 5, "happy"), Annotation(5, 8, "sad")]
    result = agreement(talk, coded, tolerances_s=(0, 0.5), window_s=3)
    assert [(one.start_s, one.end_s) for one in result.over_time] == [(0, 3), (3, 6), (6, 9)]
    assert [round(one.compared_s, 3) for one in result.over_time] == [3, 3, 2]
    # 1 s of 3 in the second window differs, of which half is within the tolerance
    assert [one.agreement for one in result.over_time] == [
        pytest.approx((1, 1)), pytest.approx((2 / 3, 5 / 6)), pytest.approx((1, 1)),
    ]  # fmt: skip
    assert result.over_time[1].confused(result.labels) == [("happy", "sad", pytest.approx((1.0, 0.5)))]
    total = sum(one.confusion for one in result.over_time)
    assert total == pytest.approx(np.array([one.confusion for one in result.coefficients]))
    assert len(agreement(talk, coded).over_time) <= 20
    for wrong in (0, 0.01, -1, float("inf")):
        with pytest.raises(OptionError):
            agreement(talk, coded, window_s=wrong)


def test_a_window_in_which_nothing_is_compared(talk):
    coded = [Annotation(0, 2, "happy"), Annotation(6, 8, "sad")]
    (empty,) = [one for one in agreement(talk, coded, window_s=2).over_time if not one.compared_s and one.start_s == 2]
    assert empty.agreement is None
    assert empty.confused(("happy", "sad")) == []


def test_annotations_of_several_videos(talk):
    coded = [Annotation(0, 4, "happy", source="other.mp4"), Annotation(0, 4, "sad", source="talk.mp4")]
    assert agreement(talk, coded).coefficients[0].agreement == 0
    assert agreement(talk, coded[:1]).coefficients[0].agreement == 1  # a copy under another name
    with pytest.raises(DataError):
        agreement(talk, [Annotation(0, 4, "happy", source=name) for name in ("a.mp4", "b.mp4")])


def test_gaps(talk):
    coded = [Annotation(0, 3, "happy"), Annotation(4, 8, "sad")]
    assert agreement(talk, coded).compared_s == pytest.approx(7)
    filled = agreement(talk, coded, gaps="neutral")
    assert filled.compared_s == pytest.approx(8)
    assert spans(filled) == [(pytest.approx(3), pytest.approx(4), "neutral", "happy")]


def test_people_and_tiers(tmp_path):
    path = tmp_path / "two.csv"
    script = [(0.1 * i, {1: "happy", 2: "sad"}) for i in range(40)]
    write_table(path, columns(EMOTIONS, video=True), video_rows(script, "two.mp4"))
    coded = [Annotation(0, 4, "happy", "1"), Annotation(0, 4, "happy", "person 2"), Annotation(0, 4, "fear", "x")]
    both = agreement(path, coded)
    assert both.people == ("1", "2")
    assert both.coefficients[0].agreement == pytest.approx(0.5)
    assert agreement(path, coded, person="1").coefficients[0].agreement == 1
    assert agreement(path, coded, person="2", tier="x").disagreements[0].human == "fear"
    with pytest.raises(OptionError):
        agreement(path, coded, person="3")
    with pytest.raises(OptionError):
        agreement(path, coded, tier="y")
    with pytest.raises(OptionError):
        agreement(path, [Annotation(0, 1, "happy", "x"), Annotation(0, 1, "sad", "y")])


def test_incomparable_inputs_are_refused(talk, tmp_path):
    with pytest.raises(DataError):
        agreement(talk, [Annotation(0, 1, "waves")])
    with pytest.raises(DataError):
        agreement(talk, [Annotation(100, 101, "happy")])
    with pytest.raises(OptionError):
        agreement(talk, [Annotation(0, 1, "happy")], step_s=0)
    with pytest.raises(OptionError):
        agreement(talk, [Annotation(0, 1, "happy")], tolerances_s=())
    with pytest.raises(DataError):
        agreement(talk, tmp_path / "none.eaf")


def test_the_command(mien, talk, tmp_path):
    coder = tmp_path / "coder.csv"
    coder.write_text("onset,offset,label\n0,5,happy\n5,8,sad\n")
    page, listed = tmp_path / "a.html", tmp_path / "a.csv"
    words = ("timeline", "agreement", talk, coder, "--out", page, "--out", listed)
    code, out, _ = mien(*words, "--json")
    assert code == 0
    assert json.loads(out)["coefficients"][0]["agreement"] == 0.875
    windows = json.loads(out)["over_time"]
    assert sum(one["compared_s"] for one in windows) == pytest.approx(8)
    assert mien(*words)[0] == 4
    assert mien(*words, "--overwrite", "--tolerance", "0.5")[0] == 0
    (row,) = csv.DictReader(listed.read_text("utf-8").splitlines())
    assert (row["human"], row["machine"], float(row["end_s"])) == ("happy", "sad", 4.5)
    assert "<script" not in page.read_text("utf-8")
    assert mien("timeline", "agreement", talk, coder, "--out", tmp_path / "a.docx")[0] == 2
