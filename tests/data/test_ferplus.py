"""FER+ votes beside Kaggle's CSV file."""

import numpy as np
import pytest

from mien.data.dataset import Dataset
from mien.data.datasets.fer2013 import with_ferplus
from mien.data.loading import load
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError

USAGES = ("Training", "PublicTest", "PrivateTest")
PIXELS = " ".join(["7"] * 16)
KAGGLE = "emotion,pixels,Usage\n" + "".join(f"{label},{PIXELS},{usage}\n" for label, usage in zip((3, 4, 6), USAGES))
HEAD = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"
VOTES = (
    HEAD
    + "Training,fer0000000.png,1,8,0,0,0,0,0,1,0,0\n"
    + "PublicTest,fer0000001.png,0,0,0,7,0,0,2,0,1,0\n"
    + "PrivateTest,,0,0,0,0,0,0,0,0,0,10\n"
)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "fer2013.csv").write_text(KAGGLE, "utf-8")
    (tmp_path / "fer2013new.csv").write_text(VOTES, "utf-8")
    return tmp_path / "fer2013.csv"


def test_votes_beside_the_images_are_found(data):
    told = []
    faces = load(data, 4, notes=told.append)
    assert faces.votes is not None
    assert faces.votes.majority().tolist() == [EMOTIONS.index("happy"), EMOTIONS.index("sad"), -1]
    assert faces.votes.emotions[0, EMOTIONS.index("contempt")] == 1
    assert faces.votes.unknown.tolist() == [0, 1, 0]
    assert faces.votes.no_face.tolist() == [0, 0, 10]
    assert "fer2013new.csv" in told[0]


def test_the_folder_that_kaggle_unpacks_to(data):
    assert load(data.parent, 4).votes is not None


def test_votes_of_other_files_are_refused(data, tmp_path):
    (tmp_path / "votes").mkdir()
    elsewhere = (tmp_path / "fer2013new.csv").rename(tmp_path / "votes" / "my.csv")
    assert load(data, 4).votes is None
    assert load(data, 4, votes=elsewhere).votes is not None


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        (VOTES.partition("PrivateTest")[0], "got 2 rows of votes, expected 3"),
        (VOTES.replace("PublicTest", "Training"), "row 2: Usage: got 'train', expected 'validation'"),
        (VOTES.replace("contempt", "boredom"), "missing contempt"),
        (VOTES.replace(",7,", ",seven,"), "line 3"),
        (VOTES.replace(",7,", ",-7,"), "line 3"),
        (VOTES[:-20], "line 4"),
        (VOTES.replace("PublicTest", "Public"), "line 3"),
        ("", r"got the columns \(none\)"),
    ],
)
def test_votes_of_another_file_are_errors(data, tmp_path, votes, message):
    (tmp_path / "fer2013new.csv").write_text(votes, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load(data, 4)
    assert caught.value.hint


def test_votes_in_another_order_are_errors(tmp_path):
    labels = np.random.default_rng(0).choice(
        [EMOTIONS.index("happy"), EMOTIONS.index("sad"), EMOTIONS.index("fear")], 3000
    )
    faces = Dataset("fer2013", np.zeros((3000, 2, 2), np.uint8), labels, np.full(3000, "train"))
    columns = {EMOTIONS.index("happy"): 1, EMOTIONS.index("sad"): 3, EMOTIONS.index("fear"): 6}
    rows = ["Training,," + ",".join("9" if place == columns[label] else "0" for place in range(10)) for label in labels]
    (tmp_path / "right.csv").write_text(HEAD + "\n".join(rows), "utf-8")
    (tmp_path / "wrong.csv").write_text(HEAD + "\n".join(rows[1:] + rows[:1]), "utf-8")
    votes = with_ferplus(faces, tmp_path / "right.csv").votes
    assert votes is not None
    assert (votes.majority() == labels).all()
    with pytest.raises(DataError):
        with_ferplus(faces, tmp_path / "wrong.csv")


def test_votes_given_as_data(tmp_path):
    (tmp_path / "fer2013new.csv").write_text(VOTES, "utf-8")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "fer2013new.csv", 4)
    assert "give fer2013.csv" in caught.value.hint


def test_votes_belong_to_kaggles_file(tmp_path):
    (tmp_path / "happy").mkdir()
    with pytest.raises(OptionError):
        load(tmp_path, 4, votes=tmp_path / "fer2013new.csv")
