"""``mien read`` and ``mien watch`` on videos."""

import csv
import json
import shutil
import sys
import time

import numpy as np
import pytest

from mien import batch, video
from mien.io.video import Video

from ..conftest import EXAMPLES, make_clip

pytest.importorskip("av", reason="videos need the extra video")


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_summary_lists_people_and_expressions(mien, clip):
    code, out, _ = mien("read", clip)
    assert code == 0
    assert "happy 100%" in out
    assert "neutral 100%" in out
    assert "30 frames up to 0:01.9, 45 faces, 2 people" in out


def test_every_frame_is_in_the_table(mien, clip, tmp_path):
    code, _, _ = mien("read", clip, "--out", tmp_path / "clip.csv", "--annotate", tmp_path / "marked.mp4")
    assert code == 0
    rows = table(tmp_path / "clip.csv")
    assert [int(row["frame"]) for row in rows] == [*range(15), *(n for n in range(15, 30) for _ in range(2))]
    assert float(rows[-1]["time_s"]) == pytest.approx(29 / 15, abs=0.001)
    assert {row["track_id"]: row["emotion"] for row in rows} == {"1": "happy", "2": "neutral"}
    assert {"happy", "frame_happy"} <= rows[0].keys()
    marked = list(Video(tmp_path / "marked.mp4").frames())
    whole = list(Video(clip).frames())
    assert len(marked) == 30
    assert np.abs(marked[20].image.astype(int) - whole[20].image).mean() > 1


def test_sampled_as_json(mien, clip):
    code, out, _ = mien("read", clip, "--interval", "500ms", "--json", "--emotions", "seven")
    assert code == 0
    assert [row["time_s"] for row in json.loads(out) if row["track_id"] == 1] == pytest.approx(
        [0.0, 0.533, 1.0, 1.533], abs=0.04
    )


def test_photos_and_videos_of_a_folder(mien, clip, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(clip, folder / "video.mp4")
    shutil.copy(EXAMPLES / "astronaut.png", folder / "photo.png")
    (folder / "broken.mkv").write_bytes(b"not a video")
    code, _, err = mien(
        "read", folder, "--interval", "1s", "--out", tmp_path / "all.jsonl", "--annotate", tmp_path / "marked"
    )
    assert code == 3
    assert "broken.mkv cannot be read as a video" in err
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines()]
    assert [(row["source"].rpartition("/")[2], row["track_id"]) for row in rows] == [
        ("photo.png", None),
        ("video.mp4", 1),
        ("video.mp4", 1),
        ("video.mp4", 2),
    ]
    assert sorted(path.name for path in (tmp_path / "marked").iterdir()) == ["photo.png", "video.mp4"]


def interrupt_after(frames: int, monkeypatch):
    original = video.follow_video

    def interrupted(*arguments):
        for number, moment in enumerate(original(*arguments)):
            if number == frames:
                raise KeyboardInterrupt
            yield moment

    monkeypatch.setattr(video, "follow_video", interrupted)


def test_resumed_videos_equal_uninterrupted_ones(mien, clip, tmp_path, monkeypatch):
    whole, parts, marked = tmp_path / "whole.csv", tmp_path / "parts.csv", tmp_path / "marked.mp4"
    assert mien("read", clip, "--out", whole)[0] == 0
    with monkeypatch.context() as patched:
        interrupt_after(20, patched)
        code, _, err = mien("read", clip, "--out", parts, "--annotate", marked)
    assert code == 130
    assert "--resume" in err
    assert not parts.exists()
    assert not marked.exists()
    code, _, err = mien("read", clip, "--out", parts, "--annotate", marked, "--resume")
    assert code == 0
    assert len(list(Video(marked).frames())) == 30
    before, after = table(whole), table(parts)
    assert [(row["frame"], row["track_id"], row["emotion"]) for row in before] == [
        (row["frame"], row["track_id"], row["emotion"]) for row in after
    ]
    for old, new in zip(before, after):
        assert float(old["happy"]) == pytest.approx(float(new["happy"]), abs=2e-3)
        assert float(old["x0"]) == pytest.approx(float(new["x0"]), abs=0.02)
    code, _, err = mien("read", clip, "--out", parts, "--resume")
    assert (code, "nothing to resume" in err) == (0, True)


def test_truncated_videos_give_their_frames_and_a_problem(mien, tmp_path):
    noise = [np.random.default_rng(n).integers(0, 255, (96, 128, 3), np.uint8) for n in range(60)]
    whole = make_clip(tmp_path / "a.mkv", noise)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    code, _, err = mien("read", cut, "--out", tmp_path / "cut.csv")
    assert code == 3
    assert "cut.mkv" in err
    assert 5 < len(table(tmp_path / "cut.csv")) < 55


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--interval", "soon"], 2),
        (["--interval", "0"], 2),
        (["--annotate", "CLIP"], 4),
        (["PHOTO", "--annotate", "m.mp4"], 2),
    ],
)
def test_contradictory_options_are_errors(mien, clip, arguments, code):
    given = {"CLIP": clip, "PHOTO": EXAMPLES / "astronaut.png"}
    ended, _, _ = mien("read", clip, *[given.get(word, word) for word in arguments])
    assert ended == code


