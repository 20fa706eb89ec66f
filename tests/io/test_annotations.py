import pytest
from praatio import textgrid
from pympi.Elan import Eaf

from mien.errors import DataError, OptionError
from mien.io.annotations import Annotation, read_annotations
from mien.io.delimited import parse_time
from mien.io.elan import write_eaf
from mien.io.textgrid import write_textgrid

TIERS = {"P01": [(0.5, 1.25, "happy"), (2.0, 3.0, 'sad "?" & <b>')], "P02": [(1.0, 1.5, "äöü")]}
EXPECTED = {(a, b, text, tier) for tier, found in TIERS.items() for a, b, text in found}


def pieces(path):
    return {(one.start_s, one.end_s, one.label, one.tier) for one in read_annotations(path)}


def test_elan_files_are_read_by_another_reader_and_back(tmp_path):
    path = tmp_path / "talk.eaf"
    path.write_bytes(write_eaf(TIERS, "videos/talk.mp4"))
    other = Eaf(str(path))
    assert set(other.get_tier_names()) == {"P01", "P02"}
    assert [one[:3] for one in sorted(other.get_annotation_data_for_tier("P01"))] == [
        (500, 1250, "happy"),
        (2000, 3000, 'sad "?" & <b>'),
    ]
    assert other.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./videos/talk.mp4"
    assert pieces(path) == EXPECTED


def test_elan_files_of_another_writer_with_references(tmp_path):
    eaf = Eaf()
    eaf.add_tier("coder")
    eaf.add_linguistic_type("ref", "Symbolic_Association", timealignable=False)
    eaf.add_tier("emotion", ling="ref", parent="coder")
    eaf.add_annotation("coder", 1000, 2500, "smile")
    eaf.add_ref_annotation("emotion", "coder", 1200, "happy")
    eaf.remove_tier("default")
    eaf.to_file(str(tmp_path / "a.eaf"))
    assert pieces(tmp_path / "a.eaf") == {(1.0, 2.5, "smile", "coder"), (1.0, 2.5, "happy", "emotion")}


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
def test_textgrids_are_read_by_another_reader_and_back(tmp_path, form):
    path = tmp_path / "talk.TextGrid"
    path.write_bytes(write_textgrid(TIERS, 0, 4))
    other = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    assert other.tierNames == ("P01", "P02")
    entries = other.getTier("P01").entries
    assert [(e.start, e.end, e.label) for e in entries] == [
        (0, 0.5, ""),
        (0.5, 1.25, "happy"),
        (1.25, 2.0, ""),
        (2.0, 3.0, 'sad "?" & <b>'),
        (3.0, 4.0, ""),
    ]
    other.save(str(path), form, includeBlankSpaces=True)
    assert pieces(path) == EXPECTED


def test_textgrids_in_utf_16_with_points(tmp_path):
    text = '"ooTextFile"\n"TextGrid"\n0\n5\n<exists>\n1\n"TextTier"\n"beeps"\n0\n5\n2\n1.5\n"start [1]"\n4\n""\n'
    (tmp_path / "a.TextGrid").write_bytes(text.encode("utf-16"))
    assert pieces(tmp_path / "a.TextGrid") == {(1.5, 1.5, "start [1]", "beeps")}


BIDS = "onset\tduration\ttrial_type\tresponse_time\n1.5\t2\tgo\tn/a\n4\tn/a\tstop\t0.3\n"
ELAN_TABLE = "Tier\tBegin Time - hh:mm:ss.ms\tEnd Time - hh:mm:ss.ms\tAnnotation\nP01\t00:00:01.500\t00:01:02.250\tgo\n"
ELAN_MS = "Begin Time - msec,End Time - msec,Annotation\n1500,3500,go\n"
BORIS_OLD = (
    "Observation id,obs1\n\nMedia file(s)\n\nTime,Media file path,Total length,FPS,Subject,Behavior,"
    "Behavioral category,Comment,Status\n1.5,a.mp4,60,25,P01,go,,,START\n2,a.mp4,60,25,P01,beep,,,POINT\n"
    "3.5,a.mp4,60,25,P01,go,,,STOP\n5,a.mp4,60,25,P01,late,,,START\n6,a.mp4,60,25,P01,beep,,,POINT\n"
)
BORIS = (
    "Observation id,Media file name,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)\n"
    "o,a.mp4,P01,go,STATE,1.5,3.5,2\no,a.mp4,P01,beep,POINT,4,4,NA\n"
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("sub-01_events.tsv", BIDS, [(1.5, 3.5, "go"), (4, 4, "stop")]),
        ("elan.txt", ELAN_TABLE, [(1.5, 62.25, "go", "P01")]),
        ("elan_ms.csv", ELAN_MS, [(1.5, 3.5, "go")]),
        (
            "boris7.csv",
            BORIS_OLD,
            [
                (1.5, 3.5, "go", "P01", "a.mp4"),
                (2, 2, "beep", "P01", "a.mp4"),
                (5, 6, "late", "P01", "a.mp4"),
                (6, 6, "beep", "P01", "a.mp4"),
            ],
        ),
        ("boris8.csv", BORIS, [(1.5, 3.5, "go", "P01", "a.mp4"), (4, 4, "beep", "P01", "a.mp4")]),
        ("excel.csv", "\ufeffstart;end;label\n1,5;3,5;a, b\n", [(1.5, 3.5, "a, b")]),
        ("clock.csv", "start,end,label\n1:05,1:02:05.5,x\n", [(65, 3725.5, "x")]),
    ],
)
def test_tables_of_other_tools(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_annotations(tmp_path / name) == tuple(Annotation(*values) for values in expected)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.doc", b"", OptionError),
        ("missing.csv", None, DataError),
        ("empty.csv", b"", DataError),
        ("a.csv", b"start,end\n1,2\n", DataError),
        ("a.csv", b"start,end,label\n3,2,x\n", DataError),
        ("a.csv", b"start,end,label\nsoon,2,x\n", DataError),
        ("a.csv", b"Time,Behavior,Status\n1,x,STOP\n", DataError),
        ("a.csv", b"Time,Behavior,Status\nsoon,x,POINT\n", DataError),
        ("a.csv", bytes(range(256)), DataError),
        ("a.eaf", b"<html></html>", DataError),
        ("a.eaf", b"<ANNOTATION_DOCUMENT", DataError),
        ("a.TextGrid", b"hello", DataError),
        ("a.TextGrid", b'"ooTextFile"\n"TextGrid"\n0\n5\n<exists>\n3\n', DataError),
        ("a.xlsx", b"PK", DataError),
    ],
)
def test_unreadable_files_are_reported(tmp_path, name, content, error):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name.partition(".")[0]):
        read_annotations(tmp_path / name)


def test_times():
    assert [parse_time(text) for text in ("65.5", "1:05.5", "0:01:05,5", " 3s ", "90")] == [65.5, 65.5, 65.5, 3, 90]
    for text in ("", "a", "-1", "1:2:3:4", "1:x"):
        with pytest.raises(OptionError):
            parse_time(text)
