import csv
import io
import json
import shutil
import subprocess

import openpyxl
import pyreadstat
import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from mien import timeline
from mien.errors import OptionError
from mien.io.annotations import read_annotations
from mien.timelines.span_files import SPAN_COLUMNS

from .conftest import steady

TALK = [*["happy"] * 20, *[None] * 10, *["sad?"] * 20]
SPANS = [(0.0, 2.0, "happy"), (3.0, 5.0, "sad")]


@pytest.fixture
def saved(table, tmp_path):
    def save(name, layout="mien"):
        path = tmp_path / name
        path.write_bytes(timeline(table(steady(TALK))).render(path, layout))
        return path

    return save


def test_excel_opens_the_spans(saved):
    rows = list(openpyxl.load_workbook(saved("s.xlsx")).active.iter_rows(values_only=True))
    assert rows[0] == SPAN_COLUMNS
    assert [(row[2], row[3], row[5], row[7]) for row in rows[1:]] == [(0, 2, "happy", False), (3, 5, "sad", True)]


def test_spss_opens_the_spans(saved):
    frame, meta = pyreadstat.read_sav(saved("s.sav"))
    assert list(frame.columns) == list(SPAN_COLUMNS)
    assert list(zip(frame.start_s, frame.end_s, frame.emotion, frame.unsure)) == [
        (0, 2, "happy", 0),
        (3, 5, "sad", 1),
    ]
    assert meta.variable_value_labels["unsure"] == {0.0: "sure", 1.0: "unsure"}
    assert meta.column_names_to_labels["seconds"]


def test_elan_opens_the_spans(saved):
    found = Eaf(str(saved("s.eaf"))).get_annotation_data_for_tier("person 1")
    assert sorted(one[:3] for one in found) == [(0, 2000, "happy"), (3000, 5000, "sad?")]


def test_praat_opens_the_spans(saved):
    entries = textgrid.openTextgrid(str(saved("s.TextGrid")), False).getTier("person 1").entries
    assert [(e.start, e.end, e.label) for e in entries] == [(0, 2, "happy"), (3, 5, "sad?")]


def test_boris_has_the_spans(saved):
    rows = list(csv.DictReader(io.StringIO(saved("s.csv", "boris").read_text())))
    assert [(float(r["Start (s)"]), float(r["Stop (s)"]), r["Behavior"], r["Behavior type"]) for r in rows] == [
        (*span, "STATE") for span in SPANS
    ]


@pytest.mark.parametrize(
    ("name", "layout"),
    [("s.csv", "comma"), ("s.csv", "semicolon"), ("s.csv", "boris"), ("s.tsv", "mien"), ("s.xlsx", "mien")],
)
def test_exported_spans_can_be_imported(saved, name, layout):
    assert [(one.start_s, one.end_s, one.label) for one in read_annotations(saved(name, layout))] == SPANS


def test_r_opens_the_spans(saved):
    rscript = shutil.which("Rscript")
    if not rscript:
        pytest.skip("R is not installed")
    plain, excel = saved("a.csv"), saved("b.csv", "semicolon")
    code = (
        f'a <- read.csv("{plain}"); b <- read.csv2("{excel}", fileEncoding = "UTF-8-BOM"); '
        'cat(sprintf("[%g, %g, %g, %d]", sum(a$seconds), sum(b$seconds), mean(a$confidence), sum(as.logical(a$unsure))))'
    )
    done = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [4, 4, pytest.approx(0.6), 1]


def test_an_empty_video_gives_valid_files(table, tmp_path):
    made = timeline(table(steady([None] * 5)))
    for name in ("s.csv", "s.xlsx", "s.sav", "s.eaf", "s.TextGrid", "s.srt"):
        (tmp_path / name).write_bytes(made.render(tmp_path / name))
    assert pyreadstat.read_sav(tmp_path / "s.sav")[0].empty
    for name in ("s.csv", "s.xlsx", "s.eaf", "s.TextGrid"):
        assert read_annotations(tmp_path / name) == ()


def test_files_of_one_video_refuse_several(table, tmp_path):
    made = timeline(table(steady(["happy"]), steady(["sad"])))
    for name in ("s.eaf", "s.TextGrid"):
        with pytest.raises(OptionError):
            made.render(tmp_path / name)
    with pytest.raises(OptionError):
        made.render(tmp_path / "s.xlsx", "boris")
