"""Face parts follow the landmarks; effects are distributed fairly."""

from itertools import combinations

import numpy as np
import pytest

from mien.explanations.perturbation import PARTS, landmarks_in_crop, part_masks, shapley, usual_landmarks
from mien.types import Box, Face


def face(turn: float = 0.0, apart: float = 40.0) -> Face:
    """A face 100 pixels wide whose landmarks are turned about its middle, in radians."""
    points = np.array([[-apart / 2, -20], [apart / 2, -20], [0, 2], [-15, 20], [15, 20]])
    cos, sin = np.cos(turn), np.sin(turn)
    turned = points @ np.array([[cos, sin], [-sin, cos]]) + 100
    return Face(Box(50, 50, 150, 150), landmarks=turned.astype(np.float32))


@pytest.mark.parametrize("turn", [0.0, 0.5, -1.2])
def test_landmarks_are_upright_in_the_crop(turn):
    points = landmarks_in_crop(face(turn))
    assert points is not None
    assert points[0, 1] == pytest.approx(points[1, 1], abs=1e-4)
    assert points[0, 0] < 0.5 < points[1, 0]
    np.testing.assert_allclose(points, landmarks_in_crop(face()), atol=1e-4)


def test_collapsed_landmarks_are_not_used_for_alignment():
    collapsed = Face(Box(0, 0, 100, 100), landmarks=np.full((5, 2), 50, np.float32))
    assert landmarks_in_crop(collapsed) is None
    assert landmarks_in_crop(Face(Box(0, 0, 100, 100))) is None


@pytest.mark.parametrize("side", [24, 48, 224])
def test_every_pixel_belongs_to_a_face_part(side):
    masks = part_masks(usual_landmarks(), side)
    np.testing.assert_allclose(masks.sum(0), 1, atol=1e-5)
    assert (masks > 0.5).any((1, 2)).all()


def test_face_parts_are_at_their_places():
    masks = part_masks(usual_landmarks(), 100)
    heights = {name: float((mask.sum(1) * np.arange(100)).sum() / mask.sum()) for name, mask in zip(PARTS, masks)}
    assert heights["brows"] < heights["eyes"] < heights["nose"] < heights["mouth"]


def test_equal_members_have_equal_weights():
    # 0 and 1 say the same thing, once is enough; 2 says nothing
    sets = [chosen for size in range(4) for chosen in combinations(range(3), size)]
    worth = {chosen: 6.0 if {0, 1} & set(chosen) else 0.0 for chosen in sets}
    assert [shapley(worth, player, 3) for player in range(3)] == pytest.approx([3, 3, 0])
