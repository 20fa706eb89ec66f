import json

import numpy as np
import pytest

from mien.audit.fairness import audit_fairness
from mien.audit.groups import MAX_INTERSECTIONS
from mien.audit.predictions import Columns, predictions_of
from mien.audit.table import open_table
from mien.errors import DataError, OptionError

GOOD = {
    "truth": ["Happy", "sad", "joy", "Anger", "sad", "happy"],
    "predicted": ["happy", "sad", "sad", "angry", "", "happiness"],
    "gender": ["f", "m", "f", "m", "f", ""],
    "confidence": [0.9, 0.8, 0.5, 1, "", 0.7],
    "abstained": ["false", "true", "0", "no", "", "FALSE"],
}


def read(path, **columns):
    from pathlib import Path

    return predictions_of(open_table(Path(path)), Columns(columns.pop("groups", ("gender",)), **columns))


def failing(path, **columns):
    with pytest.raises(DataError) as caught:
        audit_fairness(read(path, **columns), resamples=100)
    return str(caught.value), caught.value.hint


def test_a_table_is_read_with_aliases_empty_cells_and_spaces(write):
    made = read(write({f" {name} ": cells for name, cells in GOOD.items()}))
    assert made.emotions == ("angry", "happy", "sad")
    assert made.y_true.tolist() == [1, 2, 1, 0, 2, 1]
    assert made.y_pred.tolist() == [1, 2, 2, 0, -1, 1]
    assert made.detection_known
    assert made.abstained.tolist() == [False, True, False, False, False, False]
    assert made.confidence[:4].tolist() == [0.9, 0.8, 0.5, 1.0]
    assert np.isnan(made.confidence[4])
    assert made.groups["gender"].tolist() == ["f", "m", "f", "m", "f", ""]
    assert len(made.notes) == 1


def test_groups_that_differ_in_case_are_reported(write):
    made = read(write({**GOOD, "gender": ["f", "m", "F", "m", "f", "M"]}))
    assert len(made.notes) == 2


def test_all_file_formats_hold_the_same_values(write, tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="parquet needs the extra table")
    from pyarrow import parquet

    columns = {
        "truth": ["happy", "sad", None],
        "predicted": ["happy", None, "sad"],
        "found": [True, False, True],
        "age": [31, 40, 31],
    }
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    parquet.write_table(pyarrow.table({**columns, "image": [b"x", b"y", b"z"]}), tmp_path / "a.parquet")
    text = {name: ["" if cell is None else cell for cell in cells] for name, cells in columns.items()}
    for path in (write(text), tmp_path / "a.jsonl", tmp_path / "a.parquet"):
        made = read(path, groups=("age",))
        assert made.y_true.tolist() == [0, 1]
        assert made.y_pred.tolist() == [0, -1]
        assert made.groups["age"].tolist() == ["31", "40"]
        assert len(made.notes) == 1


def test_confidence_comes_from_the_column_of_the_emotion(write):
    columns = {key: GOOD[key] for key in ("truth", "predicted", "gender")}
    shares = {"happy": [0.9, 0, 0.2, 0, "", 0.6], "sad": [0, 0.7, 0.8, 0, "", 0.4], "anger": [0.1, 0.3, 0, 1, "", 0]}
    made = read(write({**columns, **shares}))
    assert made.confidence[[0, 1, 2, 3, 5]].tolist() == [0.9, 0.7, 0.8, 1.0, 0.6]


def test_a_wrong_column_lists_what_there_is_and_suggests_the_nearest(write):
    message, hint = failing(write(GOOD), groups=("Gendr",))
    assert "no column 'Gendr'" in message
    assert all(name in message for name in GOOD)
    assert hint == "Did you mean --groups gender?"
    failing(write(GOOD), label="zzz")


def test_a_table_without_labels_is_an_error_with_a_hint(write):
    message, hint = failing(write({"what": ["happy"], "predicted": ["sad"], "gender": ["f"]}))
    assert "what" in message  # it lists the columns
    assert hint


@pytest.mark.parametrize(
    "changed",
    [
        {"truth": [""] * 6},
        {"truth": ["happy"] * 4 + ["bored", "bored"]},
        {"predicted": ["3"] * 6},
        {"confidence": ["high"] * 6},
        {"confidence": [0.5, 93, 0.5, 0.5, 0.5, 0.5]},
        {"confidence": ["nan"] * 6},
        {"confidence": [0.5, 0.5, "", 0.5, 0.5, 0.5]},
        {"abstained": ["perhaps"] * 6},
        {"found": ["true"] * 6},
        {"gender": ["f"] * 6},
        {"gender": [""] * 6},
    ],
)
def test_invalid_cells_and_columns_are_errors(write, changed):
    message, hint = failing(write({**GOOD, **changed}))
    assert message
    assert hint


def test_names_of_people_are_no_groups(write):
    many = {name: cells * 20 for name, cells in GOOD.items()}
    message, hint = failing(write({**many, "gender": range(120)}))
    assert hint
    assert message


