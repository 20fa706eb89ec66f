"""Videos and single images on the live page."""

import base64
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import Frame, Privacy, ReadOptions, SourceError
from mien.apps.live_session import SIDE, LiveReader, reader_for

live_page = pytest.importorskip("mien.apps.live_page", reason="the live app needs streamlit")
av = pytest.importorskip("av", reason="videos need PyAV")


@pytest.fixture(scope="module")
def video(astronaut: Frame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds: one of the astronaut, one of nothing, one of the astronaut again."""
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    face = np.asarray(Image.fromarray(astronaut.image).resize((240, 240)))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=Fraction(10))
        stream.width = stream.height = 240
        for index in range(30):
            image = np.full_like(face, 90) if 10 <= index < 20 else face
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        file.mux(stream.encode())
    return path


@pytest.mark.slow
def test_a_video_is_read_five_times_a_second_with_its_clearest_moment(video):
    done_shares: list[float] = []

    def progress(done: int, total: int | None, note: str = "") -> None:
        done_shares.append(done / (total or 1))

    options = ReadOptions(emotions="four", min_confidence=0.4)
    result, clearest = live_page.read_clip(video, "holiday.mp4", options, Privacy(), progress)
    assert len({row["frame"] for row in result.rows}) == 15
    assert {row["source"] for row in result.rows} == {"holiday.mp4"}
    assert [row["emotion"] for row in result.rows if row["time_s"] in (0.0, 1.4, 2.6)] == ["happy", None, "happy"]
    assert done_shares == sorted(done_shares)
    assert done_shares[-1] == pytest.approx(1, abs=0.07)
    moment = clearest[1]
    assert (moment.reading.emotion, moment.reading.min_confidence) == ("happy", 0.4)
    assert max(Image.open(io.BytesIO(moment.image)).size) <= 640


def test_a_file_that_is_no_video_is_refused(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"no video at all" * 100)
    with pytest.raises(SourceError):
        live_page.read_clip(path, "x.mp4", ReadOptions(), Privacy(), lambda *_: None)


def test_a_camera_of_any_size_is_read_at_one_size_and_followed(astronaut):
    eye = LiveReader(reader_for("default", "four", live=True))
    for side in (128, 512, 700):
        image = np.asarray(Image.fromarray(astronaut.image).resize((side, side)))
        frame, readings = eye.read(image)
        assert max(frame.width, frame.height) == SIDE
        assert [(one.emotion, one.track_id) for one in readings] == [("happy", 1)]
    assert eye.annotate(astronaut.image).shape == (SIDE, SIDE, 3)


def test_an_image_sent_by_the_page_gets_marks(astronaut):
    plain = pytest.importorskip("mien.apps.live_camera", reason="the live app needs streamlit")
    eye = LiveReader(reader_for("default", "four", live=True))
    file = io.BytesIO()
    Image.fromarray(astronaut.image).save(file, "JPEG")
    (mark,) = plain.marks(eye, "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode())
    assert mark["text"].startswith("happy")
    for wrong in ("", "data:image/jpeg;base64,", "data:image/jpeg;base64,!!", "data:text/plain;base64,aGk=", "x" * 10):
        assert plain.marks(eye, wrong) == []


def test_others_are_masked_live_and_no_image_is_kept(astronaut):
    from mien.drawing import COVER
    from mien.redaction import LiveMasker

    two = np.full((300, 640, 3), 90, np.uint8)
    face = Image.fromarray(astronaut.image[20:240, 110:330])
    two[20:280, 20:280] = np.asarray(face.resize((260, 260)))
    two[60:220, 400:560] = np.asarray(face.resize((160, 160)))
    eye = LiveReader(
        reader_for("default", None, live=True, masking=True), masker=LiveMasker(ReadOptions()), keep_images=False
    )
    frame, readings = eye.read(two)
    assert len(readings) == 1
    assert readings[0].face.box.x1 < 320
    assert (frame.image[90:170, 450:510] == COVER).all()
    remembered = eye.session.last
    assert remembered is not None
    assert remembered[0].image.size == 3


def test_a_change_of_scene_reaches_the_list_of_people_with_its_first_frame(astronaut, hopper):
    eye = LiveReader(reader_for("default", "four", live=True))
    for _ in range(4):
        eye.read(astronaut.image)
    assert [(one.reading.emotion, one.present) for one in eye.session.people()] == [("happy", True)]
    eye.read(hopper.image)
    assert [one.reading.emotion for one in eye.session.people() if one.present] == ["neutral"]
