"""Videos are recognized by their content, shown upright for every display matrix, and timed by their timestamps."""

import os
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av", reason="videos need the extra video")

import mien
from mien.io.video import Video, is_video

from ..conftest import make_clip

#: a, b, c, d of the display matrix -> the upright image, from the stored one.
ORIENTATIONS = {
    (1, 0, 0, 1): lambda stored: stored,
    (-1, 0, 0, 1): lambda stored: stored[:, ::-1],
    (1, 0, 0, -1): lambda stored: stored[::-1],
    (-1, 0, 0, -1): lambda stored: stored[::-1, ::-1],
    (0, 1, -1, 0): lambda stored: np.rot90(stored, -1),
    (0, -1, 1, 0): lambda stored: np.rot90(stored, 1),
    (0, 1, 1, 0): lambda stored: stored.swapaxes(0, 1),
    (0, -1, -1, 0): lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
}


@pytest.fixture(scope="module")
def quadrants():
    """Four gray levels, so that each orientation is different: 64 x 96."""
    image = np.zeros((64, 96, 3), np.uint8)
    image[:32, :48], image[:32, 48:], image[32:, :48], image[32:, 48:] = 20, 90, 160, 230
    return image


def with_matrix(path, a, b, c, d):
    """Change the display matrix in a track's header ('tkhd')."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    content[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def copied(path, target):
    """Copy the images of a video into another container, undecoded."""
    import av

    with av.open(str(path)) as source, av.open(str(target), "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    return target


@pytest.mark.parametrize("aspect", [1, 2, 0.5])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("matrix", list(ORIENTATIONS))
def test_every_display_matrix_gives_upright_frames(matrix, ending, aspect, quadrants, tmp_path):
    """Matroska stores the matrix as roll and yaw; pixels are ``aspect`` times as wide as high."""
    clip = make_clip(tmp_path / f"clip{ending.replace('mkv', 'mp4')}", [quadrants] * 3, sound=None, aspect=aspect)
    with_matrix(clip, *matrix)
    if ending == ".mkv":
        clip = copied(clip, tmp_path / "clip.mkv")
    columns = (np.arange(96 * aspect) / aspect).astype(int)
    expected = ORIENTATIONS[matrix](quadrants[:, columns])
    frame = next(Video(clip).frames())
    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected)[4:-4, 4:-4].mean() < 6


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".avi", ".webm", ".mpg", ".ts", ".flv"])
def test_videos_are_read_without_their_ending(ending, quadrants, tmp_path):
    codec = {".webm": "libvpx", ".mpg": "mpeg2video"}.get(ending, "libx264")
    import av

    path = tmp_path / f"clip{ending}"
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(quadrants, format="rgb24")))
        file.mux(stream.encode(None))
    for name in ("clip", "clip.bin", "clip.jpg"):
        assert is_video(path.rename(tmp_path / name))
        assert len(list(Video(tmp_path / name).frames())) == 5
        (tmp_path / name).rename(path)


@pytest.mark.parametrize(
    ("form", "codec", "options"),
    [
        ("mpegts", "libx264", {"mpegts_m2ts_mode": "1"}), ("h264", "libx264", {}), ("hevc", "libx265", {}),
        ("ivf", "libvpx", {}), ("nut", "libx264", {}), ("rm", "rv10", {}),
    ],
)  # fmt: skip
def test_rarer_formats_are_recognized_without_their_ending(form, codec, options, quadrants, tmp_path):
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = tmp_path / "clip"
    with av.open(str(path), "w", format=form, options=options) as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(quadrants, format="rgb24")))
        file.mux(stream.encode(None))
    assert is_video(path)
    assert len(list(Video(path).frames())) == 5


def test_movies_may_begin_with_free_space(clip):
    for kind in (b"free", b"wide", b"skip"):
        assert is_video("upload", struct.pack(">I", 16) + kind + bytes(8) + clip.read_bytes())


def test_a_gif_that_looks_like_a_transport_stream_is_an_image():
    assert not is_video("upload", (b"GIF89a" + bytes(182) + b"G").ljust(300, b"\0"))


def test_images_and_programs_are_no_videos(tmp_path, hopper):
    from PIL import Image

    for ending in (".jpg", ".png", ".gif", ".webp", ".avif", ".tiff"):
        path = tmp_path / f"photo{ending}"
        Image.fromarray(hopper.image[:64, :64]).save(path)
        path.rename(tmp_path / "photo")
        assert not is_video(tmp_path / "photo")
    (tmp_path / "code.ts").write_text("export const answer = 42;\n" * 20)
    assert not is_video(tmp_path / "code.ts")
    assert is_video(tmp_path / "missing.mp4")
    assert not is_video("upload.mp4", (tmp_path / "photo").read_bytes())


def test_uploads_are_recognized_by_their_content(clip):
    assert is_video("upload", clip.read_bytes())
    with pytest.raises(mien.SourceError) as caught:
        mien.read(clip.read_bytes())
    assert "read_video" in caught.value.hint


def test_rates_of_recorders_are_measured(quadrants, tmp_path):
    """Browsers record WebM with a nominal rate of 1000 and no duration."""
    times = [0.0, 0.1, 0.15, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0]
    import av

    path = tmp_path / "recorded.webm"
    with av.open(str(path), "w", options={"live": "1"}) as file:
        stream = file.add_stream("libvpx", rate=1000)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for time_s in times:
            frame = av.VideoFrame.from_ndarray(quadrants, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    video = Video(path)
    assert video.facts.rate == pytest.approx(9, abs=0.5)
    assert [frame.time_s for frame in video.frames()] == pytest.approx(times, abs=0.002)


def test_recordings_without_timestamps_give_the_same_people(clip, tmp_path):
    """The same frames as MP4, and as WebM whose header holds a clock of 1000 Hz."""
    import av

    images = [frame.image for frame in Video(clip).frames()]
    times = [number / 7 for number in range(len(images))]
    webm = tmp_path / "clip.webm"
    with av.open(str(webm), "w", options={"live": "1"}) as file:
        stream = file.add_stream("libvpx", rate=1000, options={"crf": "4", "b": "4M"})
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], "yuv420p"
        for time_s, image in zip(times, images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    twin = make_clip(tmp_path / "clip.mp4", images, times=times, rate=7, sound=None)
    people = [
        sorted({one.track_id for _, readings in mien.read_video(one_of) for one in readings}) for one_of in (webm, twin)
    ]
    assert people[0] == people[1] == [1, 2]


def test_restarted_clocks_continue_and_single_wrong_times_are_ignored():
    from mien.io.video import _Clock

    joined, glitch = _Clock(0.1), _Clock(0.1)
    stored = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 3.5, 0.0]
    assert [joined.time_s(one) for one in stored] == pytest.approx([0, 1, 2, 2.1, 3.1, 4.1, 5.6, 5.7])
    stored = [10.0, 10.1, 0.0, 0.0, 10.4, 10.5, 12.0]
    assert [glitch.time_s(one) for one in stored] == pytest.approx([10, 10.1, 10.2, 10.2, 10.4, 10.5, 12])


def test_recordings_with_restarting_clocks_lose_no_frame(quadrants, tmp_path):
    """MPEG-TS files are joined by copying them one after the other; cameras restart their clock, too."""
    import av

    parts = []
    for number, size in enumerate(((96, 64), (192, 128))):
        path = tmp_path / f"{number}.ts"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for _ in range(20):
                shown = quadrants.repeat(size[1] // 64, 0).repeat(size[0] // 96, 1)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), format="rgb24")))
            file.mux(stream.encode(None))
        parts.append(path.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    frames = list(Video(joined).frames())
    assert len(frames) >= 39  # where the size changes, the decoder may drop one
    assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
    times = [frame.time_s for frame in frames]
    assert np.diff(times) == pytest.approx(1 / 25, abs=0.005)
    half = frames[29]
    rest = list(Video(joined).frames(after=(half.index, half.time_s)))
    assert [(one.index, one.time_s) for one in rest] == [(one.index, pytest.approx(one.time_s)) for one in frames[30:]]


def with_two_keyframes(path):
    """A video of 8 s and its packets' places in the file; keyframes are at 0 and 5 s."""
    import av

    noise = np.random.default_rng(2).integers(0, 256, (64, 96, 3), np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"g": "125", "keyint_min": "125", "sc_threshold": "0"})
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for _ in range(200):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        file.mux(stream.encode(None))
    with av.open(str(path)) as file:
        return [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]


@pytest.mark.parametrize(("frame", "first_s"), [(0, 5.0), (60, 0.0)])
def test_damaged_videos_say_so_and_keep_their_times(frame, first_s, tmp_path):
    """The first keyframe, or a frame in the middle, is overwritten."""
    path = tmp_path / "clip.mp4"
    start, size = with_two_keyframes(path)[frame]
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)
    video = Video(path)
    times = [one.time_s for one in video.frames()]
    assert times[0] == pytest.approx(first_s)
    assert times[-1] == pytest.approx(7.96)
    assert video.problems
    assert video.facts.duration_s == pytest.approx(8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("name", ["pipe.jpg", "pipe.mp4"])
def test_a_named_pipe_is_a_failure_and_is_not_waited_for(name, tmp_path):
    os.mkfifo(tmp_path / name)
    Image.new("RGB", (32, 32)).save(tmp_path / "plain.png")
    result = mien.read_files(str(tmp_path), mien.ReadOptions(threads=1))
    assert result.images == 1
    assert [os.path.basename(failure.source) for failure in result.failures] == [name]  # noqa: PTH119
