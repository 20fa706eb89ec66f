"""From images to probabilities, on a network with known outputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mien import ModelError, OptionError, Reader, ReadOptions
from mien.data import load
from mien.emotions import EMOTIONS
from mien.model.card import HeadCard, InputSpec, ModelCard, load_model, read_card, shipped_models
from mien.model.classifier import EmotionClassifier, probabilities
from mien.model.preprocess import to_tensor
from mien.model.session import open_session

from ..conftest import optional_data

#: In an order that is not the vocabulary's, to see that it is put right.
SPOKEN = ("happy", "angry", "neutral")
CARD = ModelCard(
    name="tiny", weights="tiny.onnx", sha256="", license="MIT", data="none", input=InputSpec(2, 0.0, 1.0),
    heads={"words": HeadCard(SPOKEN, temperature=2.0, vote_temperature=1.0)}, parameters=0, macs=0,
)  # fmt: skip


def tiny() -> bytes:
    """A network whose three logits are the first three pixels of a 2 x 2 image."""
    nodes = [
        helper.make_node("Flatten", ["images"], ["flat"]),
        helper.make_node("Slice", ["flat", "from", "to", "axis"], ["words"]),
    ]
    constants = [helper.make_tensor(n, TensorProto.INT64, [1], [v]) for n, v in (("from", 0), ("to", 3), ("axis", 1))]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 2, 2])],
        [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["n", 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model.SerializeToString()


def network(label_set: str | None = None, head: str | None = None, flip: bool = False) -> EmotionClassifier:
    return EmotionClassifier(CARD, open_session(tiny(), 1, "tiny"), head, label_set, flip)


IMAGE = np.array([[[[2.0, 0.0], [1.0, 5.0]]]], np.float32)  # happy 2, angry 0, neutral 1


def test_probabilities_come_in_the_vocabularys_order_and_tempered():
    made = network()
    assert made.emotions == ("angry", "happy", "neutral")
    expected = np.exp([0.0, 1.0, 0.5]) / np.exp([0.0, 1.0, 0.5]).sum()
    np.testing.assert_allclose(made.predict(IMAGE).probabilities[0], expected, rtol=1e-6)
    raw = np.exp([0.0, 2.0, 1.0])
    np.testing.assert_allclose(made.predict(IMAGE).vote_shares[0], raw / raw.sum(), rtol=1e-6)


def test_the_balanced_prior_divides_by_the_square_roots_of_the_class_shares():
    shares = (0.64, 0.36, 0.0)  # of happy, angry, neutral; nothing counts as less than 0.02
    card = replace(CARD, heads={"words": replace(CARD.heads["words"], class_shares=shares)})
    session = open_session(tiny(), 1, "tiny")
    balanced = EmotionClassifier(card, session, None, None, False).predict(IMAGE)
    as_data = EmotionClassifier(card, session, None, None, False, "data").predict(IMAGE)
    expected = as_data.probabilities[0] / np.sqrt([0.36, 0.64, 0.02])
    np.testing.assert_allclose(balanced.probabilities[0], expected / expected.sum(), rtol=1e-5)
    np.testing.assert_array_equal(balanced.vote_shares, as_data.vote_shares)
    with pytest.raises(OptionError) as caught:
        ReadOptions(prior="uniform")
    assert caught.value.field == "prior"


def test_preferred_emotions_get_their_offset():
    card = replace(CARD, heads={"words": replace(CARD.heads["words"], recall_offsets=(1.0, 2.5, 4.0))})
    session = open_session(tiny(), 1, "tiny")
    made = EmotionClassifier(card, session, None, None, False, prefer_recall=("angry",))
    expected = np.exp([0.0 + 2.5, 1.0, 0.5])  # angry, happy, neutral
    np.testing.assert_allclose(made.predict(IMAGE).probabilities[0], expected / expected.sum(), rtol=1e-6)
    np.testing.assert_array_equal(made.predict(IMAGE).vote_shares, network().predict(IMAGE).vote_shares)
    for refused in (("sad",), ("Angry",)):
        with pytest.raises(OptionError) as caught:
            EmotionClassifier(card, session, None, None, False, prefer_recall=refused)
        assert caught.value.field == "prefer_recall"
    with pytest.raises(OptionError):
        EmotionClassifier(CARD, session, None, None, False, prefer_recall=("angry",))  # its card has no offsets


def test_preferred_emotions_find_nine_of_ten_validation_images():
    part = load(optional_data("fer2013/fer2013.npz")).part("validation")
    assert part.votes is not None
    shares = part.votes.emotions / part.votes.emotions.sum(1, keepdims=True).clip(1)
    fear = part.images[shares[:, EMOTIONS.index("fear")] > 0.5]
    assert len(fear) > 40

    def recall(*prefer_recall: str) -> float:
        reader = Reader(ReadOptions(prefer_recall=prefer_recall))
        read = reader.classifier.predict(to_tensor(fear, reader.classifier.input))
        names = [reader.classifier.emotions[index] for index in read.probabilities.argmax(1)]
        return names.count("fear") / len(fear)

    assert recall("fear") >= 0.88
    assert recall() < 0.8


def test_flip_averages_the_mirror_image():
    # Mirrored, the image is [[0, 2], [5, 1]]: logits (happy 0, angry 2, neutral 5); their mean is (1, 1, 3).
    raw = np.exp(np.array([1.0, 1.0, 3.0]) / 2)
    np.testing.assert_allclose(network(flip=True).predict(IMAGE).probabilities[0], raw / raw.sum(), rtol=1e-6)


def test_no_face_costs_no_call():
    assert network().predict(np.empty((0, 1, 2, 2), np.float32)).probabilities.shape == (0, 3)


def test_emotions_unknown_to_the_model_are_refused():
    with pytest.raises(OptionError):
        network("happy-sad")
    with pytest.raises(OptionError):
        network(head="votes")


def test_large_logits_do_not_overflow():
    made = probabilities(np.array([[1000.0, 0.0, -1000.0]], np.float32), 0.5)
    np.testing.assert_array_equal(made, [[1, 0, 0]])


@pytest.mark.parametrize(("name", "most_weights"), [("default", 3_000_000), ("tiny", 300_000)])
def test_the_shipped_models_are_small_and_come_in_two_precisions(name, most_weights):
    assert {name, f"{name}-float32"} <= set(shipped_models())
    (card, weights), (original, large) = load_model(name), load_model(f"{name}-float32")
    assert (card.precision, original.precision) == ("int8", "float32")
    assert card.parameters == original.parameters <= most_weights
    assert list(card.heads) == list(original.heads) == ["ferplus", "fer2013"]
    assert len(weights) < 0.35 * len(large)


def test_accurate_averages_models_and_is_small_and_better():
    (card, weights), (default, _) = load_model("accurate"), load_model("default")
    assert card.heads.keys() == default.heads.keys()
    assert len(weights) < 16_000_000
    for better, base in zip(card.scores["results"], default.scores["results"], strict=True):
        assert (better["head"], better["images"], better["flip"]) == (base["head"], base["images"], base["flip"])
        assert better["scores"]["accuracy"] > base["scores"]["accuracy"]
        assert better["scores"]["nll"] < base["scores"]["nll"]


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_int8_and_float32_agree_on_the_astronaut(name, astronaut, hopper):
    before, after = (Reader(ReadOptions(model=model)) for model in (f"{name}-float32", name))
    for frame, emotion in ((astronaut, "happy"), (hopper, "neutral")):
        ((_, (old,)),), ((_, (new,)),) = list(before.read_frames([frame])), list(after.read_frames([frame]))
        assert old.emotion == new.emotion == emotion
        np.testing.assert_allclose(new.probabilities, old.probabilities, atol=0.06)


def test_changed_weights_are_refused(tmp_path: Path):
    (tmp_path / "tiny.json").write_text(CARD.to_json())
    (tmp_path / "tiny.onnx").write_bytes(tiny())
    with pytest.raises(ModelError):
        load_model(str(tmp_path / "tiny.onnx"))


@pytest.mark.parametrize("text", ["", "[]", '{"name": "x"}', "no json", CARD.to_json().replace("angry", "hangry")])
def test_damaged_cards_are_refused(tmp_path: Path, text):
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(ModelError):
        read_card(tmp_path / "card.json")


def test_missing_models_list_the_included_ones(tmp_path: Path):
    with pytest.raises(ModelError):
        load_model("best")
    with pytest.raises(ModelError):
        load_model(tmp_path / "mine.onnx")
    (tmp_path / "mine.onnx").write_bytes(tiny())
    with pytest.raises(ModelError):
        load_model(tmp_path / "mine.onnx")


def test_a_file_that_is_no_network_is_refused():
    with pytest.raises(ModelError):
        open_session(b"hello", 1, "x.onnx")
