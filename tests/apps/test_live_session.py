"""The live session without a page."""

import csv
import io
import json
from dataclasses import asdict

import numpy as np
import pytest

from mien import DataError, Frame, MienError, OptionError, ReadOptions, TrackPart
from mien.apps.live_server import LiveSettings, streamlit_options
from mien.apps.live_session import MAX_FACES, MAX_LAG_S, MAX_SHOWN, SPAN_S, STEP_S, LiveReader, LiveSession
from mien.emotions import label_set
from mien.io.video_sinks import NO_IMAGE
from mien.types import Box, Face, Reading

EMOTIONS = label_set("happy-sad")
BLACK = np.zeros((48, 64, 3), np.uint8)


def reading(track: int, happy: float) -> Reading:
    shares = np.array([happy, 1 - happy], np.float32)
    return Reading(Face(Box(1, 2, 30, 40)), EMOTIONS, shares, track_id=track, frame_probabilities=shares)


def frame(index: int, time_s: float) -> Frame:
    return Frame(BLACK, "camera", index, time_s)


def test_the_last_minute_of_a_face_is_kept_and_no_more():
    session = LiveSession(EMOTIONS)
    for second in range(100):
        session.add(frame(second, float(second)), [reading(0, 1.0 if second < 90 else 0.0)])
    (person,) = session.people()
    assert person.minute.shape == (SPAN_S / STEP_S, 2)
    seen = person.minute[person.minute.any(1)]
    assert len(seen) == 60
    assert seen[0].tolist() == [1, 0]
    assert seen[-1].tolist() == [0, 1]


def test_absent_people_are_listed_last_for_a_minute():
    session = LiveSession(EMOTIONS)
    for step in range(20):
        session.add(frame(step, step / 2), [reading(0, 0.9)])
    for step in range(20, 40):
        session.add(frame(step, step / 2), [reading(1, 0.2)])
    now, gone = session.people()
    assert (now.track_id, now.present, gone.track_id, gone.present) == (1, True, 0, False)
    assert gone.away_s == pytest.approx(10)
    for step in range(40, 180):
        session.add(frame(step, step / 2), [])
    assert session.people() == []


def test_people_are_removed_after_a_cut():
    session = LiveSession(EMOTIONS)
    for step in range(20):
        session.add(frame(step, step / 10), [reading(1, 0.9)])
    session.add(frame(20, 2.0), [reading(2, 0.2)], shot_start_s=2.0)
    now, gone = session.people()
    assert (now.track_id, now.present, gone.track_id, gone.present) == (2, True, 1, False)
    assert gone.away_s == pytest.approx(0.1)
    session.show(session.people())
    assert [one.emotion for one in session.as_shown([reading(2, 0.2)])[0]] == ["sad"]


def test_marks_and_page_agree():
    session = LiveSession(EMOTIONS)
    for step in range(4):
        session.add(frame(step, step / 2), [reading(0, 0.9)])
    session.show(session.people())
    same, plain = session.as_shown([reading(0, 0.8)])
    assert [one.confidence for one in same] == [pytest.approx(0.9)]
    assert plain == []
    # Another emotion, or another person: a box alone, until the page says so too
    newer = [reading(0, 0.1), reading(1, 0.1)]
    same, plain = session.as_shown(newer)
    assert (same, len(plain)) == ([], 2)
    # A page that is not drawn any more, and people whom it has no room for
    assert [one.emotion for one in LiveSession(EMOTIONS).as_shown(newer)[0]] == ["sad", "sad"]
    for step in range(4, 8):
        session.add(frame(step, step / 2), [reading(number, 0.9) for number in range(6)])
    session.show(session.people()[:MAX_SHOWN])
    assert len(session.as_shown([reading(number, 0.9) for number in range(6)])[0]) == 6


def test_the_panel_waits_for_the_image():
    session = LiveSession(EMOTIONS)
    assert (session.lag_s, session.people(1.0)) == (0, [])
    for step in range(10):
        session.add(frame(step, step / 10), [reading(1, 0.9 if step < 8 else 0.1)])
    assert [one.reading.emotion for one in session.people()] == ["sad"]
    assert [one.reading.emotion for one in session.people(0.25)] == ["happy"]
    assert [one.reading.emotion for one in session.people(5)] == ["happy"]
    assert 0 < session.lag_s <= MAX_LAG_S


