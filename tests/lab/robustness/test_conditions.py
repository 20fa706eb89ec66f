"""Effects of the corruptions of ``mien lab robustness``."""

from dataclasses import replace

import numpy as np
import pytest

from mien import Frame, Reader, ReadOptions
from mien.data.preprocessing import FaceFinder
from mien.errors import OptionError
from mien.lab.robustness_test.conditions import CONDITIONS, chosen
from mien.lab.robustness_test.run import _detected
from mien.lab.robustness_test.samples import FACE, WINDOW, Sample, from_crop, in_window
from mien.model.preprocess import align_face

BY_NAME = {condition.name: condition for condition in CONDITIONS}


@pytest.fixture(scope="module")
def woman(astronaut) -> Sample:
    return in_window(astronaut, FaceFinder().find(astronaut))


def at(image: np.ndarray, point: np.ndarray) -> np.ndarray:
    x, y = np.round(point).astype(int)
    return image[y, x].astype(int)


def test_every_face_has_one_size_in_the_middle_of_its_window(woman):
    box = woman.face.box
    assert woman.image.shape == (WINDOW, WINDOW, 3)
    assert (box.width * box.height) ** 0.5 == pytest.approx(FACE, rel=0.02)
    assert woman.center == pytest.approx((WINDOW / 2, WINDOW / 2), abs=1)
    found = _detected(Reader(ReadOptions(threads=1)), woman)
    assert found is not None
    assert np.abs(found.landmarks - woman.landmarks).max() < 0.08 * FACE  # the own error of the detector: 7% of the box


def test_a_face_at_the_border_is_filled_up_with_the_mean(astronaut, woman):
    face = FaceFinder().find(astronaut)
    left = round(face.box.x0)
    cut_off = Frame(np.ascontiguousarray(astronaut.image[:, left:]), "cut off")
    moved = replace(
        face,
        box=type(face.box)(face.box.x0 - left, face.box.y0, face.box.x1 - left, face.box.y1),
        landmarks=face.landmarks - np.array([left, 0], np.float32),
    )
    window = in_window(cut_off, moved)
    assert window.image.shape == (WINDOW, WINDOW, 3)
    assert (window.image[:, 0] == window.image[0, 0]).all()  # nothing but the fill
    assert np.abs(window.landmarks - woman.landmarks).max() < 1.5


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_all_conditions_are_reproducible_and_can_be_cropped(woman, condition):
    one, again = condition.apply(woman, seed=3), condition.apply(woman, seed=3)
    assert one.image.dtype == np.uint8
    assert one.image.shape[2] == 3
    assert (one.image == again.image).all()
    assert one.face.box == again.face.box
    crop = align_face(Frame(one.image), one.face, 48)
    changed = np.abs(crop.astype(int) - align_face(Frame(woman.image), woman.face, 48)).mean()
    assert (changed == 0) == (condition.name == "clean")
    if condition.crop_only:
        assert (one.image == woman.image).all()


def test_a_clean_crop_is_not_changed():
    noise = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    small = noise.repeat(4, 0).repeat(4, 1)
    whole = from_crop(Frame(small))
    back = align_face(Frame(whole.image), whole.face, 48, "rgb").astype(int)
    assert np.abs(back - small).mean() < 8


def test_levels_go_from_mild_to_hard(woman):
    def change(name: str) -> float:
        return float(np.abs(BY_NAME[name].apply(woman, 0).image.astype(int) - woman.image).mean())

    for family in ("darkness", "low contrast", "noise", "blur", "JPEG", "glare", "color cast", "tilt"):
        levels = [change(f"{family} {n}") for n in range(1, 4) if f"{family} {n}" in BY_NAME]
        assert levels == sorted(levels), family
    assert BY_NAME["darkness 2"].apply(woman, 0).image.mean() == pytest.approx(woman.image.mean() / 4, rel=0.1)


def test_low_resolution_shrinks_image_and_face_alike(woman):
    far = BY_NAME["low resolution 3"].apply(woman, 0)
    assert far.side == 24
    assert far.image.shape == (40, 40, 3)
    assert far.face.box.width / woman.face.box.width == pytest.approx(0.25)
    assert np.abs(far.face.landmarks - woman.face.landmarks / 4).max() < 1e-3


def test_a_mask_covers_the_mouth_and_glasses_the_eyes(woman):
    masked = BY_NAME["mask 1"].apply(woman, 0).image
    shaded = BY_NAME["sunglasses 1"].apply(woman, 0).image
    for eye in woman.landmarks[:2]:
        assert (at(masked, eye) == at(woman.image, eye)).all()
        assert at(shaded, eye).max() < 40
    for corner in woman.landmarks[3:]:
        assert at(masked, corner)[2] > at(masked, corner)[0]  # light blue
        assert (at(shaded, corner) == at(woman.image, corner)).all()


def test_off_center_crops_are_moved_by_the_given_offset(woman):
    moved = BY_NAME["off center 2"].apply(woman, 0)
    step = np.array(moved.center) - np.array(woman.center)
    from mien.model.preprocess import square_around

    assert np.hypot(*step) == pytest.approx(0.10 * square_around(woman.face)[1], rel=1e-3)
    assert square_around(BY_NAME["loose crop 1"].apply(woman, 0).face)[1] == pytest.approx(
        1.25 * square_around(woman.face)[1], rel=1e-3
    )


def test_kinds_can_be_chosen_by_name():
    assert [condition.name for condition in chosen(["Darkness"])] == [
        "clean",
        "darkness 1",
        "darkness 2",
        "darkness 3",
    ]
    assert chosen([]) == CONDITIONS
    with pytest.raises(OptionError, match="got fog"):
        chosen(["fog"])
