"""Tables hold the same values in every format and are written atomically."""

import csv
import errno
import io
import json
import locale
import os
import sys

import numpy as np
import pytest

from mien.cli.output import JsonArray
from mien.errors import MissingExtraError, OptionError, OutputError
from mien.io.atomic import replacing, write_atomically
from mien.io.tables import (
    Row,
    check_format,
    column_names,
    columns,
    excel_separator,
    locale_separator,
    read_columns,
    write_table,
)

COLUMNS = columns(("happy", "sad"))
FACE: Row = {
    "source": 'ü, "x"\n.jpg',
    "frame": 0,
    "time_s": 0.0,
    "face": 0,
    "track_id": None,
    "x0": 1.25,
    "y0": -2.0,
    "x1": 3.1,
    "y1": 4.0,
    "score": 0.9,
    "emotion": "sad",
    "confidence": 0.7,
    "mixed": ["sad", "happy"],
    "abstained": False,
    "happy": 0.3,
    "sad": 0.7,
}
EMPTY: Row = {**dict.fromkeys(COLUMNS), "source": "b.jpg", "frame": 0, "time_s": 0.0, "mixed": []}
FORMATS = ["r.csv", "r.tsv", "r.xlsx", "r.jsonl", "r.parquet", "R.CSV"]


def listed(folder):
    return [path.name for path in folder.iterdir()]


def test_csv(tmp_path):
    path = tmp_path / "new folder" / "r.csv"
    write_table(path, COLUMNS, iter([FACE, EMPTY]))
    with path.open(encoding="utf-8", newline="") as file:
        header, face, empty = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert dict(zip(header, face)) == {
        **{name: str(value) for name, value in FACE.items()},
        "track_id": "",
        "mixed": "sad+happy",
        "abstained": "false",
    }
    assert empty == ["b.jpg", "0", "0.0"] + [""] * (len(COLUMNS) - 3)


@pytest.mark.parametrize(("separator", "x0"), [(";", "1,25"), (",", "1.25")])
def test_csv_for_excel(tmp_path, separator, x0):
    path = tmp_path / "r.csv"
    write_table(path, COLUMNS, [FACE, EMPTY], excel=separator)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfsource" + separator.encode())
    assert excel_separator(path) == separator
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, face, _ = csv.reader(file, delimiter=separator)
    row = dict(zip(header, face))
    assert (row["x0"], row["source"]) == (x0, FACE["source"])
    with pytest.raises(OptionError):
        write_table(tmp_path / "r.parquet", COLUMNS, [FACE], excel=separator)
    pytest.importorskip("pyarrow", reason="tables are read with the extra [table]")
    assert column_names(path) == COLUMNS
    read = read_columns(path, ("source", "x0", "happy"))
    assert read["x0"].tolist() == pytest.approx([1.25, np.nan], nan_ok=True)
    assert read["source"].tolist() == [FACE["source"], "b.jpg"]


@pytest.mark.parametrize(
    ("comma", "name", "separator"),
    [(",", "de_DE.UTF-8", ";"), (",", "fr_FR.UTF-8", ";"), (".", "en_US.UTF-8", ","), (".", "C", ",")],
)
def test_separator_of_the_locale(monkeypatch, comma, name, separator):
    current = ["C"]

    def setlocale(_, wanted=None):
        if wanted is not None:
            current[0] = wanted or name
        return current[0]

    monkeypatch.setattr("locale.setlocale", setlocale)
    monkeypatch.setattr("locale.localeconv", lambda: {"decimal_point": comma if current[0] == name else "."})
    assert (locale_separator(), current) == (separator, ["C"])


def test_separator_of_the_locales_of_this_machine(monkeypatch):
    monkeypatch.delenv("LC_ALL", raising=False)
    before = locale.setlocale(locale.LC_NUMERIC)
    monkeypatch.setenv("LC_NUMERIC", "xx_XX.UTF-8")
    with pytest.raises(OptionError):
        locale_separator()
    monkeypatch.setenv("LC_NUMERIC", "C")
    assert locale_separator() == ","
    assert locale.setlocale(locale.LC_NUMERIC) == before