def test_without_the_extra_photos_are_still_read(mien, clip, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    code, out, err = mien("read", clip, EXAMPLES / "astronaut.png")
    assert code == 3
    assert "happy" in out
    assert "'av'" in err
    code, _, err = mien("read", clip)
    assert code == 7
    assert "pip install '.[video]'" in err


def test_watching_a_video_prints_changes_and_records(mien, clip, tmp_path):
    code, out, _ = mien("watch", clip, "--view", "none", "--out", tmp_path / "live.csv")
    assert code == 0
    assert "person 1  happy" in out
    assert "person 2  neutral" in out
    assert {row["track_id"] for row in table(tmp_path / "live.csv")} == {"1", "2"}


def test_watching_in_a_terminal(mien, clip):
    code, _, _ = mien("watch", clip, "--view", "terminal", "--duration", "1s")
    assert code == 0


def test_missing_sources_cannot_be_watched(mien, monkeypatch):
    code, _, err = mien("watch", "99")
    assert code == 3
    assert "camera 99 cannot be opened" in err
    assert "Traceback" not in err
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    if sys.platform == "linux":
        assert mien("watch", EXAMPLES / "none.mp4", "--view", "window")[0] == 3


def test_marked_copies_never_replace_what_is_there(mien, clip, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(clip, folder / "a.mp4")
    before = (folder / "a.mp4").read_bytes()
    (tmp_path / "link").symlink_to(folder)
    code, _, err = mien("read", folder, "--annotate", tmp_path / "link")
    assert (code, "could replace originals" in err) == (4, True)
    assert (folder / "a.mp4").read_bytes() == before
    (tmp_path / "precious.mp4").write_bytes(b"precious")
    code, _, err = mien("read", clip, "--annotate", tmp_path / "precious.mp4")
    assert (code, "precious.mp4 exists" in err) == (4, True)
    assert (tmp_path / "precious.mp4").read_bytes() == b"precious"
    shutil.copy(clip, folder / "a.webm")
    shutil.copy(clip, folder / "a.webm.mp4")
    assert mien("read", folder, "--annotate", tmp_path / "marked")[0] == 4


def test_a_resumed_run_lists_earlier_failures(mien, clip, tmp_path, monkeypatch):
    noise = [np.random.default_rng(n).integers(0, 255, (96, 128, 3), np.uint8) for n in range(60)]
    whole = make_clip(tmp_path / "a.mkv", noise)
    (tmp_path / "a.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    shutil.copy(clip, tmp_path / "b.mp4")
    with monkeypatch.context() as patched:
        original = batch.process_video

        def interrupted(video, *arguments, **options):
            if video.path.name == "b.mp4":
                raise KeyboardInterrupt
            return original(video, *arguments, **options)

        patched.setattr(batch, "process_video", interrupted)
        assert mien("read", tmp_path / "a.mkv", tmp_path / "b.mp4", "--out", tmp_path / "t.csv")[0] == 130
    code, _, err = mien("read", tmp_path / "a.mkv", tmp_path / "b.mp4", "--out", tmp_path / "t.csv", "--resume")
    assert code == 3
    assert "a.mkv stops at" in err


def test_videos_with_names_alike_keep_their_rows(mien, clip, tmp_path, monkeypatch):
    for name in ("a.mp4", "a.mp4#b.mp4"):
        shutil.copy(clip, tmp_path / name)
    with monkeypatch.context() as patched:
        interrupt_after(20, patched)
        code, _, _ = mien("read", tmp_path / "a.mp4#b.mp4", tmp_path / "a.mp4", "--out", tmp_path / "t.csv")
    assert code == 130
    code, _, _ = mien("read", tmp_path / "a.mp4#b.mp4", tmp_path / "a.mp4", "--out", tmp_path / "t.csv", "--resume")
    assert code == 0
    for name in ("a.mp4", "a.mp4#b.mp4"):
        frames = {row["frame"] for row in table(tmp_path / "t.csv") if row["source"].endswith(f"/{name}")}
        assert len(frames) == 30


def test_a_camera_that_stops_leaves_its_table(mien, clip, tmp_path, monkeypatch):
    from mien import video as recording
    from mien.io.camera import Camera

    monkeypatch.setattr(recording, "Camera", lambda _: Camera(str(clip)))  # OpenCV reads a video as it reads a stream
    code, _, err = mien("watch", "0", "--out", tmp_path / "s.csv", "--view", "none")
    assert code == 3
    assert "stopped after" in err
    assert table(tmp_path / "s.csv")
    assert not (tmp_path / "s.csv.partial").exists()


def test_watching_ends_in_time(mien, tmp_path):
    slow = make_clip(
        tmp_path / "slow.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3, times=[0.0, 30.0, 60.0], sound=None
    )
    started = time.monotonic()
    assert mien("watch", slow, "--view", "none", "--duration", "1s")[0] == 0
    assert time.monotonic() - started < 20


def test_photos_are_left_out_of_a_timeline(mien, clip, tmp_path):
    assert mien("read", EXAMPLES / "grace_hopper.jpg", clip, "--out", tmp_path / "mix.csv")[0] == 0
    code, out, _ = mien("timeline", tmp_path / "mix.csv", "--srt", tmp_path / "mix.srt")
    assert code == 0
    assert "no face" not in out
    assert "hopper" not in out
