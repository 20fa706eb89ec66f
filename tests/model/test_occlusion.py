"""Detection of covered faces."""

import numpy as np
import pytest

from mien import Frame, Reader
from mien.audit.attributes import grouped, measure
from mien.detection import create_detector
from mien.io.images import read_image
from mien.lab.robustness_test.conditions import mask, sunglasses
from mien.lab.robustness_test.samples import in_window
from mien.model.occlusion import COVERED_TEMPERATURE, FEATURES, SIDE, WEIGHTS, features, occlusion, temperatures
from mien.model.preprocess import to_tensor
from mien.options import ReadOptions
from mien.types import Box, Face

from ..conftest import EXAMPLES


@pytest.fixture(scope="module")
def detector():
    return create_detector(ReadOptions(threads=1))


@pytest.fixture(scope="module", params=["astronaut.png", "grace_hopper.jpg"])
def subject(request, detector):
    frame = read_image(EXAMPLES / request.param)
    return in_window(frame, detector.detect(frame)[0])


def group(image, detector):
    frame = Frame(np.ascontiguousarray(image))
    return grouped([measure(frame, detector.detect(frame)[0])])[0]["occlusion"]


def test_uncovered_faces_are_recognized_as_uncovered(subject, detector):
    assert group(subject.image, detector) == "clear"


@pytest.mark.parametrize("cover", [mask, sunglasses])
def test_masks_and_sunglasses_are_detected(subject, detector, cover):
    assert group(cover(subject, np.random.default_rng(0)), detector) == "likely occluded"


def test_darkness_is_not_occlusion(subject, detector):
    assert group((subject.image * 0.4).astype(np.uint8), detector) == "clear"


def test_mirroring_changes_nothing(subject):
    crop = subject.image[:SIDE, :SIDE, 0]
    given, flipped = features(np.stack([crop, crop[:, ::-1]]), np.array([0.19, 0.19]))
    assert given == pytest.approx(flipped, abs=1e-3)


def test_a_face_among_others_counts_as_alone(subject):
    crops = np.stack([subject.image[y : y + SIDE, :SIDE, 0] for y in (0, 30, 90)])
    halves = np.array([0.1, 0.19, 0.25])
    alone = [features(crops[row : row + 1], halves[row : row + 1])[0] for row in range(3)]
    assert features(crops, halves) == pytest.approx(np.stack(alone), rel=1e-4, abs=1e-4)


def test_a_plain_image_gives_a_number_and_no_landmarks_give_none():
    frame = Frame(np.zeros((60, 60, 3), np.uint8))
    points = np.array([(20, 20), (40, 20), (30, 30), (22, 42), (38, 42)], np.float32)
    assert len(FEATURES) + 1 == len(WEIGHTS)
    assert 0 <= occlusion(frame, Face(Box(10, 5, 50, 55), landmarks=points)) <= 1
    assert occlusion(frame, Face(Box(10, 5, 50, 55))) is None
    assert measure(frame, Face(Box(10, 5, 50, 55))).occlusion is None


def test_profiles_are_not_classified_as_covered():
    points = np.array([(20, 20), (40, 20), (50, 30), (22, 42), (38, 42)], np.float32)
    assert measure(Frame(np.zeros((60, 60, 3), np.uint8)), Face(Box(10, 5, 50, 55), landmarks=points)).occlusion is None


@pytest.mark.parametrize("cover", [mask, sunglasses])
def test_covered_faces_have_lower_confidence(subject, detector, cover):
    """The network is overconfident on them, so that their logits are divided by an extra temperature."""
    reader = Reader(ReadOptions(prior="data", threads=1))
    for image, expected in ((subject.image, 1.0), (cover(subject, np.random.default_rng(0)), COVERED_TEMPERATURE)):
        frame = Frame(np.ascontiguousarray(image))
        faces = detector.detect(frame)[:1]
        crops = reader.crop(frame, faces)
        assert temperatures(crops, faces) == pytest.approx([expected])
        plain = reader.classifier.predict(to_tensor(crops, reader.classifier.input)).probabilities[0]
        (reading,) = reader.classify(faces, crops)
        expected_probabilities = plain ** (1 / expected) / (plain ** (1 / expected)).sum()
        assert reading.probabilities == pytest.approx(expected_probabilities, abs=1e-4)


def test_without_landmarks_nothing_is_covered():
    crops = np.zeros((2, 48, 48, 3), np.uint8)
    assert temperatures(crops, [Face(Box(0, 0, 9, 9))] * 2).tolist() == [1.0, 1.0]
    assert temperatures(crops[:0], []).shape == (0,)
