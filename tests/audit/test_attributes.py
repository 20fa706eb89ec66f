"""Measured attributes match the images that were made."""

import numpy as np
import pytest

from mien import Frame
from mien.audit.attributes import EDGES, NAMES, NOSE, UNKNOWN, Attributes, angles, grouped, measure
from mien.types import Box, Face

#: Eyes, tip of the nose and corners of the mouth in space: x right, y down, z towards the camera; the pupils 1 apart.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.6, NOSE], [-0.4, 1.05, 0], [0.4, 1.05, 0]])


def seen(yaw: float = 0.0, roll: float = 0.0, size: float = 60.0) -> Face:
    """A head turned by ``yaw`` towards the right of the image, then tilted by ``roll`` clockwise; degrees."""
    a, b = np.radians(yaw), np.radians(roll)
    turned = HEAD @ np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    flat = turned[:, :2] @ np.array([[np.cos(b), np.sin(b)], [-np.sin(b), np.cos(b)]])
    points = 100 + size * (flat - [0, 0.5])
    return Face(Box(100 - size, 100 - size, 100 + size, 100 + size), landmarks=points.astype(np.float32))


def plain(colour: tuple[int, int, int]) -> Frame:
    return Frame(np.full((200, 200, 3), colour, np.uint8))


@pytest.mark.parametrize("yaw", [-70, -40, -10, 0, 25, 60])
@pytest.mark.parametrize("roll", [-45, 0, 20])
def test_pose_angles_match_the_rotation_of_the_head(yaw, roll):
    found = angles(seen(yaw, roll))
    assert found == (pytest.approx(roll, abs=0.1), pytest.approx(yaw, abs=0.1))


def test_without_landmarks_the_pose_is_unknown():
    assert angles(Face(Box(0, 0, 50, 50))) is None
    assert angles(Face(Box(0, 0, 100, 100), landmarks=np.full((5, 2), 50, np.float32))) is None
    made = measure(plain((90, 90, 90)), Face(Box(50, 50, 150, 150)))
    assert (made.roll, made.yaw) == (None, None)


def test_brightness_of_a_plain_face():
    white, black = measure(plain((255, 255, 255)), seen()), measure(plain((0, 0, 0)), seen())
    assert white.brightness == white.skin_lightness == pytest.approx(100, abs=0.1)
    assert black.brightness == black.skin_lightness == pytest.approx(0, abs=0.1)
    assert white.contrast == black.contrast == 0
    assert white.size == pytest.approx(120)


def test_typology_angle_follows_its_formula_and_needs_color():
    from skimage.color import rgb2lab

    colour = (224, 172, 140)
    light, _, yellow = rgb2lab(np.array([[colour]], np.uint8))[0, 0]
    made = measure(plain(colour), seen())
    assert made.skin_lightness == pytest.approx(light, abs=0.3)
    assert made.ita == pytest.approx(np.degrees(np.arctan((light - 50) / yellow)), abs=0.5)
    assert measure(plain((70, 45, 35)), seen()).ita < -30
    assert measure(plain((120, 120, 120)), seen()).ita is None


def test_the_cheeks_are_measured_and_not_the_background():
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[75:140, 60:140] = 200  # the middle of the face
    made = measure(Frame(picture), seen())
    assert made.skin_lightness > 75 > made.brightness


def test_sharpness_and_contrast_fall_where_they_should(astronaut):
    import cv2

    from mien.detection import create_detector
    from mien.options import ReadOptions

    (face,) = create_detector(ReadOptions(threads=1)).detect(astronaut)
    before = measure(astronaut, face)
    blurred = measure(Frame(cv2.GaussianBlur(astronaut.image, (0, 0), 6)), face)
    faded = measure(Frame((astronaut.image // 3 + 100).astype(np.uint8)), face)
    assert blurred.sharpness < 0.1 * before.sharpness
    assert faded.contrast == pytest.approx(before.contrast / 3, rel=0.05)
    assert faded.sharpness == pytest.approx(before.sharpness, rel=0.2)
    assert abs(before.yaw or 90) < 15


def made(**values) -> Attributes:
    usual = dict.fromkeys(NAMES, 0.0) | values
    return Attributes(**usual)


def test_fixed_groups_have_fixed_names():
    (group,) = grouped([made(brightness=20, size=48, yaw=-50, roll=12, ita=45, sharpness=0.01)])
    assert group["brightness"] == "dark"
    assert group["size"] == "48-96 px"  # an edge belongs to the group above it
    assert (group["yaw"], group["roll"]) == ("far turned", "tilted")
    assert (group["ita"], group["sharpness"]) == ("light", "blurred")
    assert all(len(words) == len(edges) + 1 for edges, words in EDGES.values())


def test_unknown_values_are_a_group():
    faces = [made(yaw=None, ita=None), made(yaw=3.0, ita=None)]
    for thirds in (False, True):
        first, second = grouped(faces, thirds=thirds)
        assert first["yaw"] == first["ita"] == second["ita"] == UNKNOWN != second["yaw"]


def test_each_third_has_a_third_of_the_images():
    groups = grouped([made(brightness=float(value)) for value in range(30)], thirds=True)
    assert [group["brightness"] for group in groups] == [
        *["low third"] * 10,
        *["middle third"] * 10,
        *["high third"] * 10,
    ]
