"""Recorded numbers, feedback, its export as a data set, and agreement of annotators."""

import base64
import os
import time

import httpx
import numpy as np
import pytest
import sqlalchemy as sa

from mien.apps.photo_flags import Flags
from mien.apps.photo_reading import Readers
from mien.apps.photo_server import PhotoApp, serve
from mien.data import load
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError, OutputError
from mien.raters import krippendorff_alpha
from mien.serve.store import (
    Record,
    Store,
    export_feedback,
    feedback_images,
    import_corrections,
    ten_votes,
)

from ..conftest import EXAMPLES
from .conftest import ASTRONAUT, files, png, running


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """An empty database; PostgreSQL's is the one at MIEN_POSTGRESQL, whose tables are removed."""
    url = f"sqlite:///{tmp_path / 'db' / 'mien.db'}"
    if request.param == "postgresql":
        url = os.environ.get("MIEN_POSTGRESQL") or pytest.skip("MIEN_POSTGRESQL names no database")
        empty(url)
    store = Store(url)
    yield store
    store.close()


def empty(url: str) -> None:
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for name in ("readings", "feedback", "alembic_version"):
            connection.execute(sa.text(f"drop table if exists {name}"))
    engine.dispose()


def read(client: httpx.Client) -> str:
    return client.post("/v1/images", files=files(ASTRONAUT)).json()["images"][0]["readings"][0]["id"]


def tell(client: httpx.Client, **body) -> httpx.Response:
    return client.post("/v1/feedback", json=body)


def test_numbers_of_readings_are_recorded(server, client):
    since = time.time()
    client.post("/v1/images", files=files(ASTRONAUT))
    client.post("/v1/faces", files=files(png()), params={"emotions": "four"})
    store = server.server.store
    columns = store.records(since, time.time() + 1)
    assert columns["emotion"][0] == "happy"
    assert 60 < columns["size"][0] < 130
    assert np.isnan(columns["size"][1])
    assert np.isfinite(columns["yaw"][0])
    assert len(store.records(since, time.time() + 1, {"labels": "four"})["emotion"]) == 1
    store.delete_before(time.time() + 1)
    assert not len(store.records(0, time.time() + 1)["emotion"])


def test_feedback_is_stored_with_crops_by_consent_only(server, client):
    reading, crop = read(client), base64.b64encode(png(300, 300)).decode()
    assert tell(client, reading=reading, emotion="surprised", annotator="a").status_code == 201
    assert tell(client, reading=reading, emotion="sad", annotator="a", crop=crop).json()["code"] == "consent_missing"
    assert tell(client, reading=reading, emotion="sad", annotator="b", crop=crop, consent=True).json()["image"]
    assert tell(client, reading=reading, emotion="no_face", annotator="a").status_code == 201
    told = {one.annotator: one for one in server.server.store.feedback() if one.reading == reading}
    assert (told["a"].emotion, told["a"].crop, told["a"].predicted) == ("no_face", None, "happy")
    (image,) = feedback_images(list(told.values()))
    assert image.votes == {"sad": 1}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reading": "0" * 32}, 404), ({"reading": "x"}, 400), ({"emotion": "glad"}, 400), ({"emotion": 1}, 400),
        ({"crop": "%", "consent": True}, 400), ({"crop": "AAAA", "consent": True}, 422), ({"more": 1}, 400),
    ],
)  # fmt: skip
def test_bad_feedback_is_refused(client, change, status):
    assert tell(client, **{"reading": read(client), "emotion": "sad", **change}).status_code == status


def test_kept_faces_serve_feedback(tmp_path):
    with running(tmp_path, keep_images=True) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        reading = read(client)
        assert (tmp_path / "faces" / f"{reading}.png").is_file()
        assert not tell(client, reading=reading, emotion="sad").json()["image"]
        assert tell(client, reading=reading, emotion="sad", consent=True).json()["image"]


def test_without_records_there_is_no_feedback(tmp_path):
    with running(tmp_path, record=False) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert tell(client, reading=read(client), emotion="sad").status_code == 501
    assert not list(tmp_path.glob("*.db"))