@pytest.mark.parametrize(
    "content",
    ["", "truth,predicted\n", "a,b\n1,2\n1,2,3\n", "a,b\n1,2,3\n"],
)
def test_an_empty_or_damaged_file_is_an_error(tmp_path, content):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError):
        read(tmp_path / "x.csv")


def test_no_file_and_an_unknown_kind(tmp_path):
    with pytest.raises(DataError):
        read(tmp_path / "x.csv")
    with pytest.raises(OptionError):
        read(tmp_path / "x.doc")


def test_groups_of_one_are_shown_and_not_compared(write):
    made = read(
        write(
            {
                "truth": ["happy", "sad"] * 20 + ["sad"],
                "predicted": ["happy"] * 41,
                "gender": ["f", "f", "m", "m"] * 10 + ["x"],
            }
        )
    )
    found = audit_fairness(made, resamples=100)
    (by_gender,) = found.attributes
    assert [group.compared for group in by_gender.groups] == [True, True, False]
    assert {gap.n_groups for gap in by_gender.gaps} <= {2}
    assert "x (1)" in found.notes[-1]
    assert found.attributes[0].groups[-1].overconfidence is None


def test_intersections_are_pairs(write):
    ages = ["old", "old", "young", ""] * 10
    columns = {
        "truth": ["happy"] * 40,
        "predicted": ["happy", "sad"] * 20,
        "gender": ["f", "m", "m", "f"] * 10,
        "age": ages,
    }
    made = read(write(columns), groups=("gender", "age"))
    found = audit_fairness(made, intersections=True, resamples=100)
    assert [attribute.name for attribute in found.attributes] == ["gender", "age", "gender x age"]
    crossed = found.attributes[2]
    assert {group.name: group.n for group in crossed.groups} == {"f x old": 10, "m x old": 10, "m x young": 10}
    assert crossed.n_missing == 10


def test_one_image_of_each_person_is_kept(write):
    columns = {
        "truth": ["happy", "sad"] * 20,
        "predicted": ["happy"] * 40,
        "gender": ["f"] * 20 + ["m"] * 20,
        "who": ["ada"] * 15 + ["eve"] * 5 + ["bob"] * 10 + [""] * 10,
    }
    made = read(write(columns), person="who")
    assert sorted(made.groups["gender"]) == ["f"] * 2 + ["m"] * 11
    assert len(made.notes) == 1
    with pytest.raises(DataError):
        read(write(columns), person="whom")


ROWS = [("happy", "happy", "0.9", "a"), ("sad", "happy", "0.6", "b")] * 6
NAMES = ("truth", "predicted", "confidence", "group")


def table_of(tmp_path, between=",", rows=ROWS, names=NAMES, encoding="utf-8", decimal="."):
    lines = [between.join(names), *(between.join(cell.replace(".", decimal) for cell in row) for row in rows)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding)
    return open_table(path)


@pytest.mark.parametrize(("between", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", ",")])
def test_tables_of_spreadsheets_are_read(tmp_path, between, decimal):
    table = table_of(tmp_path, between, decimal=decimal, encoding="utf-8-sig")
    read = predictions_of(table, Columns(("group",)))
    assert len(read) == 12
    assert read.confidence[:2].tolist() == [0.9, 0.6]
    assert read.groups["group"][:2].tolist() == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_errors_with_a_hint(tmp_path, encoding):
    with pytest.raises(DataError):
        table_of(tmp_path, rows=[("happy", "happy", "0.9", "männlich")], encoding=encoding)


def test_ambiguous_columns_are_an_error(tmp_path):
    table = table_of(tmp_path, rows=[(*row, "c") for row in ROWS], names=(*NAMES, "group"))
    with pytest.raises(DataError):
        predictions_of(table, Columns(("group",)))
    twice = table_of(tmp_path, rows=[(*row, "sad") for row in ROWS], names=(*NAMES, "truth"))
    with pytest.raises(DataError):
        predictions_of(twice, Columns(("group",)))


def test_folders_are_reported_as_folders(tmp_path):
    with pytest.raises(DataError):
        open_table(tmp_path)


def test_one_column_cannot_have_two_roles(tmp_path):
    table = table_of(tmp_path)
    with pytest.raises(DataError):
        predictions_of(table, Columns(("group",), label="predicted"))
    with pytest.raises(DataError):
        predictions_of(table, Columns(("truth",)))
    assert predictions_of(table, Columns(("truth",), no_labels=True)).groups  # a question that can be asked


def test_too_many_crossings_are_refused_before_they_fill_the_memory(tmp_path):
    side = int(MAX_INTERSECTIONS**0.5) + 1
    rows = [(*ROWS[0][:3], f"a{i % side}", f"b{i // side}") for i in range(side * side)]
    read = predictions_of(table_of(tmp_path, rows=rows, names=(*NAMES, "more")), Columns(("group", "more")))
    with pytest.raises(DataError):
        audit_fairness(read, intersections=True)
