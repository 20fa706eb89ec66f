"""Annotated videos keep times and sound, and are written atomically."""

from fractions import Fraction

import numpy as np
import pytest

from mien.errors import OptionError, OutputError
from mien.io.annotated_copies import video_writer
from mien.io.video import Video

from ..conftest import make_clip

av = pytest.importorskip("av", reason="videos need the extra video")

SHOWN = [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(20)]


def sound_of(path):
    with av.open(str(path)) as film:
        stream = film.streams.audio[0]
        return np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(stream)]), stream.rate


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_images_keep_their_times(tmp_path, ending):
    shown = [0.0, 0.1, 0.15, 0.9, 2.0]
    with video_writer(tmp_path / "new" / f"a.{ending}") as film:
        for image, time_s in zip(SHOWN, shown):
            film.write(image, time_s)
    frames = list(Video(tmp_path / "new" / f"a.{ending}").frames())
    assert [frame.time_s for frame in frames] == pytest.approx(shown, abs=0.002)
    assert all(abs(float(frame.image.mean()) - 8 * n) < 6 for n, frame in enumerate(frames))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"a.{ending}"]


@pytest.mark.parametrize(("given", "codec"), [("mkv", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac")])
def test_the_sound_stays(tmp_path, given, codec):
    source = make_clip(tmp_path / f"s.{given}", SHOWN, rate=10, sound=codec)
    with video_writer(tmp_path / "m.mp4", sound_from=source) as film:
        for frame in Video(source).frames():
            film.write(frame.image, frame.time_s)
    wave, rate = sound_of(tmp_path / "m.mp4")
    assert len(wave) / rate == pytest.approx(1.9, abs=0.15)
    middle = wave[len(wave) // 4 : len(wave) // 2]
    loudest = np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle)
    assert loudest == pytest.approx(440, abs=5)


def test_videos_without_sound_stay_without(tmp_path):
    source = make_clip(tmp_path / "s.mp4", SHOWN, sound=None)
    with video_writer(tmp_path / "m.mp4", sound_from=source) as film:
        film.write(SHOWN[0], 0.0)
    with av.open(str(tmp_path / "m.mp4")) as made:
        assert len(made.streams.audio) == 0


def test_odd_sizes_lose_no_row_and_no_column(tmp_path):
    image = np.zeros((49, 65, 3), np.uint8)
    image[48], image[:, 64] = 255, 255
    with video_writer(tmp_path / "m.mp4") as film:
        film.write(image, 0.0)
    (frame,) = Video(tmp_path / "m.mp4").frames()
    assert frame.image.shape == (50, 66, 3)
    assert frame.image[48:].min() > 200
    assert frame.image[:, 64:].min() > 200
    assert frame.image[:46, :62].max() < 60


def test_interrupted_videos_leave_no_file(tmp_path):
    def interrupted():
        with video_writer(tmp_path / "m.mp4") as film:
            film.write(SHOWN[0], 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written_raises(tmp_path):
    with pytest.raises(OptionError), video_writer(tmp_path / "m.gif"):
        pass
    with pytest.raises(OutputError), video_writer(tmp_path / "m.mp4"):
        pass
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError), video_writer(tmp_path / "file" / "m.mp4"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("rate", "begins_s"), [(16_000, 1.0), (192_000, 0.0), (4_000, 0.5)])
def test_sound_of_any_rate_stays_in_its_place(tmp_path, rate, begins_s):
    source = tmp_path / "s.mkv"
    with av.open(str(source), "w") as film:
        images = film.add_stream("libx264", rate=10)
        images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
        sound = film.add_stream("pcm_s16le", rate=rate, layout="mono")
        for image in SHOWN:
            film.mux(images.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        film.mux(images.encode(None))
        loud = np.tile(np.array([20_000, -20_000], np.int16), rate // 2)[None]
        part = av.AudioFrame.from_ndarray(loud, format="s16", layout="mono")
        part.sample_rate, part.pts, part.time_base = rate, round(begins_s * rate), Fraction(1, rate)
        for packet in sound.encode(part):
            packet.pts = packet.dts = round(begins_s * 1000)
            packet.time_base = Fraction(1, 1000)
            film.mux(packet)
    with video_writer(tmp_path / "m.mp4", sound_from=source) as film:
        for frame in Video(source).frames():
            film.write(frame.image, frame.time_s)
    wave, kept_rate = sound_of(tmp_path / "m.mp4")
    if rate != 192_000:  # 96 kHz cannot be heard, nor kept
        begins = np.argmax(np.abs(wave) > 0.05) / kept_rate
        assert begins == pytest.approx(begins_s, abs=0.1)
    assert len(wave) / kept_rate == pytest.approx(begins_s + 1, abs=0.15)
