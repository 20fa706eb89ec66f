"""Readings of known photographs."""

import io
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

import mien
from mien import AbstainReason, Frame, Reader, ReadOptions, SourceError
from mien.model.card import SHIPPED

from .conftest import EXAMPLES


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def test_the_astronaut_is_happy():
    (reading,) = mien.read(EXAMPLES / "astronaut.png")
    assert reading.emotion == "happy"
    assert reading.confidence > 0.8
    assert not reading.abstained
    assert reading.mixed == ()


def test_grace_hopper_is_calm(reader):
    (reading,) = reader.read(str(EXAMPLES / "grace_hopper.jpg"))
    assert reading.emotion == "neutral"


@pytest.mark.parametrize("name", ["happy-sad", "four", "seven", "eight"])
def test_label_sets_condition_the_probabilities(name):
    (reading,) = Reader(ReadOptions(emotions=name)).read(EXAMPLES / "astronaut.png")
    assert reading.emotions == mien.LABEL_SETS[name]
    assert reading.emotion == "happy"
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_conditioning_keeps_the_odds(reader, hopper):
    (full,) = reader.read(hopper.image)
    (part,) = Reader(ReadOptions(emotions="four")).read(hopper.image)
    whole, four = full.scores(), part.scores()
    for one in ("sad", "neutral"):
        assert four[one] / four["happy"] == pytest.approx(whole[one] / whole["happy"], rel=1e-3)


def test_readings_outside_the_label_set_abstain(hopper, astronaut):
    reader = Reader(ReadOptions(emotions="happy-sad"))
    assert reader.read(hopper.image)[0].abstained  # calm: neither happy nor sad
    assert not reader.read(astronaut.image)[0].abstained


def test_the_head_fer2013_has_seven_emotions():
    (reading,) = Reader(ReadOptions(head="fer2013")).read(EXAMPLES / "astronaut.png")
    assert reading.emotions == mien.LABEL_SETS["seven"]
    assert reading.emotion == "happy"


def test_every_kind_of_source_gives_the_same(reader, astronaut):
    path = EXAMPLES / "astronaut.png"
    sources = [path, str(path), path.read_bytes(), Image.open(path), astronaut.image]
    results = reader.read(sources)
    assert len(results) == len(sources)
    for (reading,) in results:
        np.testing.assert_allclose(reading.probabilities, results[0][0].probabilities, atol=1e-5)


def test_an_image_without_a_face_gives_an_empty_list(reader):
    assert reader.read(np.full((200, 300, 3), 120, np.uint8)) == []
    assert reader.read([]) == []


def test_fifty_faces_are_read_in_one_image(reader, crowd, astronaut):
    (faces,) = [found for _, found in reader.read_frames([crowd])]
    assert len(faces) == 50
    happy = [reading.emotion == "happy" for reading in faces]
    assert 20 <= sum(happy) <= 30


def test_order_and_grouping_survive_batching(reader, astronaut, hopper):
    empty = Frame(np.zeros((60, 60, 3), np.uint8), "empty")
    frames = [astronaut, empty, hopper, astronaut, empty]
    counts = [len(found) for _, found in reader.read_frames(frames)]
    assert counts == [1, 0, 1, 1, 0]


def test_images_are_loaded_lazily(reader, astronaut):
    drawn = []

    def endless():
        while True:
            drawn.append(1)
            yield astronaut

    next(iter(reader.read_frames(endless())))
    assert len(drawn) <= 64


def test_whole_reads_a_crop_without_detection(astronaut):
    crop = astronaut.image[50:200, 150:300]
    (reading,) = Reader(ReadOptions(detector="none")).read(np.ascontiguousarray(crop))
    assert reading.face.box.xyxy == (0, 0, 150, 150)
    assert reading.emotion == "happy"


def test_a_readers_own_detector_is_used(astronaut):
    class Nobody:
        def detect(self, frame):
            return []

    assert Reader(detector=Nobody()).read(astronaut.image) == []


def test_a_damaged_image_is_an_error(reader):
    with pytest.raises(SourceError):
        reader.read(b"not an image")


