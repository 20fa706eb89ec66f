"""A data card says what a data set holds, what is wrong with it, and how far people disagree about it."""

from dataclasses import replace

import numpy as np
import pytest

from mien.data.dataset import Dataset, Votes
from mien.errors import DataError
from mien.lab.cards.data_card import Told, data_card, hazards
from mien.lab.inspection.inspection import inspect_dataset
from mien.lab.inspection.labels import annotators

from ..conftest import two_classes


@pytest.fixture(scope="module")
def leaky(tmp_path_factory) -> dict:
    """What is found in a set of which ten validation images are copies of training images."""
    faces = two_classes(120)
    images, labels = faces.images.copy(), faces.labels.copy()
    images[100:110], labels[100:110] = images[:10], labels[:10]
    set_ = Dataset("faces", images, labels, faces.split, faces.votes)
    return inspect_dataset(set_, side=16, folder=tmp_path_factory.mktemp("data")).to_dict()


def test_copies_and_disagreement_are_hazards(leaky):
    words = " ".join(hazards(leaky))
    assert "10 images of the validation part have an exact copy in training" in words
    assert "Disagreement" in words
    text = data_card(leaky, Told(source="made up"))
    assert "| validation | 30 | 10 (33.3 %) |" in text
    assert "**Source and consent:** made up" in text
    assert "not stated: unknown" in text


def test_the_front_matter_is_what_the_hub_reads(leaky):
    hub = pytest.importorskip("huggingface_hub", reason="the Hub's own reader is not installed")
    read = hub.DatasetCard(data_card(leaky, Told(license="CC-BY-4.0"))).data
    assert (read.license, read.size_categories) == ("cc-by-4.0", ["n<1K"])
    assert read.pretty_name == "faces"


def test_no_name_of_a_image_is_on_it(leaky):
    assert "#1" not in data_card(leaky)


def test_an_old_inspection_is_told_so():
    with pytest.raises(DataError, match="not whole"):
        data_card({"name": "x", "images": 1, "classes": {}, "problems": {}})


def votes_of(faces: Dataset, rows: list[int]) -> Dataset:
    """The same faces, each with these votes for its label, the next emotion, and so on."""
    table = np.zeros((len(faces), 8), np.uint8)
    for step, n in enumerate(rows):
        table[np.arange(len(faces)), (faces.labels + step) % 8] = n
    none = np.zeros(len(faces), np.uint8)
    return replace(faces, votes=Votes(table, none, none))


def test_who_agrees_has_no_entropy_and_who_is_divided_has():
    faces = two_classes(40)
    (train, _), (divided, _) = (annotators(votes_of(faces, rows)) for rows in ([10], [5, 5]))
    assert (train.part, train.n, train.votes) == ("train", 30, 10)
    assert (train.entropy, train.no_majority, train.divided, train.label_agrees, train.top_share) == (0, 0, 0, 1, 1)
    assert divided.entropy == pytest.approx(np.log(2))
    assert (divided.no_majority, divided.divided, divided.label_agrees, divided.top_share) == (1, 1, None, 0.5)
    (wrong, _) = annotators(votes_of(faces, [2, 8]))
    assert wrong.label_agrees == 0


def test_no_face_is_no_disagreement_about_emotions():
    faces = votes_of(two_classes(40), [1])
    blank = np.full(len(faces), 9, np.uint8)
    train, _ = annotators(replace(faces, votes=Votes(faces.votes.emotions, faces.votes.unknown, blank)))
    assert (train.no_face, train.no_majority, train.entropy) == (1, 1, 0)
    assert annotators(replace(faces, votes=None)) == ()
