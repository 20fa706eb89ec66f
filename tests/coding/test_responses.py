import csv
import math

import numpy as np
import pytest

from mien.coding.responses import CURVES, REPORT, RESPONSES, SUMMARY, event_responses
from mien.errors import DataError, OptionError, OutputError
from mien.io.annotations import Annotation

from ..timelines.conftest import steady
from ..timelines.conftest import table as table  # noqa: PLC0414 - a fixture

LOW = 0.0286  # of the seven other emotions, with 4 decimals, where one has 0.8
SMILE = [*["neutral"] * 10, *["happy"] * 10, *["neutral"] * 10]


def logit(p):
    return math.log(p / (1 - p))


@pytest.fixture
def tables(table):
    """A table per participant: a smile that begins after 1.0, 1.2 and 1.4 seconds; and one who does not smile."""
    late = [[*["neutral"] * (10 + 2 * n), *["happy"] * 10, *["neutral"] * 20] for n in range(3)]
    scripts = [*late, ["neutral"] * 40]
    made = []
    for n, words in enumerate(scripts):
        path = table(steady(words), name=f"p{n}.csv")
        path.write_text(path.read_text().replace("videos/0.mp4", f"videos/p{n}.mp4"))
        made.append(path)
    return made


def of(result, participant, emotion="happy", event="clip"):
    (found,) = [
        one for one in result.responses if (one.participant, one.emotion, one.event) == (participant, emotion, event)
    ]
    return found


def test_values_are_those_of_a_hand_calculation(tables):
    events = [Annotation(0.5, 2.0, "clip")]
    one = of(event_responses(tables[:1], events, baseline="0:00-0:00.5"), "p0")
    assert one.seen_s == pytest.approx(1.5)
    assert one.mean == pytest.approx((0.5 * LOW + 1.0 * 0.8) / 1.5, abs=1e-4)
    assert (one.peak, one.peak_latency_s, one.latency_s) == pytest.approx((0.8, 0.5, 0.5), abs=1e-6)
    assert one.area == pytest.approx(0.5 * LOW + 1.0 * 0.8, abs=1e-4)
    assert one.change == pytest.approx((logit(0.8) - logit(LOW)) / 1.5, abs=1e-3)
    assert one.unsure == 0


def test_emotions_that_never_occur_have_no_latency(tables):
    result = event_responses(tables[3:], [Annotation(0.5, 2.0, "clip")])
    one = of(result, "p3")
    assert (one.latency_s, one.change) == (None, None)
    assert of(result, "p3", "neutral").latency_s == 0


def test_a_window_replaces_the_end_and_points_need_one(tables):
    point = [Annotation(1.0, 1.0, "beep")]
    with pytest.raises(OptionError):
        event_responses(tables[:1], point)
    one = of(event_responses(tables[:1], point, window_s=2.0), "p0", event="beep")
    assert (one.end_s, one.area) == (3.0, pytest.approx(1.0 * 0.8 + 1.0 * LOW, abs=1e-4))


def test_summaries_are_means_over_participants_with_intervals(tables):
    result = event_responses(tables[:3], [Annotation(1.0, 2.0, "clip")])
    found = {(one.emotion, one.measure): one for one in result.summaries}
    latency = found["happy", "latency_s"]
    assert latency.value == pytest.approx((0.0 + 0.2 + 0.4) / 3)
    # The mean of three draws from 0, 0.2, 0.4: its 2.5% and 97.5% quantiles are the two ends or a draw beside them
    assert latency.participants == 3
    assert latency.low in (pytest.approx(0), pytest.approx(0.2 / 3))
    assert latency.high in (pytest.approx(0.4), pytest.approx(0.4 - 0.2 / 3))
    single = event_responses(tables[:1], [Annotation(1.0, 2.0, "clip")]).summaries[0]
    assert (single.low, single.high) == (None, None)


def test_occurrences_are_averaged_within_a_participant_first(tables):
    events = [Annotation(0.0, 1.0, "clip", source="p0.mp4"), Annotation(1.0, 2.0, "clip", source="p0.mp4")]
    events.append(Annotation(0.0, 1.0, "clip", source="videos/p1.mp4"))
    result = event_responses(tables[:2], events)
    means = [one.mean for one in result.responses if one.emotion == "happy"]
    assert means == pytest.approx([LOW, 0.8, LOW], abs=1e-4)
    (summary,) = [one for one in result.summaries if (one.emotion, one.measure) == ("happy", "mean")]
    assert summary.value == pytest.approx(((LOW + 0.8) / 2 + LOW) / 2, abs=1e-4)
    assert [one.occurrence for one in result.responses if one.emotion == "happy"] == [1, 2, 1]


