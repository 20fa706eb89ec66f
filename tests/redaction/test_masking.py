"""Other faces are masked, and the rest of the image is unchanged."""

import json

import numpy as np
import pytest
from PIL import Image

from mien import Frame, OptionError, Reader, ReadOptions
from mien.detection.base import THRESHOLDS
from mien.drawing import COVER, mask_faces
from mien.redaction import PhotoMasker, Privacy, masking_options
from mien.types import Box, Face, Reading

EMOTIONS = ("happy", "sad")


def noise(height: int = 200, width: int = 300) -> Frame:
    return Frame(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8), "noise")


def reading(box: Box, score: float = 0.9) -> Reading:
    return Reading(Face(box, score), EMOTIONS, np.array([0.8, 0.2], np.float32))


def changed(before: Frame, after: Frame) -> np.ndarray:
    return (before.image != after.image).any(2)


def test_a_covered_face_is_one_color_and_nothing_else_moves():
    frame, box = noise(), Box(100, 60, 160, 140)
    after = mask_faces(frame, [box])
    assert (after.image[60:141, 100:161] == COVER).all()
    assert not changed(frame, after)[:, :70].any()
    assert not changed(frame, after)[:, 190:].any()
    assert not changed(frame, after)[180:].any()
    assert frame.image[100, 130].tolist() != list(COVER)  # the original is left alone


def test_faces_that_differ_under_the_mask_give_equal_images():
    box = Box(100, 60, 160, 140)
    one, other = noise(), noise()
    other.image[30:160, 80:180] = 255 - other.image[30:160, 80:180]
    inside = changed(one, mask_faces(one, [box])) | changed(other, mask_faces(other, [box]))
    np.testing.assert_array_equal(mask_faces(one, [box]).image[inside], mask_faces(other, [box]).image[inside])


@pytest.mark.parametrize("box", [Box(-40, -30, 20, 40), Box(280, 170, 340, 260), Box(500, 500, 520, 520)])
def test_faces_at_and_beyond_the_edge(box):
    after = mask_faces(noise(), [box])
    part = after.image[max(0, int(box.y0)) : max(0, int(box.y1)), max(0, int(box.x0)) : max(0, int(box.x1))]
    assert (part == COVER).all()


def test_neighboring_faces_are_masked_without_the_rim():
    frame, other, mine = noise(), Box(60, 60, 120, 140), Box(110, 60, 170, 140)
    hit = changed(frame, mask_faces(frame, [other], [mine]))
    assert hit[60:141, 60:121].all()
    y, x = np.mgrid[:200, :300]
    face = ((x - 140) / 30) ** 2 + ((y - 100) / 40) ** 2 <= 1
    assert not hit[face & (x > 121)].any()
    assert hit[136:140, 122:124].all()  # the corner of the box is not the face: what is there may be the other's cheek
    assert not changed(frame, mask_faces(frame, [], [mine], [other]))[face].any()  # a guess covers no face


def test_photos_without_others_are_not_copied():
    frame = noise()
    assert mask_faces(frame, []) is frame


def test_the_widest_certain_face_stays_unmasked():
    small, wide = reading(Box(10, 10, 40, 50)), reading(Box(150, 60, 220, 150))
    doubtful = reading(Box(240, 10, 299, 120), score=0.2)
    frame = noise()
    shown, kept = PhotoMasker(ReadOptions()).mask(frame, [small, doubtful, wide])
    assert kept == [wide]
    assert (shown.image[10:51, 10:41] == COVER).all()
    assert (shown.image[10:121, 240:300] == COVER).all()  # not sure enough to be read, but enough to be hidden
    assert not changed(frame, shown)[60:151, 150:221].any()


