"""Two people side by side, composed of the demo photos."""

import cv2
import numpy as np
import pytest

from mien import Frame

from ..cli.conftest import mien  # noqa: F401  # the command line, for these tests too


@pytest.fixture(scope="session")
def pair(astronaut: Frame, hopper: Frame) -> Frame:
    """The smiling woman on the left, smaller; the calm one on the right. 300 x 600."""
    image = np.full((300, 600, 3), 90, np.uint8)
    image[80:220, 40:180] = cv2.resize(astronaut.image[20:240, 110:330], (140, 140), interpolation=cv2.INTER_AREA)
    image[40:260, 340:560] = cv2.resize(hopper.image[60:400, 100:440], (220, 220), interpolation=cv2.INTER_AREA)
    return Frame(image, "pair.png")