def test_names_join_people_in_the_table():
    session = LiveSession(EMOTIONS)
    for step in range(4):
        session.add(frame(step, step / 2), [reading(1 if step < 2 else 4, 0.9), reading(2, 0.1)])
    text = session.csv([TrackPart(1, "Ann"), TrackPart(4, "Ann"), TrackPart(9, "gone")]).decode()
    found = {(row["track_id"], row["person"]) for row in csv.DictReader(io.StringIO(text))}
    assert found == {("1", "Ann"), ("2", "")}
    with pytest.raises(DataError):
        session.csv([TrackPart(1, "Ann"), TrackPart(2, "Ann")])


def test_faces_are_kept_to_be_named_unless_images_are_not():
    session, numbers_only = LiveSession(EMOTIONS), LiveSession(EMOTIONS)
    for number in range(MAX_FACES + 6):
        session.add(frame(number, float(number)), [reading(number, 0.9)])
        numbers_only.add(Frame(NO_IMAGE, "camera", number, float(number)), [reading(number, 0.9)])
    assert list(session.faces()) == list(range(6, MAX_FACES + 6))
    assert all(face.startswith(b"\xff\xd8") for face in session.faces().values())
    assert set(numbers_only.faces().values()) == {None}


def test_a_slow_machine_searches_for_larger_faces_only(monkeypatch):
    sizes = []

    class Slow:
        emotions, options = EMOTIONS, ReadOptions(min_face=40)

        def sharing(self, options):
            sizes.append(options.min_face)
            return self

    live = LiveReader(Slow())
    for took_s in [0.5] * 40 + [0.01] * 40:
        live._adapt(took_s)
    assert sizes == [56, 80, 56, 40]


def test_a_single_detection_is_not_a_person():
    session = LiveSession(EMOTIONS)
    session.add(frame(0, 0.0), [reading(7, 0.9)])
    session.add(frame(1, 5.0), [])
    assert session.people() == []


def test_the_table_has_the_one_schema_and_frames_without_a_face():
    session = LiveSession(EMOTIONS)
    session.add(frame(0, 0.0), [reading(0, 0.75), reading(1, 0.25)])
    session.add(frame(1, 0.1), [])
    rows = list(csv.DictReader(io.StringIO(session.csv().decode())))
    assert [(row["frame"], row["track_id"], row["emotion"], row["frame_sad"]) for row in rows] == [
        ("0", "0", "happy", "0.25"),
        ("0", "1", "sad", "0.75"),
        ("1", "", "", ""),
    ]


def test_the_oldest_rows_go_first_and_are_counted():
    session = LiveSession(EMOTIONS, max_rows=10)
    for index in range(25):
        session.add(frame(index, index / 10), [reading(0, 0.9)])
    rows = list(csv.DictReader(io.StringIO(session.csv().decode())))
    assert [int(row["frame"]) for row in rows] == list(range(15, 25))
    assert session.lost_rows == 15


def test_a_new_session_is_empty():
    session = LiveSession(EMOTIONS)
    assert session.last is None
    assert session.people() == []
    assert session.csv().decode().startswith("source,frame,time_s,")
    assert session.pace == (0.0, 0.0)


def test_settings_reach_the_page_as_they_were_given():
    settings = LiveSettings(port=9000, emotions="seven", turn="turn:a.example:3478", turn_user="u", turn_password="p")  # noqa: S106  # of no server
    assert LiveSettings(**json.loads(json.dumps(asdict(settings)))) == settings
    assert json.dumps(settings.ice_servers())
    assert LiveSettings().ice_servers() == []


@pytest.mark.parametrize(
    "wrong",
    [{"stun": "https://a.example"}, {"turn": "turn:a.example"}, {"turn_user": "u"}, {"turn": "a", "turn_user": "u"}],
)
def test_invalid_server_settings_are_refused(wrong):
    with pytest.raises(OptionError) as caught:
        LiveSettings(**wrong)
    assert isinstance(caught.value, MienError)
    assert "--turn" in caught.value.hint or "--stun" in caught.value.hint


def test_streamlit_runs_without_telemetry_on_localhost():
    options = streamlit_options(LiveSettings())
    assert options["browser.gatherUsageStats"] is False
    assert options["server.fileWatcherType"] == "none"
    assert options["server.address"] == "127.0.0.1"