def test_uncertain_boxes_inside_the_kept_face_are_not_masked():
    frame, mine = noise(), reading(Box(50, 20, 150, 160))
    mouth = reading(Box(80, 110, 120, 140), score=0.2)
    assert PhotoMasker(ReadOptions()).mask(frame, [mine, mouth])[0] is frame
    shown, kept = PhotoMasker(ReadOptions()).mask(frame, [mouth])
    assert (kept, bool(changed(frame, shown).any())) == ([], True)


def test_masking_searches_for_weaker_and_smaller_faces():
    looking = masking_options(ReadOptions())
    assert looking.detector_threshold == pytest.approx(THRESHOLDS[ReadOptions().detector] / 2)
    assert looking.min_face == 20
    assert masking_options(ReadOptions(detector_threshold=0.8, min_face=50)).min_face == 50
    assert masking_options(ReadOptions(), moving=True).min_face is None
    with pytest.raises(OptionError):
        masking_options(ReadOptions(detector="none"))


def test_real_faces(pair):
    options = ReadOptions()
    readings = Reader(masking_options(options)).read(pair.image)
    shown, kept = PhotoMasker(options).mask(pair, readings)
    assert [one.emotion for one in kept] == ["neutral"]
    assert [one.emotion for one in Reader(options).read(shown.image)] == ["neutral"]  # nobody finds the other again
    (other,) = [one.face.box for one in readings if one.face.box.x0 < 200]
    x0, y0, x1, y1 = (round(side) for side in other.xyxy)
    assert shown.image[y0:y1, x0:x1].std(axis=(0, 1)).max() == 0  # no contrast is left to correlate with anything
    np.testing.assert_array_equal(shown.image[:, 260:], pair.image[:, 260:])


def test_the_command_writes_one_row_and_covers_the_other(mien, pair, tmp_path):
    Image.fromarray(pair.image).save(tmp_path / "pair.png")
    code, out, _ = mien("read", tmp_path / "pair.png", "--mask-others", "--json", "--annotate", tmp_path / "marked")
    assert code == 0
    assert [row["emotion"] for row in json.loads(out)] == ["neutral"]
    marked = np.asarray(Image.open(tmp_path / "marked" / "pair.png"))
    assert (marked == COVER).all(2)[80:220, 40:180].sum() > 5000
    assert mien("read", tmp_path / "pair.png", "--mask-others", "--detector", "none")[0] == 2


@pytest.mark.slow
def test_explanations_of_the_unmasked_person(mien, pair, tmp_path):
    Image.fromarray(pair.image).save(tmp_path / "pair.png")
    code, out, _ = mien("explain", tmp_path / "pair.png", "--mask-others", "--model", "tiny")
    assert (code, out.count("face 1"), out.count("face 2")) == (0, 1, 0)


def test_choices():
    with pytest.raises(OptionError):
        Privacy(show_people=(1,))
    with pytest.raises(OptionError):
        Privacy(mask_others=True, show_people=(0,))
    Privacy(no_image_output=True).refuse_images({"--annotate": None, "--share": False})


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (["read", "x.png", "--annotate", "marked"], "--annotate marked"),
        (["watch", "0", "--view", "window"], "--view window"),
        (["explain", "x.png", "--out", "why.html"], "--out why.html"),
        (["app", "photo", "--flags", "kept"], "--flags kept"),
        (["app", "photo", "--share"], "--share"),
        (["app", "live", "--turn", "turn:a:1", "--turn-user", "u", "--turn-password", "p"], "--turn turn:a:1"),
    ],
)
def test_privacy_without_images_refuses_image_outputs(mien, command, named):
    code, _, err = mien(*command, "--no-image-output")
    assert code == 2
    assert named in err


def test_without_images_the_numbers_are_the_same(mien, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("mien.cli.table.preview", lambda *_, **__: pytest.fail("an image was drawn"))
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("FORCE_COLOR", "1")
    Image.fromarray(pair.image).save(tmp_path / "pair.png")
    code, out, _ = mien("read", tmp_path / "pair.png", "--no-image-output")
    assert code == 0
    assert "neutral" in out
