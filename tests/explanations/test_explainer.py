"""Explanations of a network that uses the mouth only, and of the included one."""

import numpy as np
import pytest

from mien import Frame, OptionError, Reader, ReadOptions
from mien.explanations.explainer import N_EVALUATIONS, Explanation, Limitation, open_explainer
from mien.explanations.perturbation import correlation, patches
from mien.io.images import read_image
from mien.lab.robustness_test.conditions import mask, sunglasses
from mien.lab.robustness_test.samples import in_window
from mien.model.occlusion import COVERED_TEMPERATURE, temperatures

from ..conftest import EXAMPLES
from .conftest import MOUTH, explainer_of, smiling


def frame(image: np.ndarray) -> Frame:
    return Frame(np.repeat(image[..., None], 3, 2), "made")


@pytest.fixture
def explanation(network) -> Explanation:
    (only,) = explainer_of(network).explain(frame(smiling()))
    return only


def test_maps_highlight_the_used_region(explanation):
    heat = explanation.heat
    assert explanation.emotion == "happy"
    assert heat[MOUTH].mean() > 5 * np.abs(heat[~MOUTH]).mean()
    assert MOUTH.ravel()[heat.argmax()]


def test_the_evaluated_split_is_named(explanation):
    assert explanation.parts[0].name == "mouth"
    assert explanation.parts[0].share > 0.75
    assert explanation.parts[0].without == "neutral"
    assert (explanation.decisive_parts, explanation.changed_emotion) == (("mouth",), "neutral")


def test_effects_sum_to_the_effect_of_blurring_everything(explanation):
    def log_odds(probability: float) -> float:
        return float(np.log(probability / (1 - probability)))

    lost = log_odds(explanation.probability) - log_odds(explanation.blurred_probability)
    assert sum(part.effect for part in explanation.parts) == pytest.approx(lost, abs=0.02)


def test_a_correct_map_passes_the_checks(explanation):
    curves = explanation.curves
    assert explanation.limitations == ()
    assert explanation.agreement > 0.7
    assert curves.gain > curves.random_gain + 0.2
    assert curves.deletion[0] == curves.insertion[-1] == pytest.approx(explanation.probability, abs=1e-6)
    assert curves.deletion[-1] == curves.insertion[0] == pytest.approx(explanation.blurred_probability, abs=1e-6)


def test_evidence_for_one_emotion_is_against_the_other(network, explanation):
    (other,) = explainer_of(network).explain(frame(smiling()), "neutral")
    np.testing.assert_allclose(other.heat, -explanation.heat, atol=1e-4)
    assert other.parts[-1].name == "mouth"
    assert -1 <= other.parts[-1].share < -0.75


@pytest.mark.parametrize("cover", [mask, sunglasses])
def test_a_covered_face_is_explained_with_the_probability_that_is_read(cover):
    options = ReadOptions(threads=1)
    reader = Reader(options)
    photo = read_image(EXAMPLES / "astronaut.png")
    covered = cover(in_window(photo, reader.detect(photo)[0]), np.random.default_rng(0))
    (explained,) = open_explainer(options).explain(Frame(np.ascontiguousarray(covered), "covered"))
    assert temperatures(explained.crop[None], [explained.reading.face]) == pytest.approx([COVERED_TEMPERATURE])
    assert explained.curves.deletion[0] == pytest.approx(explained.probability, abs=1e-5)
    assert explained.probability == pytest.approx(explained.reading.confidence, abs=1e-6)


def test_a_blank_face_has_nothing_to_explain(network):
    (blank,) = explainer_of(network).explain(frame(np.full((24, 24), 128, np.uint8)))
    assert Limitation.WEAK in blank.limitations
    assert Limitation.UNFAITHFUL in blank.limitations
    assert (blank.decisive_parts, blank.changed_emotion) == ((), "neutral")


def test_the_work_is_counted(network):
    calls: list[tuple[int, int | None]] = []
    list(
        explainer_of(network).explain(
            frame(smiling()), progress=lambda done, total, note="": calls.append((done, total))
        )
    )
    assert calls[-1] == (N_EVALUATIONS, N_EVALUATIONS)
    assert calls == sorted(calls)


def test_an_emotion_that_is_not_read_is_refused(network):
    explainer = explainer_of(network)
    with pytest.raises(OptionError):
        explainer.known("Trauer")
    with pytest.raises(OptionError):
        explainer.known("hungry")


def test_smiles_are_explained_by_the_mouth(astronaut):
    (face,) = open_explainer(ReadOptions(threads=1)).explain(astronaut)
    assert face.emotion == "happy"
    assert face.has_landmarks
    assert face.parts[0].name == "mouth"
    assert Limitation.UNFAITHFUL not in face.limitations
    assert Limitation.UNSTABLE not in face.limitations


def test_no_face_no_explanation():
    explainer = open_explainer(ReadOptions(flip=False, threads=1))
    assert list(explainer.explain(Frame(np.full((80, 80, 3), 90, np.uint8)))) == []


@pytest.mark.parametrize("shifted", [False, True])
def test_patches_cover_the_image(shifted):
    made = patches(48, shifted=shifted)
    assert made.min() == 0
    assert made.max() == 1
    inner = slice(6, -6) if shifted else slice(None)
    assert made.max(0)[inner, inner].min() > 0


def test_the_correlation_of_a_constant_map_is_none():
    assert correlation(np.zeros((3, 3)), np.eye(3)) == 0
    assert correlation(np.eye(3), np.eye(3)) == pytest.approx(1)
