"""Tables as people have them: from spreadsheets, with columns twice, with names that figures might take for formulas."""

import numpy as np
import pytest

from mien.audit.fairness.auditing import audit
from mien.audit.fairness.columns import Columns, predictions_of
from mien.audit.fairness.figures import accuracy_figure, gap_figure
from mien.audit.fairness.grouping import MOST_CROSSED
from mien.audit.fairness.table import open_table
from mien.audit.fairness.words import headline, narrow_mix, verdict
from mien.cli.app import app
from mien.errors import DataError

from .conftest import predictions_from

ROWS = [("happy", "happy", "0.9", "a"), ("sad", "happy", "0.6", "b")] * 6
NAMES = ("truth", "predicted", "confidence", "group")


def table_of(tmp_path, between=",", rows=ROWS, names=NAMES, encoding="utf-8", decimal="."):
    lines = [between.join(names), *(between.join(cell.replace(".", decimal) for cell in row) for row in rows)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding)
    return open_table(path)


@pytest.mark.parametrize(("between", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", ",")])
def test_what_spreadsheets_write_is_read(tmp_path, between, decimal):
    table = table_of(tmp_path, between, decimal=decimal, encoding="utf-8-sig")
    read = predictions_of(table, Columns(("group",)))
    assert len(read) == 12
    assert read.confidence[:2].tolist() == [0.9, 0.6]
    assert read.groups["group"][:2].tolist() == ["a", "b"]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_told_with_what_to_do(tmp_path, encoding):
    with pytest.raises(DataError, match="UTF-8") as caught:
        table_of(tmp_path, rows=[("happy", "happy", "0.9", "männlich")], encoding=encoding)
    assert "CSV UTF-8" in caught.value.hint


def test_a_column_that_is_there_twice_is_not_chosen_for_the_user(tmp_path):
    table = table_of(tmp_path, rows=[(*row, "c") for row in ROWS], names=(*NAMES, "group"))
    with pytest.raises(DataError, match="2 columns 'group'"):
        predictions_of(table, Columns(("group",)))
    twice = table_of(tmp_path, rows=[(*row, "sad") for row in ROWS], names=(*NAMES, "truth"))
    with pytest.raises(DataError, match="2 columns 'truth'"):
        predictions_of(twice, Columns(("group",)))


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        open_table(tmp_path)


def test_one_column_is_not_two_things(tmp_path):
    table = table_of(tmp_path)
    with pytest.raises(DataError, match="right answers and predictions"):
        predictions_of(table, Columns(("group",), truth="predicted"))
    with pytest.raises(DataError, match="holds the right answers"):
        predictions_of(table, Columns(("truth",)))
    assert predictions_of(table, Columns(("truth",), no_truth=True)).groups  # a question that can be asked


def test_groups_that_share_no_emotion_are_not_called_equal():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[1, 1, 1:3] = (1900, 100), (1000, 1000)
    found = audit(predictions_from(counts, ["one", "other"]), draws=100)
    assert verdict(found.attributes[0]).kind == "small"
    assert headline(found).startswith("Nobody can say yet")


def test_a_mix_of_some_emotions_only_is_told():
    counts = np.zeros((2, 2, 5), np.int64)
    counts[0, 0, 1:3], counts[0, 1, 1:3] = (190, 10), (50, 150)
    counts[1, 0, 1:3] = (180, 20)
    found = audit(predictions_from(counts, ["one", "other"]), draws=100)
    assert "stands on angry: not all groups that are compared show disgust" in narrow_mix(
        found.attributes[0], found.emotions
    )


def test_names_of_groups_are_no_formulas_and_may_have_letters_that_no_font_has():
    counts = np.zeros((4, 2, 5), np.int64)
    counts[:, 0, 1:3], counts[:, 1, 1:3] = (40, 10), (20, 30)
    found = audit(predictions_from(counts, ["$0-$10k", "$10k_{2$", "女性", "\U0001f600"]), draws=100)
    assert all(figure(found).startswith(b"\x89PNG") for figure in (accuracy_figure, gap_figure))


def test_too_many_crossings_are_refused_before_they_fill_the_memory(tmp_path):
    side = int(MOST_CROSSED**0.5) + 1
    rows = [(*ROWS[0][:3], f"a{i % side}", f"b{i // side}") for i in range(side * side)]
    read = predictions_of(table_of(tmp_path, rows=rows, names=(*NAMES, "more")), Columns(("group", "more")))
    with pytest.raises(DataError, match="if crossed"):
        audit(read, cross=True)


def test_own_thresholds_without_thresholds_are_not_passed_over(tmp_path):
    from typer.testing import CliRunner

    table_of(tmp_path)
    options = ["audit", "fairness", str(tmp_path / "table.csv"), "--groups", "group", "--own-thresholds"]
    assert "--own-thresholds" in str(CliRunner().invoke(app, options).exception)
