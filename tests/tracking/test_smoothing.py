import numpy as np
import pytest

from mien.tracking import FadingMean, Smoother
from mien.types import Box, Face, Reading

TIMES = [0.0, 0.04, 0.05, 0.4, 0.41, 1.9, 2.0]  # uneven, with a long gap
FACE = Face(Box(0, 0, 10, 10))


def reading(happy: float, votes: float | None = None, covered: float = 1.0) -> Reading:
    def pair(value):
        return np.array([value, 1 - value], np.float32)

    return Reading(FACE, ("happy", "sad"), pair(happy), None if votes is None else pair(votes), covered)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 3.0])
def test_the_mean_is_the_closed_form_at_uneven_times(seconds):
    values = np.random.default_rng(0).normal(size=(len(TIMES), 3))
    mean = FadingMean(seconds)
    for n, time_s in enumerate(TIMES):
        weights = np.exp(-(time_s - np.array(TIMES[: n + 1])) / seconds)
        expected = (weights[:, None] * values[: n + 1]).sum(0) / weights.sum()
        assert mean.add(time_s, values[n]) == pytest.approx(expected)


def test_the_first_value_is_not_favored():
    mean = FadingMean(1e9)
    assert [float(mean.add(t, x)) for t, x in zip(TIMES, (4, 0, 2, 2))] == pytest.approx([4, 2, 2, 2])


def test_the_clock_may_start_anywhere():
    early, late = FadingMean(0.5), FadingMean(0.5)
    for time_s, value in zip(TIMES, (1, 5, 2, 8, 3, 0, 1)):
        assert early.add(time_s, value) == pytest.approx(late.add(time_s + 36_000, value))


def test_constant_probabilities_stay_constant():
    smoother = Smoother()
    for time_s in TIMES:
        smooth = smoother.smooth(time_s, reading(0.8, votes=0.6, covered=0.7), 3)
        assert smooth.probabilities == pytest.approx([0.8, 0.2])
        assert smooth.vote_shares == pytest.approx([0.6, 0.4])
        assert smooth.in_label_set == pytest.approx(0.7)
        assert smooth.track_id == 3


def test_single_frames_do_not_change_the_smoothed_emotion():
    smoother = Smoother()
    said = []
    for frame in range(90):
        happy = 0.9 if frame < 30 and frame != 20 else 0.1  # an odd frame, and a new expression after a second
        said.append(smoother.smooth(frame / 30, reading(happy), 0))
    assert [r.emotion for r in said[:30]] == ["happy"] * 30
    assert said[20].frame_probabilities == pytest.approx([0.1, 0.9])
    assert {r.emotion for r in said[45:]} == {"sad"}
    assert all(abs(float(r.probabilities.sum()) - 1) < 1e-6 for r in said)


def test_votes_and_coverage_are_smoothed_too():
    smoother = Smoother(seconds=1e9)
    smoother.smooth(0.0, reading(0.9, votes=1.0, covered=1.0), 0)
    smooth = smoother.smooth(0.1, reading(0.5, votes=0.5, covered=0.0), 0)
    assert smooth.vote_shares == pytest.approx([0.75, 0.25])
    assert smooth.in_label_set == pytest.approx(0.5)


def test_unknown_votes_stay_unknown():
    assert Smoother().smooth(0.0, reading(0.9), 0).vote_shares is None


def test_restored_smoothing_equals_uninterrupted():
    values = [0.9, 0.1, 0.4, 0.7, 0.2, 0.6, 0.3]
    whole, resumed = Smoother(), Smoother()
    for n, (time_s, value) in enumerate(zip(TIMES, values)):
        given = reading(value, votes=1 - value, covered=value)
        expected = whole.smooth(time_s, given, 0)
        if n < 4:
            resumed.restore(time_s, expected)
            continue
        smooth = resumed.smooth(time_s, given, 0)
        assert smooth.probabilities == pytest.approx(expected.probabilities, abs=1e-6)
        assert smooth.vote_shares == pytest.approx(expected.vote_shares, abs=1e-6)
        assert smooth.in_label_set == pytest.approx(expected.in_label_set, abs=1e-6)
