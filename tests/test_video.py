"""Videos and live sources with the whole reader."""

import itertools

import numpy as np
import pytest

import mien
from mien import ReadOptions
from mien.video import read_video, watch

from .conftest import make_clip, two_women

pytest.importorskip("av", reason="videos need the extra video")


@pytest.fixture(scope="module")
def moments(clip):
    return list(read_video(clip))


def test_each_person_keeps_a_number(moments):
    assert [frame.index for frame, _ in moments] == list(range(30))
    seen = {
        number: {reading.track_id: reading.emotion for reading in readings}
        for number, (_, readings) in enumerate(moments)
    }
    assert all(seen[number] == {1: "happy"} for number in range(15))
    assert all(seen[number] == {1: "happy", 2: "neutral"} for number in range(16, 30))


def test_probabilities_are_smoothed_and_the_raw_ones_kept(moments):
    of_first = [reading for _, readings in moments for reading in readings if reading.track_id == 1]
    np.testing.assert_allclose(of_first[0].probabilities, of_first[0].frame_probabilities, atol=1e-6)
    raw = np.array([np.log(reading.frame_probabilities[6] + 1e-6) for reading in of_first])
    smooth = np.array([np.log(reading.probabilities[6] + 1e-6) for reading in of_first])
    assert np.abs(np.diff(smooth)).mean() < np.abs(np.diff(raw)).mean()


def test_a_sampled_video(clip):
    moments = list(read_video(clip, ReadOptions(emotions="happy-sad"), interval_s=0.5))
    assert [round(frame.time_s, 1) for frame, _ in moments] == [0.0, 0.5, 1.0, 1.5]
    assert {reading.track_id for _, readings in moments for reading in readings} == {1, 2}


def test_a_video_plays_at_its_own_speed(clip):
    with watch(clip) as live:
        assert "happy" in live.emotions
        seen = [(frame.index, {reading.emotion for reading in readings}) for frame, readings in live]
    assert seen[0][1] == {"happy"}
    assert seen[-1] == (29, {"happy", "neutral"})


def test_watching_can_be_stopped(clip):
    with watch(clip) as live:
        assert len(list(itertools.islice(live, 2))) == 2


def test_a_video_without_people(tmp_path, astronaut, hopper):
    clip = make_clip(tmp_path / "wall.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 5)
    assert [readings for _, readings in read_video(clip)] == [[]] * 5
    tiny = make_clip(tmp_path / "tiny.mp4", [np.full((2, 2, 3), 90, np.uint8)] * 2, sound=None)
    assert len(list(read_video(tiny))) == 2
    huge_faces = make_clip(tmp_path / "close.mp4", [two_women(astronaut, hopper, 0)[40:180, 10:150]] * 2, sound=None)
    assert [len(readings) for _, readings in read_video(huge_faces)] == [1, 1]


def test_time_visible_follows_the_times_of_the_frames(astronaut, tmp_path):
    """One second of thirty frames with a person, then four of five a second without."""
    shown = np.full((240, 320, 3), 90, np.uint8)
    shown[20:230, 50:260] = astronaut.image[20:230, 110:320]
    times = [number / 30 for number in range(30)] + [1 + number / 5 for number in range(20)]
    images = [shown] * 30 + [np.full_like(shown, 90)] * 20
    result = mien.process_video(make_clip(tmp_path / "vfr.mp4", images, times=times, rate=30, sound=None))
    assert [person.seen_s for person in result.people] == pytest.approx([1.0], abs=0.1)
