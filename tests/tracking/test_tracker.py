"""Track numbers. Detections of faces that touch or hide are measured in research/tracking.py."""

from dataclasses import replace

import numpy as np
import pytest

from mien import Box, Face, Frame, OptionError, Reading
from mien.tracking import LOST_S, Tracker

RNG = np.random.default_rng(0)
ROOM, STREET = (RNG.integers(0, 256, (9, 16, 3)).astype(np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(2))
SIDE = 40


def reading(x: float, y: float = 50, happy: float = 0.8, score: float = 0.9, **changes) -> Reading:
    values = np.array([happy, 1 - happy], np.float32)
    return Reading(Face(Box(x, y, x + SIDE, y + SIDE), score), ("happy", "sad"), values, values, 0.9, **changes)


def frame(time_s: float, image: np.ndarray = ROOM) -> Frame:
    return Frame(image, "video", 0, time_s)


def numbers(readings: list[Reading]) -> list[int | None]:
    """Tracks, counted from 0 as lists are; people are counted from 1."""
    return [None if one.track_id is None else one.track_id - 1 for one in readings]


def see(follower: Tracker, time_s: float, *found: Reading, image: np.ndarray = ROOM) -> list[int | None]:
    return numbers(follower.update(frame(time_s, image), found))


@pytest.mark.slow
def test_tracks_are_numbered_from_the_first_frame():
    assert see(Tracker(30), 0.0, reading(0, score=0.9), reading(100, score=0.01)) == [0, 1]


@pytest.mark.parametrize("rate", [5, 25, 29.97, 60])
def test_people_who_pass_each_other_keep_their_numbers(rate):
    follower = Tracker(rate)
    for n in range(round(4 * rate)):
        t = n / rate
        left, right = 100 * t, 400 - 100 * t
        found = [reading(left), reading(right, 60)]
        if abs(left - right) < SIDE / 2:  # the one behind is hidden
            found = found[:1]
        assert see(follower, t, *found) == [0, 1][: len(found)]


def test_the_order_of_the_readings_does_not_matter():
    follower = Tracker(30)
    assert see(follower, 0.0, reading(0), reading(100), reading(200)) == [0, 1, 2]
    assert see(follower, 1 / 30, reading(201), reading(1), reading(101)) == [2, 0, 1]


@pytest.mark.parametrize("rate", [2, 5, 30])
def test_people_absent_for_three_seconds_get_a_new_number(rate):
    follower = Tracker(rate)
    times = np.arange(0, 6, 1 / rate)
    seen = [see(follower, t, *([reading(50)] if t < 1 or t >= 4 else [])) for t in times]
    assert {n for one in seen for n in one} == {0, 1}
    assert seen[-1] == [1]


def test_briefly_hidden_people_keep_their_number():
    follower = Tracker(30)
    assert see(follower, 0.0, reading(50)) == [0]
    for n in range(1, round(LOST_S * 30)):
        assert see(follower, n / 30) == []
    assert see(follower, LOST_S - 0.01, reading(50)) == [0]


@pytest.mark.parametrize("every", [1.0, 2.0, 10.0])
def test_sparse_samples_follow_people_who_sit_still(every):
    follower = Tracker(1 / every)
    assert [see(follower, n * every, reading(50 + n % 2)) for n in range(5)] == [[0]] * 5


@pytest.mark.parametrize("rate", [5, 30])
def test_a_face_may_move_by_more_than_its_width_between_samples(rate):
    follower = Tracker(rate)  # also where a camera gives fewer frames than it said
    assert [see(follower, n / 5, reading(1.2 * SIDE * n)) for n in range(10)] == [[0]] * 10


def test_tracks_start_again_after_a_cut():
    follower = Tracker(30)
    assert see(follower, 0.0, reading(50), reading(150)) == [0, 1]
    assert see(follower, 1 / 30, reading(50), reading(150), image=STREET) == [2, 3]
    assert see(follower, 2 / 30, reading(51), reading(151), image=STREET) == [2, 3]


def test_the_mean_of_one_person_does_not_reach_the_next():
    follower = Tracker(30)
    follower.update(frame(0.0), [reading(50, happy=1.0)])
    after = follower.update(frame(1 / 30, STREET), [reading(50, happy=0.25)])
    assert after[0].probabilities == pytest.approx([0.25, 0.75])


def test_unsmoothed_values_are_kept():
    follower = Tracker(30)
    follower.update(frame(0.0), [reading(50, happy=1.0)])
    [after] = follower.update(frame(1 / 30), [reading(50, happy=0.0)])
    assert after.frame_probabilities == pytest.approx([0.0, 1.0])
    assert 0.4 < after.probabilities[0] < 0.6
    assert after.vote_shares[0] == pytest.approx(after.probabilities[0])


def test_times_may_be_uneven_stand_still_or_jump_back():
    follower = Tracker(30)
    times = [0.0, 0.01, 0.2, 0.2, 0.2, 0.5, 0.1, 0.13, 0.6]
    assert [see(follower, t, reading(50)) for t in times] == [[0]] * len(times)


def test_videos_may_start_late():
    follower = Tracker(30)
    assert [see(follower, 36_000 + n / 30, reading(50 + n)) for n in range(30)] == [[0]] * 30


def test_frames_without_faces():
    follower = Tracker(30)
    assert [see(follower, n / 30) for n in range(100)] == [[]] * 100
    assert see(follower, 4.0, reading(0)) == [0]


def test_fifty_faces():
    follower = Tracker(30)
    for n in range(20):
        found = [reading(60 * (k % 10) + 2 * n, 60 * (k // 10)) for k in range(50)]
        assert see(follower, n / 30, *found) == list(range(50))


@pytest.mark.slow
def test_the_session_does_not_grow():
    """10,000 frames, with a visitor in every tenth."""
    follower = Tracker(10)
    for n in range(10_000):
        given = see(follower, n / 10, *([reading(50)] if n % 10 == 0 else []))
        assert len(follower._smoothers) <= 1
        assert len(follower._byte_track.tracks) <= 1
        assert given in ([], [n // 10])


def video() -> list[tuple[Frame, list[Reading]]]:
    """Eight seconds with people who come, cross and go, and a cut."""
    made, rng = [], np.random.default_rng(1)
    for n in range(160):
        t, found = n / 20, []
        for start, speed, y, seen in (
            (0, 60, 50, (0, 8)),
            (400, -60, 60, (1, 6)),
            (200, 0, 150, (2, 3)),
            (200, 0, 150, (5, 8)),
        ):
            if seen[0] <= t < seen[1] and rng.random() > 0.1:
                found.append(reading(start + speed * t + rng.normal(), y, happy=float(rng.random())))
        made.append((frame(t, ROOM if t < 4 else STREET), found))
    return made


@pytest.mark.parametrize("stop", [1, 30, 79, 80, 81, 100, 119])
def test_resumed_equals_uninterrupted(stop):
    frames, whole, resumed = video(), Tracker(20), Tracker(20)
    expected = [whole.update(one, found) for one, found in frames]
    assert {n for one in expected for n in numbers(one)} >= {0, 1, 2, 3, 4}
    for (one, _), followed in list(zip(frames, expected))[:stop]:
        resumed.replay(one.time_s, followed, one.image if one is frames[stop - 1][0] else None)
    for (one, found), followed in list(zip(frames, expected))[stop:]:
        again = resumed.update(one, found)
        assert numbers(again) == numbers(followed)
        for after, before in zip(again, followed):
            assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5)
            assert after.vote_shares == pytest.approx(before.vote_shares, abs=1e-5)


def test_numbers_go_on_after_those_replayed():
    follower = Tracker(30)
    follower.replay(0.0, [reading(50, track_id=7), reading(150, track_id=3)])
    assert see(follower, 1 / 30, reading(150), reading(50), reading(250)) == [2, 6, 7]


def test_a_replayed_reading_needs_a_number_of_its_own():
    for tracks in ((None,), (1, 1), (0, None)):
        with pytest.raises(OptionError):
            Tracker(30).replay(0.0, [reading(50 * n, track_id=track) for n, track in enumerate(tracks)])


def test_boxes_of_every_kind_are_followed():
    """Huge, tiny, out of the image, one upon another, and with all kinds of pauses: no warning, and no number twice."""
    rng, follower, t = np.random.default_rng(5), Tracker(30), 0.0
    for _ in range(300):
        t += float(rng.choice([0.0, 0.001, 0.03, 0.3, 5, 1e5]))
        sides = 10.0 ** rng.uniform(-2, 4, rng.integers(0, 6))
        found = [reading(0) for _ in sides]
        boxes = [Box(x, y, x + side, y + side) for side, (x, y) in zip(sides, rng.normal(0, 300, (len(sides), 2)))]
        given = see(follower, t, *(replace(one, face=Face(box)) for one, box in zip(found, boxes)))
        assert len(set(given)) == len(found)


def test_the_label_set_stays_the_same():
    follower = Tracker(30)
    follower.update(frame(0.0), [reading(50)])
    other = Reading(reading(50).face, ("happy", "sad", "neutral"), np.array([0.5, 0.25, 0.25], np.float32))
    with pytest.raises(OptionError):
        follower.update(frame(0.1), [other])


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_a_positive_number(rate):
    with pytest.raises(OptionError):
        Tracker(rate)
