import json

import numpy as np
import pytest

from mien.audit.fairness.auditing import audit
from mien.audit.fairness.columns import Columns, predictions_of
from mien.audit.fairness.table import open_table
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
        audit(read(path, **columns), draws=100)
    return str(caught.value), caught.value.hint


def test_a_table_is_read_with_aliases_empty_cells_and_spaces(write):
    made = read(write({f" {name} ": cells for name, cells in GOOD.items()}))
    assert made.emotions == ("angry", "happy", "sad")
    assert made.truth.tolist() == [1, 2, 1, 0, 2, 1]
    assert made.said.tolist() == [1, 2, 2, 0, -1, 1]
    assert made.found_known
    assert made.abstained.tolist() == [False, True, False, False, False, False]
    assert made.confidence[:4].tolist() == [0.9, 0.8, 0.5, 1.0]
    assert np.isnan(made.confidence[4])
    assert made.groups["gender"].tolist() == ["f", "m", "f", "m", "f", ""]
    assert made.notes == ("Column 'gender': 1 rows have no group and are left out there.",)


def test_groups_that_differ_in_capitals_alone_are_told(write):
    made = read(write({**GOOD, "gender": ["f", "m", "F", "m", "f", "M"]}))
    assert made.notes == (
        "Column 'gender': F, f are taken for different groups, though only capitals differ.",
        "Column 'gender': M, m are taken for different groups, though only capitals differ.",
    )


def test_all_forms_say_the_same(write, tmp_path):
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
        assert made.truth.tolist() == [0, 1]
        assert made.said.tolist() == [0, -1]
        assert made.groups["age"].tolist() == ["31", "40"]
        assert made.notes == ("1 rows have no right answer and are left out.",)


def test_confidence_comes_from_the_column_of_the_emotion(write):
    columns = {key: GOOD[key] for key in ("truth", "predicted", "gender")}
    shares = {"happy": [0.9, 0, 0.2, 0, "", 0.6], "sad": [0, 0.7, 0.8, 0, "", 0.4], "anger": [0.1, 0.3, 0, 1, "", 0]}
    made = read(write({**columns, **shares}))
    assert made.confidence[[0, 1, 2, 3, 5]].tolist() == [0.9, 0.7, 0.8, 1.0, 0.6]


def test_a_wrong_column_lists_what_there_is_and_suggests_the_nearest(write):
    message, hint = failing(write(GOOD), groups=("Gendr",))
    assert "no column 'Gendr'" in message
    assert "truth, predicted, gender, confidence, abstained" in message
    assert hint == "Did you mean --groups gender?"
    message, hint = failing(write(GOOD), truth="zzz")
    assert hint == "Name one of these with --truth."


def test_a_table_without_labels_says_how_to_name_them(write):
    message, hint = failing(write({"what": ["happy"], "predicted": ["sad"], "gender": ["f"]}))
    assert "no column of right answers" in message
    assert "it has what, predicted, gender" in message
    assert hint.startswith("Say which it is: --truth COLUMN.")
    assert "--no-truth" in hint


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"truth": [""] * 6}, "empty in all 6 rows"),
        ({"truth": ["happy"] * 4 + ["bored", "bored"]}, "'bored' (2 rows), first in row 5"),
        ({"predicted": ["3"] * 6}, "'3' (6 rows)"),
        ({"confidence": ["high"] * 6}, "row 1, column 'confidence': got 'high', expected a probability, 0 to 1"),
        ({"confidence": [0.5, 93, 0.5, 0.5, 0.5, 0.5]}, "row 2, column 'confidence': got '93'"),
        ({"confidence": ["nan"] * 6}, "got 'nan'"),
        ({"confidence": [0.5, 0.5, "", 0.5, 0.5, 0.5]}, "row 3, column 'confidence': got ''"),
        ({"abstained": ["perhaps"] * 6}, "expected true or false"),
        ({"found": ["true"] * 6}, "row 5: a face was found, but the prediction is empty"),
        ({"gender": ["f"] * 6}, "one group only, 'f', expected at least two"),
        ({"gender": [""] * 6}, "all 6 cells are empty"),
    ],
)
def test_what_cannot_be_is_said(write, changed, words):
    message, hint = failing(write({**GOOD, **changed}))
    assert words in message
    assert hint


def test_names_of_people_are_no_groups(write):
    many = {name: cells * 20 for name, cells in GOOD.items()}
    message, hint = failing(write({**many, "gender": range(120)}))
    assert "120 different values" in message
    assert "bands" in hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is empty"),
        ("truth,predicted\n", "no rows"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read"),
        ("a,b\n1,2,3\n", "cannot be read"),
    ],
)
def test_an_empty_or_damaged_file_is_an_error(tmp_path, content, words):
    (tmp_path / "x.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        read(tmp_path / "x.csv")


def test_no_file_and_an_unknown_kind(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read(tmp_path / "x.csv")
    with pytest.raises(OptionError, match="unknown table format"):
        read(tmp_path / "x.xlsx")


def test_a_group_of_one_is_shown_and_compared_with_nobody(write):
    made = read(
        write(
            {
                "truth": ["happy", "sad"] * 20 + ["sad"],
                "predicted": ["happy"] * 41,
                "gender": ["f", "f", "m", "m"] * 10 + ["x"],
            }
        )
    )
    found = audit(made, draws=100)
    (by_gender,) = found.attributes
    assert [group.compared for group in by_gender.groups] == [True, True, False]
    assert {gap.groups for gap in by_gender.gaps} <= {2}
    assert "x (1)" in found.notes[-1]
    assert found.attributes[0].groups[-1].overconfidence is None


def test_crossings_are_pairs(write):
    ages = ["old", "old", "young", ""] * 10
    columns = {
        "truth": ["happy"] * 40,
        "predicted": ["happy", "sad"] * 20,
        "gender": ["f", "m", "m", "f"] * 10,
        "age": ages,
    }
    made = read(write(columns), groups=("gender", "age"))
    found = audit(made, cross=True, draws=100)
    assert [attribute.name for attribute in found.attributes] == ["gender", "age", "gender x age"]
    crossed = found.attributes[2]
    assert {group.name: group.n for group in crossed.groups} == {"f x old": 10, "m x old": 10, "m x young": 10}
    assert crossed.missing == 10


def test_one_image_of_each_person_is_kept(write):
    columns = {
        "truth": ["happy", "sad"] * 20,
        "predicted": ["happy"] * 40,
        "gender": ["f"] * 20 + ["m"] * 20,
        "who": ["ada"] * 15 + ["eve"] * 5 + ["bob"] * 10 + [""] * 10,
    }
    made = read(write(columns), person="who")
    assert sorted(made.groups["gender"]) == ["f"] * 2 + ["m"] * 11
    assert made.notes == ("One image of each person is kept, 13 of 40: those of one person say much the same.",)
    with pytest.raises(DataError, match="--person"):
        read(write(columns), person="whom")