def test_the_average_around_the_onset(tables):
    result = event_responses(tables[:2], [Annotation(1.0, 2.0, "clip")], before_s=1.5, after_s=1.0)
    (curve,) = result.curves
    happy = curve.mean[:, curve.emotions.index("happy")]
    at = {round(time, 1): n for n, time in enumerate(curve.times.tolist())}
    assert curve.participants[at[-1.5]] == 0
    assert math.isnan(happy[at[-1.5]])
    assert happy[at[-0.5]] == pytest.approx(LOW, abs=1e-4)
    assert happy[at[0.1]] == pytest.approx((0.8 + LOW) / 2, abs=1e-4)
    assert happy[at[0.5]] == pytest.approx(0.8, abs=1e-4)
    k = curve.emotions.index("happy")
    assert (curve.low[at[0.1], k], curve.high[at[0.1], k]) == pytest.approx((LOW, 0.8), abs=1e-4)


def test_a_face_that_is_not_visible_has_empty_values(table):
    path = table(steady([*["happy"] * 10, *[None] * 20, *["happy"] * 10]))
    result = event_responses(
        [path], [Annotation(1.5, 2.5, "away"), Annotation(0.5, 3.5, "most")], baseline="0:01.5-0:02.5"
    )
    away = of(result, "0", event="away")
    assert (away.seen_s, away.unsure, away.mean, away.peak, away.area) == (0, None, None, None, None)
    assert of(result, "0", event="most").seen_s == pytest.approx(1.0)
    assert result.without_baseline == ("0",)


def test_events_of_a_person_belong_to_this_person(table):
    path = table([(0.1 * i, {1: "happy", 2: "sad"}) for i in range(20)])
    lines = path.read_text().splitlines()
    names = ["person", *("ann" if line.split(",")[4] == "1" else "ben" for line in lines[1:])]
    path.write_text("\n".join(f"{line},{name}" for line, name in zip(lines, names)) + "\n")
    events = [Annotation(0, 1, "own", tier="ann"), Annotation(0, 1, "all", tier="stimulus")]
    result = event_responses([path], events)
    assert {(one.participant, one.event) for one in result.responses} == {
        ("ann", "own"),
        ("ann", "all"),
        ("ben", "all"),
    }
    assert of(result, "ben", "sad", "all").mean == pytest.approx(0.8)


def test_files_hold_the_values_and_are_not_replaced(tables, tmp_path):
    result = event_responses(tables, [Annotation(1.0, 2.0, "clip <1>")], baseline="calmest:0.5s")
    folder = tmp_path / "out"
    result.save(folder)
    assert {path.name for path in folder.iterdir()} == {RESPONSES, SUMMARY, CURVES, REPORT}
    rows = list(csv.DictReader((folder / RESPONSES).read_text().splitlines()))
    assert len(rows) == 4 * 8
    assert float(rows[3]["mean"]) == pytest.approx(result.responses[3].mean, abs=1e-4)
    assert "clip &lt;1&gt;" in (folder / REPORT).read_text()
    with pytest.raises(OutputError):
        result.save(folder)
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert result.figure(kind).startswith(start)


def test_wrong_options_and_events_elsewhere(tables, table):
    clip = [Annotation(1.0, 2.0, "clip")]
    with pytest.raises(OptionError):
        event_responses([], clip)
    with pytest.raises(OptionError):
        event_responses(tables, clip, baseline="rest")
    with pytest.raises(OptionError):
        event_responses(tables, clip, after_s=0)
    with pytest.raises(DataError):
        event_responses(tables, [Annotation(100.0, 102.0, "clip")])
    with pytest.raises(DataError):
        event_responses(tables, [Annotation(1.0, 2.0, "clip", source="other.mp4")])
    with pytest.raises(DataError):
        event_responses([table(steady([None] * 5))], clip)


def test_the_command(mien, tables, tmp_path):
    events = tmp_path / "stimuli_events.tsv"
    events.write_text("onset\tduration\ttrial_type\n1\t1\tclip\n0\t0.5\trest\n")
    words = ("timeline", "events", *tables, "--events", events, "--baseline", "rest", "--out", tmp_path / "o")
    code, _, problems = mien(*words, "--figure", tmp_path / "curves.svg")
    assert code == 0, problems
    assert (tmp_path / "curves.svg").read_bytes().startswith(b"<?xml")
    rows = list(csv.DictReader((tmp_path / "o" / SUMMARY).read_text().splitlines()))
    (change,) = [
        float(row["value"])
        for row in rows
        if (row["event"], row["emotion"], row["measure"]) == ("clip", "happy", "change")
    ]
    smiling = np.array([1.0, 0.8, 0.6, 0.0])  # seconds of the clip in which each participant smiles
    assert change == pytest.approx(smiling.mean() * (logit(0.8) - logit(LOW)), abs=1e-3)
    assert mien(*words)[0] == OutputError.exit_code