def test_excel(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl", reason="workbooks need the extra [table]")
    path = tmp_path / "r.xlsx"
    write_table(path, COLUMNS, [FACE, {**EMPTY, "source": "=1+1\x07.jpg"}])
    header, face, empty = openpyxl.load_workbook(path).active.iter_rows()
    assert tuple(cell.value for cell in header) == COLUMNS
    assert dict(zip(COLUMNS, [cell.value for cell in face])) == {**FACE, "mixed": "sad+happy"}
    assert (empty[0].value, empty[0].data_type) == ("=1+1\N{REPLACEMENT CHARACTER}.jpg", "s")  # no formula
    monkeypatch.setattr("mien.io.tables._EXCEL_ROWS", 2)
    with pytest.raises(OutputError):
        write_table(tmp_path / "long.xlsx", COLUMNS, [FACE, FACE])
    assert listed(tmp_path) == ["r.xlsx"]


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.xlsx", "r.jsonl", "r.parquet"])
def test_a_table_is_read_as_it_was_written(tmp_path, name):
    pytest.importorskip("pyarrow", reason="tables are read with the extra [table]")
    write_table(tmp_path / name, COLUMNS, [FACE, EMPTY])
    assert column_names(tmp_path / name) == COLUMNS
    found = read_columns(tmp_path / name, ("source", "face", "abstained", "sad"))
    assert found["source"].tolist() == [FACE["source"], "b.jpg"]
    assert (found["face"][0], found["abstained"][0], found["sad"][0]) == (0, 0, 0.7)
    assert np.isnan([found["face"][1], found["abstained"][1], found["sad"][1]]).all()


def test_json_lines(tmp_path):
    write_table(tmp_path / "r.jsonl", COLUMNS, [FACE, EMPTY])
    text = (tmp_path / "r.jsonl").read_text(encoding="utf-8")
    assert "ü" in text
    assert [json.loads(line) for line in text.splitlines()] == [FACE, EMPTY]


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra [table]")
    write_table(tmp_path / "r.parquet", COLUMNS, iter([FACE, EMPTY]))
    table = parquet.read_table(tmp_path / "r.parquet")
    assert table.to_pylist() == [FACE, EMPTY]
    assert table.schema.metadata[b"mien_schema"] == b"1"
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["source"], types["track_id"], types["x0"], types["sad"]) == ("string", "int64", "double", "double")
    assert types["mixed"].startswith("list<")
    assert types["abstained"] == "bool"


def test_parquet_is_written_in_groups(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="parquet needs the extra [table]")
    monkeypatch.setattr("mien.io.tables._ROWS_IN_GROUP", 10)
    write_table(tmp_path / "r.parquet", COLUMNS, ({**FACE, "face": n} for n in range(25)))
    file = parquet.ParquetFile(tmp_path / "r.parquet")
    assert file.num_row_groups == 3
    assert file.read().column("face").to_pylist() == list(range(25))


@pytest.mark.parametrize("name", FORMATS)
def test_no_rows_still_make_a_table(name, tmp_path):
    write_table(tmp_path / name, COLUMNS, [])
    assert (tmp_path / name).exists()
    assert listed(tmp_path) == [name]


def written_array(*batches) -> str:
    stream = io.StringIO()
    with JsonArray(stream) as array:
        for batch in batches:
            array.add(batch)
    return stream.getvalue()


def test_a_json_array_is_the_same_objects_in_ascii():
    assert json.loads(written_array([FACE], [], [EMPTY])) == [FACE, EMPTY]
    assert written_array([FACE]).isascii()
    assert written_array() == "[]\n"


@pytest.mark.parametrize(("before", "left"), [([FACE], "[FACE]"), ([], "")])
def test_interrupted_json_arrays_are_closed(before, left):
    def interrupted(stream):
        with JsonArray(stream) as array:
            array.add(before)
            raise KeyboardInterrupt

    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        interrupted(stream)
    assert not left or json.loads(stream.getvalue()) == [FACE]
    assert left or stream.getvalue() == ""


@pytest.mark.parametrize("name", ["r.xls", "r", "r.json", "csv", ".csv"])
def test_unknown_formats_are_refused_with_the_known_ones(name, tmp_path):
    with pytest.raises(OptionError):
        check_format(tmp_path / name)
    with pytest.raises(OptionError):
        write_table(tmp_path / name, COLUMNS, [FACE])
    assert listed(tmp_path) == []


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError) as caught:
        check_format(tmp_path / "r.parquet")
    assert "pip install '.[table]'" in caught.value.hint


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_table_leaves_the_old_one(name, error, tmp_path):
    def rows():
        yield FACE
        raise error

    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(error):
        write_table(tmp_path / name, COLUMNS, rows())
    assert (tmp_path / name).read_bytes() == b"old"
    assert listed(tmp_path) == [name]


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk(name, tmp_path, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError) as caught:
        write_table(tmp_path / name, COLUMNS, [FACE])
    assert "disk" in caught.value.hint
    assert listed(tmp_path) == []


def test_an_unwritable_place_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "file" / "r.csv", b"")


def test_errors_of_the_caller_are_not_reported_as_output_errors(tmp_path):
    with pytest.raises(OptionError), replacing(tmp_path / "r.csv"):
        raise OptionError("another matter")
    assert listed(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="no such rights there")
def test_written_files_have_default_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_atomically(tmp_path / "r.csv", b"x")
    assert (tmp_path / "r.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode
