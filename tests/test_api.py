"""The Python interface: kinds of sources, errors, conversions."""

import json

import pytest

import mien

from .conftest import EXAMPLES


@pytest.fixture(scope="module")
def reader() -> mien.Reader:
    return mien.Reader()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.png").write_bytes((EXAMPLES / "astronaut.png").read_bytes())
    (tmp_path / "b.png").write_bytes(b"no image")
    return tmp_path


def test_a_folder_gives_the_readings_of_all_its_images(reader):
    readings = reader.read(EXAMPLES)
    assert {reading.emotion for reading in readings} == {"happy", "neutral"}
    assert len(readings.sources) == 2
    assert reader.read(str(EXAMPLES / "*.png"))[0].emotion == "happy"


def test_a_bad_image_raises_is_skipped_or_is_returned(reader, folder):
    with pytest.raises(mien.SourceError) as caught:
        reader.read(folder)
    assert caught.value.path == str(folder / "b.png")
    assert reader.read(folder, errors="skip").errors == ()
    returned = reader.read([folder], errors="return")
    assert [len(readings) for readings in returned] == [1, 0]
    assert [error.path for readings in returned for error in readings.errors] == [str(folder / "b.png")]


def test_a_reading_converts_to_plain_values(reader):
    (reading,) = reader.read(EXAMPLES / "astronaut.png")
    row = json.loads(json.dumps(reading.to_dict()))
    assert row["emotion"] == "happy"
    assert tuple(row)[-8:] == mien.EMOTIONS


def test_readings_convert_to_a_data_frame(reader):
    pytest.importorskip("pandas", reason="data frames need the extra table")
    readings = reader.read(EXAMPLES)
    table = mien.to_dataframe(readings)
    assert len(table) == len(readings) == 2
    assert list(table["emotion"]) == [reading.emotion for reading in readings]


def test_readings_are_filtered(reader):
    readings = reader.read(EXAMPLES)
    assert [reading.emotion for reading in readings.filter(emotion="happy")] == ["happy"]
    assert not readings.filter(min_face=1000)
    assert len(readings.filter(abstained=False, min_confidence=0.5)) == 2


def test_a_reader_can_be_pickled(reader):
    import pickle

    again = pickle.loads(pickle.dumps(reader))  # noqa: S301
    assert again.emotions == reader.emotions


def test_an_unknown_error_policy_is_refused():
    with pytest.raises(mien.OptionError) as caught:
        mien.read(EXAMPLES / "astronaut.png", errors="ignore")
    assert (caught.value.field, caught.value.value) == ("errors", "ignore")


def test_errors_keep_their_fields_when_pickled():
    import pickle

    error = pickle.loads(pickle.dumps(mien.OptionError("wrong", hint="right", field="x", value=1)))  # noqa: S301
    assert (str(error), error.hint, error.field, error.value) == ("wrong", "right", "x", 1)


@pytest.mark.slow
def test_explain_names_the_mouth_of_a_smile():
    (explanation,) = mien.explain(EXAMPLES / "astronaut.png", mien.ReadOptions(flip=False))
    assert explanation.parts[0].name == "mouth"
    json.dumps(explanation.to_dict(), allow_nan=False)


def test_batch_reading_reports_failures(folder):
    result = mien.read_files(folder, out=folder / "faces.csv")
    assert (result.images, result.faces) == (1, 1)
    assert [failure.source for failure in result.failures] == [str(folder / "b.png")]
