"""Projects of BORIS, in the layout of its formats 4.0 and 7.0."""

import json

import pytest

from mien.errors import DataError
from mien.io.annotations import Annotation, read_annotations

CONF = {
    "0": {"type": "Point event", "code": "beep"},
    "1": {"type": "State event", "code": "happy"},
    "2": {"type": "State event with coding map", "code": "look"},
}


def write(path, *observations, conf=CONF):
    project = {"observations": {f"o{n}": one for n, one in enumerate(observations)}, "behaviors_conf": conf}
    path.write_text(json.dumps({"project_format_version": "7.0", **project}))
    return path


def media(events, *files, lengths=None):
    return {
        "type": "MEDIA", "time offset": 0.0, "events": events, "file": {"1": list(files), "2": []},
        "media_info": {"length": lengths or {}},
    }  # fmt: skip


def test_states_are_paired_by_subject_behavior_and_modifiers(tmp_path):
    events = [
        [1.0, "P01", "happy", "", ""],
        [1.5, "P02", "happy", "", "", 45],
        [2.0, "P01", "look", "left", ""],
        [2.5, "P01", "look", "right", ""],
        [3.0, "P01", "look", "left", ""],
        [4.0, "P01", "happy", "", ""],
        [4.5, "", "beep", "None", ""],
        [5.0, "P02", "happy", "", ""],
        [6.0, "P01", "look", "right", ""],
    ]
    # The order in the file does not matter
    path = write(tmp_path / "a.boris", media(events[::-1], "videos/talk.mp4"))
    video = "videos/talk.mp4"
    assert read_annotations(path) == (
        Annotation(1.0, 4.0, "happy", "P01", video),
        Annotation(1.5, 5.0, "happy", "P02", video),
        Annotation(2.0, 3.0, "look", "P01", video),
        Annotation(2.5, 6.0, "look", "P01", video),
        Annotation(4.5, 4.5, "beep", "", video),
    )


def test_a_state_that_is_never_stopped_ends_with_the_last_event(tmp_path):
    path = write(tmp_path / "a.boris", media([[1, "", "happy", "", ""], [9, "", "beep", "", ""]], "a.mp4"))
    assert read_annotations(path)[0].end_s == 9


def test_videos_one_after_the_other(tmp_path):
    events = [[5, "", "beep", "", ""], [15, "", "happy", "", ""], [18, "", "happy", "", ""]]
    path = write(tmp_path / "a.boris", media(events, "a.mp4", "b.mp4", lengths={"a.mp4": 10.0, "b.mp4": 20.0}))
    assert [(one.start_s, one.end_s, one.source) for one in read_annotations(path)] == [
        (5, 5, "a.mp4"),
        (5, 8, "b.mp4"),
    ]


def test_observations_without_video_or_times(tmp_path):
    live = {"type": "LIVE", "file": [], "events": [[2.5, "P01", "beep", "", ""]]}
    images = {"type": "IMAGES", "file": {}, "events": [[None, "P01", "beep", "", "", 3], ["NA", "P01", "beep", "", ""]]}
    path = write(tmp_path / "a.boris", live, images)
    assert read_annotations(path) == (Annotation(2.5, 2.5, "beep", "P01"),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"observations": {"a": {}}, "behaviors_conf": {}}',
        b'{"observations": 3}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_project_is_named(tmp_path, content):
    (tmp_path / "a.boris").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_annotations(tmp_path / "a.boris")
    assert caught.value.path == str(tmp_path / "a.boris")


def test_an_event_belongs_to_its_video(tmp_path):
    one = Annotation(0, 1, "x", source=r"C:\study\P01.mp4")
    assert one.is_of("videos/P01.mp4")
    assert not one.is_of("videos/P02.mp4")
    assert Annotation(0, 1, "x", source="P01").is_of("videos/P01.mp4")
    assert Annotation(0, 1, "x").is_of("any.mp4")
