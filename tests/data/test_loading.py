"""The format of a data set is recognized from its path."""

import numpy as np
import pytest
from PIL import Image

import mien.data
from mien.data.loading import PERSON_LAYOUTS, PLAIN_LAYOUTS, records_of
from mien.data.manifest import write_manifest
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError

from ..audit.conftest import affectnet as affectnet  # noqa: PLC0414  # fixtures
from ..audit.conftest import affectnet_newer as affectnet_newer  # noqa: PLC0414
from ..audit.conftest import crema_d as crema_d  # noqa: PLC0414
from ..audit.conftest import fairface as fairface  # noqa: PLC0414
from ..audit.conftest import raf_db as raf_db  # noqa: PLC0414


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for part in ("train", "validation"):
        for emotion in ("happy", "sad"):
            (tmp_path / "data" / part / emotion).mkdir(parents=True)
            for number in range(2):
                pixels = rng.integers(0, 256, (16, 16)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / part / emotion / f"{number}.png")
    return tmp_path / "data"


def emotions(faces) -> list[str]:
    return [EMOTIONS[label] for label in faces.labels]


def test_every_layout_has_a_name_of_its_own():
    assert len({layout.NAME for layout in (*PERSON_LAYOUTS, *PLAIN_LAYOUTS)}) == 8


def test_person_datasets_are_recognized_before_plain_folders(raf_db, crema_d, fairface):
    assert [records_of(path).name for path in (raf_db, crema_d, fairface)] == ["RAF-DB", "CREMA-D", "FairFace"]


def test_raf_db_loads_with_its_own_splits(raf_db):
    faces = mien.data.load(raf_db, 32, split=False)
    assert faces.images.shape == (3, 32, 32)
    assert emotions(faces) == ["happy", "neutral", "happy"]
    assert faces.split.tolist() == ["train", "train", "test"]


def test_affectnet_loads_from_tables_and_from_arrays(affectnet, affectnet_newer):
    old, newer = (mien.data.load(path, 32, split=False) for path in (affectnet, affectnet_newer))
    assert dict(zip(emotions(old), old.split.tolist())) == {"happy": "train", "neutral": "validation"}
    assert emotions(newer) == ["happy", "neutral", "contempt"]
    assert set(newer.split) == {"validation"}


def test_datasets_without_labeled_images_are_refused(fairface, crema_d):
    for path in (fairface, crema_d):
        with pytest.raises(DataError) as caught:
            mien.data.load(path)
        assert caught.value.hint


def test_a_manifest_beside_its_images_is_a_dataset(folder):
    faces = mien.data.load(folder, 16)
    use = np.arange(len(faces)) != 3
    write_manifest(faces, folder / "manifest.csv", use=use)
    listed = mien.data.load(folder / "manifest.csv", 16)
    assert listed.names.tolist() == faces.names[use].tolist()
    assert listed.split.tolist() == faces.split[use].tolist()
    np.testing.assert_array_equal(listed.images, faces.images[use])


def test_a_manifest_away_from_its_images_is_refused(folder, tmp_path):
    write_manifest(mien.data.load(folder, 16), tmp_path / "manifest.csv")
    with pytest.raises(DataError) as caught:
        mien.data.load(tmp_path / "manifest.csv")
    assert "--manifest" in caught.value.hint


def test_unsplit_images_stay_unsplit_on_request(folder):
    (folder / "train").rename(folder.parent / "plain")
    assert set(mien.data.load(folder.parent / "plain", 16, split=False).split) == {"undivided"}


@pytest.mark.parametrize("name", ["data.zip", "image.png", "notes"])
def test_files_of_no_layout_are_refused_with_a_hint(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        mien.data.load(tmp_path / name)
    assert caught.value.hint


def test_options_that_a_layout_cannot_follow_are_refused(folder, tmp_path):
    with pytest.raises(OptionError):
        mien.data.load(folder, votes=tmp_path / "votes.csv")
