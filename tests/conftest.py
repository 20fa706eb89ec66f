"""Pictures that the tests share."""

from pathlib import Path

import numpy as np
import pytest

from mien import Frame
from mien.sources.still import read_still

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def astronaut() -> Frame:
    """A smiling woman, facing the camera; her face is at about (182, 58) to (270, 178)."""
    return read_still(EXAMPLES / "astronaut.png")


@pytest.fixture(scope="session")
def hopper() -> Frame:
    """A calm woman in uniform."""
    return read_still(EXAMPLES / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def crowd(astronaut: Frame, hopper: Frame) -> Frame:
    """Fifty faces: the two, small, in five rows of ten."""
    import cv2

    faces = [astronaut.image[20:240, 110:340], hopper.image[60:400, 100:440]]
    tiles = [cv2.resize(face, (96, 96), interpolation=cv2.INTER_AREA) for face in faces]
    rows = [np.concatenate([tiles[(row + column) % 2] for column in range(10)], 1) for row in range(5)]
    return Frame(np.ascontiguousarray(np.concatenate(rows)), "crowd")


@pytest.fixture(scope="session")
def photos() -> Path:
    """Real photos with hand-checked face boxes, where this machine has them."""
    folder = SHARED / "photos"
    if not folder.is_dir():
        pytest.skip("the photos with hand-checked boxes are not part of the project: no ../shared/data/photos here")
    return folder