def test_unsure_readings_abstain(hopper):
    (reading,) = Reader(ReadOptions(min_confidence=1.0)).read(hopper.image)
    assert reading.abstained


def test_a_blurred_or_tiny_face_is_not_relied_on(hopper):
    sharp, blurred = hopper.image, cv2.GaussianBlur(hopper.image, (0, 0), 16)
    tiny = cv2.resize(cv2.resize(sharp, None, fx=0.02, fy=0.02, interpolation=cv2.INTER_AREA), (512, 600))
    whole = mien.Reader(mien.ReadOptions(detector="none"))
    assert AbstainReason.BLURRED not in whole.read(sharp[40:400, 80:440])[0].abstain_reasons
    for spoiled in (blurred[40:400, 80:440], tiny[40:400, 80:440]):
        (reading,) = whole.read(np.ascontiguousarray(spoiled))
        assert AbstainReason.BLURRED in reading.abstain_reasons
        assert reading.abstained


def test_probable_non_faces_abstain(reader, crowd):
    """Scores of things that are no face are low; those of clear faces are not."""
    from dataclasses import replace

    (clear, *_) = reader.read(crowd.image)
    assert AbstainReason.NOT_A_FACE not in clear.abstain_reasons
    doubtful = replace(clear.face, score=0.52)
    (reading,) = reader.classify([doubtful], reader.crop(crowd, [doubtful]))
    assert reading.abstain_reasons[0] is AbstainReason.NOT_A_FACE
    whole = Reader(ReadOptions(detector="none"))
    (reading,) = whole.classify([doubtful], whole.crop(crowd, [doubtful]))  # that score is not mien's
    assert AbstainReason.NOT_A_FACE not in reading.abstain_reasons


def test_turned_photos_read_the_same(reader, astronaut):
    turned = Image.fromarray(astronaut.image).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: turn by 90 degrees clockwise
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    (reading,) = reader.read(buffer.getvalue())
    assert reading.emotion == "happy"
    assert reading.face.box.iou(mien.Box(182, 58, 270, 178)) > 0.8


def test_arrays_of_opencv_read_as_their_files(reader, astronaut):
    from_opencv = mien.Reader(channels="bgr")
    (expected,) = reader.read(astronaut.image)
    (read,) = from_opencv.read(np.ascontiguousarray(astronaut.image[..., ::-1]))
    assert read.face.box == expected.face.box
    assert np.array_equal(read.probabilities, expected.probabilities)
    with pytest.raises(mien.OptionError):
        mien.Reader(channels="gbr")


def test_many_images_in_parallel_read_as_one_by_one(astronaut, hopper, crowd, tmp_path):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 cut off")
    reader = mien.Reader(mien.ReadOptions(threads=3))
    sources = [crowd.image, damaged, *[astronaut.image, hopper.image] * 12]
    together = reader.read(sources, errors="return")
    assert [len(readings.errors) for readings in together] == [0, 1] + [0] * 24
    for source, readings in zip(sources, together, strict=True):
        alone = reader.read(source, errors="return")
        assert [reading.emotion for reading in readings] == [reading.emotion for reading in alone]
        for one, other in zip(readings, alone, strict=True):
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)


def test_changed_model_files_are_read_again(tmp_path):
    for name in ("tiny.json", "tiny.onnx"):
        shutil.copy(SHIPPED / name, tmp_path)
    options = ReadOptions(model=str(tmp_path / "tiny.onnx"))
    assert mien.read(EXAMPLES / "astronaut.png", options)[0].emotion == "happy"
    (tmp_path / "tiny.onnx").write_bytes(b"other weights")
    with pytest.raises(mien.ModelError):
        mien.read(EXAMPLES / "astronaut.png", options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_read_and_delete_what_they_inherit():
    program = f"""
import os, mien
photo = {str(EXAMPLES / "astronaut.png")!r}
reader = mien.Reader()
assert reader.read(photo)[0].emotion == mien.read(photo)[0].emotion == "happy"
child = os.fork()
if child == 0:
    del reader
    found = mien.read(photo, mien.ReadOptions(emotions="seven"))[0].emotion
    raise SystemExit(0 if found == "happy" else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