def noise(seed: int, side: int = 60) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def test_feedback_becomes_a_data_set_with_votes(store, tmp_path):
    for number in range(40):
        emotion = EMOTIONS[number % 8]
        for annotator, said in (("a", emotion), ("b", emotion), ("c", "neutral")):
            store.add_feedback(f"{number:032x}", said, annotator, "happy", "model", noise(number))
    store.add_feedback("f" * 32, "sad", "a", "happy", "model")  # without a face
    for annotator, said in (("a", "sad"), ("b", "happy")):
        store.add_feedback("e" * 32, said, annotator, "happy", "model", noise(99))
    result = export_feedback(store, tmp_path / "feedback.parquet")
    assert (result.train + result.test, result.unclear) == (40, 1)
    assert 0 < result.test < result.train
    faces = load(result.path, 48, split=False)
    assert sorted(np.unique(faces.labels)) == list(range(8))
    assert (faces.votes.emotions.sum(1) == 10).all()
    assert (faces.votes.majority() == faces.labels).all()
    assert 0 < result.alpha < 1
    again = export_feedback(store, tmp_path / "again.parquet")
    assert (again.train, again.test) == (result.train, result.test)


def test_an_export_without_faces_is_an_error(store, tmp_path):
    store.add_feedback("f" * 32, "sad", "a", "happy", "model")
    with pytest.raises(DataError):
        export_feedback(store, tmp_path / "feedback.parquet")


def test_krippendorffs_alpha_matches_published_values():
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", nominal data with missing values: 0.743
    units = [
        ["1", "1", "1"], ["2", "2", "3", "2"], ["3", "3", "3", "3"], ["3", "3", "3", "3"], ["2", "2", "2", "2"],
        ["1", "2", "3", "4"], ["4", "4", "4", "4"], ["1", "1", "2", "1"], ["2", "2", "2", "2"], ["5", "5", "5"],
        ["1", "1"], ["3"],
    ]  # fmt: skip
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.001)
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == 1
    assert krippendorff_alpha([["a"], ["b"]]) is None
    assert krippendorff_alpha([["a", "a"]]) is None


def test_votes_are_scaled_to_ten():
    assert ten_votes({"happy": 1})[EMOTIONS.index("happy")] == 10
    assert sum(ten_votes({"happy": 1, "sad": 1, "unknown": 1})) == 10


def test_corrections_of_the_photo_app_are_taken_in(store, tmp_path):
    photo = Readers().read(EXAMPLES / "astronaut.png", "eight")
    Flags(tmp_path / "flags", "sha").save(photo, 1, "surprise", agreed=True)
    assert import_corrections(store, tmp_path / "flags") == 1
    assert import_corrections(store, tmp_path / "flags") == 1  # again: nothing doubles
    (image,) = feedback_images(store.feedback())
    assert (image.emotion, image.predicted) == ("surprise", "happy")
    with pytest.raises(DataError):
        import_corrections(store, tmp_path)


def test_the_photo_app_writes_its_corrections_to_the_database(store, tmp_path):
    photo = Readers().read(EXAMPLES / "astronaut.png", "eight")
    flags = Flags(tmp_path / "flags", "sha", store)
    for emotion in ("surprise", "neutral", "neutral"):  # of two corrections of one face the later one holds
        flags.save(photo, 1, emotion, agreed=True)
    with pytest.raises(OptionError):
        flags.save(photo, 1, "sad", agreed=False)
    (given,) = store.feedback()
    assert (given.emotion, given.predicted, given.model) == ("neutral", "happy", "sha")
    assert given.crop is not None
    assert import_corrections(store, tmp_path / "flags") == 1
    assert [one.emotion for one in store.feedback()] == ["neutral"]


def test_a_photo_app_with_a_database_that_cannot_be_used_does_not_start():
    with pytest.raises(OutputError):
        serve(PhotoApp(feedback="nothing://host/x", open_browser=False))


def test_a_database_is_brought_up_to_date_once_and_keeps_its_rows(tmp_path):
    url = f"sqlite:///{tmp_path / 'mien.db'}"
    for _ in range(2):
        store = Store(url)
        store.add_feedback("0" * 32, "sad", "a", "happy", "model")
        store.close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(sa.text("select version_num from alembic_version")).scalars().all() == ["1"]
        assert connection.execute(sa.text("select count(*) from feedback")).scalar() == 1
    engine.dispose()


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/mien.db", "nothing://user:secret@host/x"])
def test_a_database_that_cannot_be_used_is_an_error_without_its_password(url):
    with pytest.raises(OutputError) as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_records_that_cannot_be_written_wait(store, monkeypatch):
    record = Record("1" * 32, 1.0, "images", "m", "h", "", "happy", False, 0.9, 0.5, 0.1, 40.0, 0.0, 0.0)
    assert store.add([record]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(store, "_engine", sa.create_engine("sqlite:////proc/none/mien.db"))
        with pytest.raises(OutputError):
            store.flush()
    assert len(store.records(0, 2)["emotion"]) == 1
    monkeypatch.setattr("mien.serve.store._MOST_WAITING", 1)
    assert store.add([record, record]) == 1
    store._waiting.clear()
