"""Videos as streams: times, resumption and truncated files."""

import numpy as np
import pytest

from mien.errors import OptionError, SourceError, TooLargeError
from mien.io.video import Video, is_video
from mien.report.format import clock

from ..conftest import make_clip

pytest.importorskip("av", reason="videos need the extra video")

GRAY = [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(30)]


def times(frames):
    return [round(frame.time_s, 3) for frame in frames]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "ts"])
def test_every_frame_with_its_time(tmp_path, ending):
    video = Video(make_clip(tmp_path / f"a.{ending}", GRAY, rate=10))
    frames = list(video.frames())
    assert (video.facts.width, video.facts.height, round(video.facts.rate)) == (64, 48, 10)
    assert times(frames) == pytest.approx([n / 10 for n in range(30)], abs=0.002)
    assert [frame.index for frame in frames] == list(range(30))
    assert all(abs(float(frame.image.mean()) - 8 * n) < 6 for n, frame in enumerate(frames))
    assert video.problems == ()


def test_a_variable_rate_keeps_its_times(tmp_path):
    shown = [0.0, 0.1, 0.15, 0.5, 1.4, 1.45]
    video = Video(make_clip(tmp_path / "v.mp4", GRAY[:6], times=shown, sound=None))
    assert times(video.frames()) == shown
    sampled = Video(tmp_path / "v.mp4", interval_s=0.3)
    assert times(sampled.frames()) == [0.0, 0.5, 1.4]
    assert [frame.index for frame in sampled.frames()] == [0, 3, 4]


@pytest.mark.parametrize("interval_s", [0.0, 0.25])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_resumed_tracking_equals_uninterrupted(tmp_path, ending, interval_s):
    video = Video(make_clip(tmp_path / f"a.{ending}", GRAY * 6, rate=10), interval_s=interval_s)
    whole = [(frame.index, round(frame.time_s, 3)) for frame in video.frames()]
    for stopped_after in (0, 3, len(whole) // 2, len(whole) - 1):
        rest = [(frame.index, round(frame.time_s, 3)) for frame in video.frames(after=whole[stopped_after])]
        assert rest == whole[stopped_after + 1 :]


def test_phone_photos_are_turned_upright(tmp_path):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = 255  # white on the left; a quarter turn counterclockwise puts it at the bottom
    video = Video(make_clip(tmp_path / "p.mp4", [image] * 3, turned=90))
    (frame, *_) = video.frames()
    assert frame.image.shape == (64, 48, 3)
    assert (video.facts.width, video.facts.height) == (48, 64)
    assert frame.image[-8:].mean() > 240
    assert frame.image[:8].mean() < 15


def test_truncated_videos_report_one_problem(tmp_path):
    whole = make_clip(
        tmp_path / "a.mkv", [np.random.default_rng(n).integers(0, 255, (48, 64, 3), np.uint8) for n in range(60)]
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = Video(cut)
    frames = list(video.frames())
    assert 5 < len(frames) < 55
    assert len(video.problems) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"no video at all" * 50, None],
)
def test_a_file_that_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError):
        Video(path)


def test_an_mp4_without_its_end_cannot_be_read(tmp_path):
    whole = make_clip(tmp_path / "a.mp4", GRAY)
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(SourceError):
        Video(tmp_path / "cut.mp4")


def test_files_with_sound_only_are_refused(tmp_path):
    import av

    with av.open(str(tmp_path / "s.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        part.sample_rate = 16_000
        file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    with pytest.raises(SourceError):
        Video(tmp_path / "s.mp4")


def test_limits(clip):
    with pytest.raises(TooLargeError):
        Video(clip, max_megapixels=0.05)
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(OptionError):
            Video(clip, interval_s=wrong)


def test_names_and_clocks():
    assert is_video("A.MP4")
    assert not is_video("a.jpg")
    assert [clock(s, 1) for s in (0, 59.96, 61.25, 3600)] == ["0:00.0", "1:00.0", "1:01.2", "1:00:00.0"]


@pytest.mark.parametrize("seconds", [1.0, 5.0])
def test_slow_videos_are_not_reported_as_truncated(tmp_path, seconds):
    shown = [seconds * n for n in range(6)]
    for ending in ("mp4", "mkv"):
        video = Video(make_clip(tmp_path / f"slow.{ending}", GRAY[:6], times=shown, rate=1, sound=None))
        assert times(video.frames()) == shown
        assert video.problems == ()


def test_videos_that_start_late_start_at_zero(tmp_path):
    video = Video(make_clip(tmp_path / "late.mkv", GRAY, times=[5 + n / 10 for n in range(30)], rate=10, sound=None))
    whole = [(frame.index, round(frame.time_s, 3)) for frame in video.frames()]
    assert whole[0] == (0, 0.0)
    assert whole[-1] == (29, 2.9)
    assert video.problems == ()
    assert [(frame.index, round(frame.time_s, 3)) for frame in video.frames(after=whole[10])] == whole[11:]


@pytest.mark.parametrize(
    ("ending", "codec"), [("avi", "mpeg4"), ("mpg", "mpeg2video"), ("avi", "libx264"), ("mpg", "libx264")]
)
def test_formats_without_times_are_counted(tmp_path, ending, codec):
    import av

    path = tmp_path / f"a.{ending}"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in GRAY:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode(None))
    video = Video(path)
    whole = [(frame.index, round(frame.time_s, 3)) for frame in video.frames()]
    assert whole == [(n, round(n / 25, 3)) for n in range(len(whole))]
    assert len(whole) >= 28  # the last of MPEG-4 with B-frames may be lost
    assert [(frame.index, round(frame.time_s, 3)) for frame in video.frames(after=whole[7])] == whole[8:]


def test_a_name_with_a_colon_is_a_name(tmp_path, monkeypatch, clip):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "10:30.mp4").write_bytes(clip.read_bytes())
    assert len(list(Video("10:30.mp4").frames())) == 30
    with pytest.raises(SourceError):
        Video("http://127.0.0.1:9/a.mp4")  # never fetched
