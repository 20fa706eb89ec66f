"""Annotated films: the pictures at their times, the sound beside them, whole or not at all."""

import numpy as np
import pytest

from mien.errors import OptionError, OutputError
from mien.sinks.film import film_writer
from mien.sources.film import Film

from ..conftest import make_clip

av = pytest.importorskip("av", reason="films need the extra video")

SHOWN = [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(20)]


def sound_of(path):
    with av.open(str(path)) as film:
        stream = film.streams.audio[0]
        return np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(stream)]), stream.rate


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_pictures_keep_their_times(tmp_path, ending):
    shown = [0.0, 0.1, 0.15, 0.9, 2.0]
    with film_writer(tmp_path / "new" / f"a.{ending}") as film:
        for image, time_s in zip(SHOWN, shown):
            film.write(image, time_s)
    frames = list(Film(tmp_path / "new" / f"a.{ending}").frames())
    assert [frame.time_s for frame in frames] == pytest.approx(shown, abs=0.002)
    assert all(abs(float(frame.image.mean()) - 8 * n) < 6 for n, frame in enumerate(frames))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"a.{ending}"]


@pytest.mark.parametrize(("given", "codec"), [("mkv", "aac"), ("mkv", "pcm_s16le"), ("ts", "aac")])
def test_the_sound_stays(tmp_path, given, codec):
    source = make_clip(tmp_path / f"s.{given}", SHOWN, rate=10, sound=codec)
    with film_writer(tmp_path / "m.mp4", sound_from=source) as film:
        for frame in Film(source).frames():
            film.write(frame.image, frame.time_s)
    wave, rate = sound_of(tmp_path / "m.mp4")
    assert len(wave) / rate == pytest.approx(1.9, abs=0.15)
    middle = wave[len(wave) // 4 : len(wave) // 2]
    loudest = np.argmax(np.abs(np.fft.rfft(middle))) * rate / len(middle)
    assert loudest == pytest.approx(440, abs=5)


def test_a_silent_film_stays_silent(tmp_path):
    source = make_clip(tmp_path / "s.mp4", SHOWN, sound=None)
    with film_writer(tmp_path / "m.mp4", sound_from=source) as film:
        film.write(SHOWN[0], 0.0)
    with av.open(str(tmp_path / "m.mp4")) as made:
        assert len(made.streams.audio) == 0


def test_odd_sizes_lose_a_row(tmp_path):
    with film_writer(tmp_path / "m.mp4") as film:
        film.write(np.zeros((49, 65, 3), np.uint8), 0.0)
    assert Film(tmp_path / "m.mp4").facts.width == 64


def test_an_interrupted_film_leaves_nothing(tmp_path):
    def interrupted():
        with film_writer(tmp_path / "m.mp4") as film:
            film.write(SHOWN[0], 0.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_says_so(tmp_path):
    with pytest.raises(OptionError, match=r"\.mp4, \.mkv, \.mov"), film_writer(tmp_path / "m.gif"):
        pass
    with pytest.raises(OutputError, match="no picture"), film_writer(tmp_path / "m.mp4"):
        pass
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"), film_writer(tmp_path / "file" / "m.mp4"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
