import math

import numpy as np
import pytest

from mien.coding.baseline import Baseline, BaselineKind, calmest_span, change_from, log_odds, seconds_in
from mien.errors import OptionError

#: A resting face that reads as sad, then a smile.
REST, SMILE = (0.1, 0.6, 0.3), (0.8, 0.1, 0.1)


def test_parsing():
    assert Baseline.parse("0:00-0:30") == Baseline(BaselineKind.WINDOW, 0, 30)
    assert Baseline.parse("90 - 1:40.5") == Baseline(BaselineKind.WINDOW, 90, 100.5)
    assert Baseline.parse("calmest").kind is BaselineKind.CALMEST
    assert Baseline.parse("calmest:20s").length_s == 20
    assert Baseline.parse("rest") == Baseline(BaselineKind.LABEL, label="rest")
    for wrong in ("", "  ", "0:30-0:10", "1-1", "1:2:3:4-5:0:0:0", "calmest:0"):
        with pytest.raises(OptionError):
            Baseline.parse(wrong)


def test_log_odds_are_limited():
    assert log_odds(np.array([0.5, 0.8])) == pytest.approx([0, math.log(4)])
    assert log_odds(np.array([0.0, 1.0])) == pytest.approx([-math.log(199), math.log(199)])


def test_the_change_of_a_resting_face_is_zero(track):
    made = track([REST] * 4 + [SMILE] * 2)
    level = Baseline.parse("0-2").level([made])
    assert level.seen_s == 2
    change = change_from(made, level)
    assert change[:4] == pytest.approx(0, abs=1e-6)
    # odds of happy: from 1/9 to 4; of sad: from 3/2 to 1/9
    assert change[5, :2] == pytest.approx([math.log(36), math.log(2 / 27)], abs=1e-5)


def test_a_baseline_is_weighted_by_time(track):
    made = track([(0.5, 0.25, 0.25), (0.8, 0.1, 0.1)])
    level = Baseline.parse("0-0.75").level([made])  # 0.5 s at odds 1, 0.25 s at odds 4
    assert level.log_odds[0] == pytest.approx(math.log(4) / 3, abs=1e-6)


def test_invisible_faces_have_no_baseline(track):
    made = track([REST] * 4, start=10)
    assert Baseline.parse("0-5").level([made]) is None
    assert Baseline.parse("rest").level([made], ()) is None
    assert Baseline.parse("rest").level([made], [(10, 11), (11.5, 12)]).seen_s == 1.5
    assert Baseline.parse("calmest:3").level([made]) is None


def test_the_calmest_span(track):
    lively = [REST, SMILE] * 4
    made = track(lively + [REST] * 6 + lively)
    assert calmest_span(made, 3.0) == (4.0, 7.0)
    level = Baseline.parse("calmest:3").level([made])
    assert level.log_odds == pytest.approx(log_odds(np.array(REST)), abs=1e-5)


def test_a_gap_is_not_calm(track):
    made = track([REST] * 3 + [SMILE, REST] * 4, times=[0, 0.5, 10, *(20 + 0.5 * i for i in range(8))])
    assert calmest_span(made, 3.0)[0] >= 20


def test_seconds_inside_a_window(track):
    made = track([REST] * 4, times=[0, 0.5, 0.75, 3])
    assert seconds_in(made, 0.25, 3.25).tolist() == [0.25, 0.25, 0.5, 0.25]
