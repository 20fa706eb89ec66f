"""Tables in the layouts of other programs; the values are calculated by hand."""

import csv
import tracemalloc

import pytest
from typer.testing import CliRunner

import mien
from mien.cli.app import app
from mien.errors import DataError, OptionError, OutputError
from mien.io.imports import import_table, prototype_scores
from mien.io.tables import columns

UNITS = ("01", "02", "04", "05", "06", "07", "09", "12", "15", "17", "20", "23", "26")
OPENFACE = "frame, face_id, timestamp, confidence, success, x_0, x_1, y_0, y_1, " + ", ".join(
    f"AU{unit}_r" for unit in UNITS
)
FACEREADER = (
    "Video analysis detailed log\r\n\r\nFace Model\tGeneral\r\nStart time\t6/4/2026 13:31:06.331\r\n"
    "Filename\tC:\\study\\P01.mp4\r\nFrame rate\t25\r\n\r\n"
    "Video Time\tNeutral\tHappy\tSad\tAngry\tSurprised\tScared\tDisgusted\tContempt\tValence\r\n"
    "00:00:00.000\t0.5\t0.25\t0\t0\t0.25\t0\t0\t0\t0.25\r\n"
    "00:00:00.040\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\tFIT_FAILED\t-\r\n"
    "00:01:00.080\t0.1\t0.9\t0\t0\t0\t0\t0\t1.0\t0.9\r\n"
)
IMOTIONS = (
    "#METADATA\n#Respondent Name,P01\n#DATA\n"
    "Row,Timestamp,EventSource,SampleNumber,Anger,Contempt,Disgust,Fear,Joy,Sadness,Surprise,Gaze X\n"
    "1,0,AFFDEX,1,0,0,0,0,60,0,0,\n2,5,ET|Eyetracker,,,,,,,,,512\n3,40,AFFDEX,2,,,,,,,,\n4,80,AFFDEX,3,10,0,0,0,0,5,85,\n"
)
PYFEAT = (
    ",frame,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight,FaceScore,AU12,anger,disgust,fear,happiness,sadness,"
    "surprise,neutral,input,approx_time,Identity\n"
    "0,0,10,20,30,40,0.99,1,0.1,0,0,0.7,0,0,0.2,a.mp4,00:00,Person_1\n"
    "1,0,60,20,30,40,0.98,0,0,0,0,0,0.9,0,0.1,a.mp4,00:00,Person_0\n"
    "2,5,,,,,,,,,,,,,,a.mp4,00:00,\n"
    "3,10,12,20,30,40,0.99,1,0.1,0,0,0.7,0,0,0.2,a.mp4,00:00,Person_1\n"
)


def openface(*rows: tuple[int, int, float, int, dict[str, float]]) -> str:
    lines = [OPENFACE]
    for frame, face, time_s, success, units in rows:
        values = ", ".join(str(units.get(unit, 0)) for unit in UNITS)
        lines.append(f"{frame}, {face}, {time_s}, 0.98, {success}, 100, 180, 50, 150, {values}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def imported(tmp_path):
    def make(text, encoding="utf-8", **options):
        path = tmp_path / "table.txt"
        path.write_bytes(text.encode(encoding))
        made = import_table(path, tmp_path / "made.csv", **options)
        with (tmp_path / "made.csv").open(newline="") as file:
            return made, list(csv.DictReader(file))

    return make


def test_openface(imported):
    text = openface((1, 0, 0.0, 1, {"06": 3, "12": 5}), (2, 0, 0.04, 0, {"12": 5}), (3, 0, 0.08, 1, {}))
    made, rows = imported(text)
    assert (made.program, made.frames, made.faces, made.untracked) == ("openface", 3, 2, 0)
    assert tuple(rows[0]) == columns(mien.LABEL_SETS["seven"], video=True)
    # happy (3 + 5) / 2 / 5 = 0.8, neutral 1 - 0.8, which sum to 1
    assert (rows[0]["emotion"], float(rows[0]["happy"]), float(rows[0]["neutral"])) == ("happy", 0.8, 0.2)
    assert [rows[0][name] for name in ("x0", "y0", "x1", "y1", "score")] == ["100.0", "50.0", "180.0", "150.0", "0.98"]
    assert [(row["frame"], row["time_s"], row["face"]) for row in rows] == [
        ("0", "0.0", "1"), ("1", "0.04", ""), ("2", "0.08", "1"),
    ]  # fmt: skip
    assert (rows[2]["emotion"], float(rows[2]["confidence"])) == ("neutral", 1.0)


def test_openface_with_several_people(imported):
    made, rows = imported(openface((1, 0, 0, 1, {}), (1, 3, 0, 1, {}), (2, 3, 0.04, 1, {})))
    assert [(row["face"], row["track_id"]) for row in rows] == [("1", "1"), ("2", "2"), ("1", "2")]
    assert (made.frames, made.faces) == (2, 3)


def test_prototypes():
    scores = prototype_scores({1: 2, 2: 2, 5: 2, 26: 2})
    assert scores["surprise"] == pytest.approx(0.4)
    assert scores["fear"] == pytest.approx(8 / 7 / 5)
    assert scores["sad"] == pytest.approx(2 / 3 / 5)
    assert scores["neutral"] == pytest.approx(0.6)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_facereader(imported, encoding, decimal):
    head, mark, rows = FACEREADER.partition("Video Time")
    text = head.replace("study", "Studie_ä") + mark + rows.replace(".", decimal)
    made, rows = imported(text, encoding)
    assert (made.program, made.source) == ("facereader", "C:\\Studie_ä\\P01.mp4")
    assert made.emotions == mien.EMOTIONS
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.04, 60.08]
    assert [row["face"] for row in rows] == ["1", "", "1"]
    assert (float(rows[0]["neutral"]), float(rows[0]["happy"]), float(rows[0]["surprise"])) == (0.5, 0.25, 0.25)
    assert (rows[2]["emotion"], float(rows[2]["contempt"]), float(rows[2]["happy"])) == ("contempt", 0.5, 0.45)
    assert rows[0]["x0"] == ""


def test_imotions(imported):
    made, rows = imported(IMOTIONS, min_confidence=0.7)
    assert (made.program, made.frames, made.faces) == ("imotions", 3, 2)
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.04, 0.08]
    assert [row["face"] for row in rows] == ["1", "", "1"]
    assert (float(rows[0]["happy"]), float(rows[0]["neutral"])) == (0.6, 0.4)  # 100 - 60
    # 10 + 5 + 85 + (100 - 85) = 115
    assert float(rows[2]["surprise"]) == pytest.approx(85 / 115, abs=1e-4)
    assert [row["abstained"] for row in rows] == ["true", "", "false"]


def test_pyfeat(imported):
    made, rows = imported(PYFEAT, rate=25, source="a.mp4")
    assert (made.program, made.source, made.frames, made.faces) == ("py-feat", "a.mp4", 3, 3)
    assert [(row["time_s"], row["track_id"]) for row in rows] == [
        ("0.0", "1"), ("0.0", "2"), ("0.2", ""), ("0.4", "1"),
    ]  # fmt: skip
    assert [float(rows[0][name]) for name in ("x0", "y0", "x1", "y1")] == [10, 20, 40, 60]
    assert [row["emotion"] for row in rows] == ["happy", "sad", "", "happy"]


def test_faces_without_identity_have_no_track(imported):
    made, rows = imported(PYFEAT.replace("Person_0", "").replace("Person_1", ""), rate=25)
    assert made.untracked == 2
    assert [row["track_id"] for row in rows] == ["", "", "", "1"]


def test_pyfeat_needs_the_rate(imported):
    with pytest.raises(OptionError) as caught:
        imported(PYFEAT)
    assert caught.value.field == "rate"


def test_timelines_read_imported_tables(imported, tmp_path):
    happy = [(n, 0, (n - 1) / 10, 1, {"06": 5, "12": 5}) for n in range(1, 21)]
    sad = [(n, 0, (n - 1) / 10, 1, {"01": 5, "04": 5, "15": 5}) for n in range(21, 41)]
    imported(openface(*happy, *sad))
    (track,) = mien.timeline(tmp_path / "made.csv").videos[0].tracks
    assert [(span.emotion, round(span.seconds, 3)) for span in track.spans] == [("happy", 2.0), ("sad", 2.0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "Video analysis state log\nVideo Time\tEmotion\n00:00:00.000\tHappy\n",
        FACEREADER.partition("00:00:00.000")[0],
        FACEREADER.replace("0.5", "half"),
        FACEREADER.replace("00:00:00.000", "noon"),
        openface((1, 0, 0, 1, {})).replace("1, 0, 0, ", "1, 0, , "),
        "\0\1\2",
    ],
)
def test_damaged_tables(imported, tmp_path, text):
    with pytest.raises(DataError) as caught:
        imported(text)
    assert caught.value.path == str(tmp_path / "table.txt")
    assert not (tmp_path / "made.csv").exists()


def test_unusable_arguments(imported, tmp_path):
    for options in ({"rate": 0}, {"rate": float("nan")}, {"min_confidence": 50}):
        with pytest.raises(OptionError):
            imported(FACEREADER, **options)
    with pytest.raises(DataError):
        import_table(tmp_path / "missing.csv", tmp_path / "made.csv")
    with pytest.raises(DataError):
        import_table(tmp_path, tmp_path / "made.csv")
    with pytest.raises(OptionError):
        import_table(tmp_path / "table.txt", tmp_path / "made.docx")


def test_files_are_replaced_on_request_only(imported, tmp_path):
    imported(FACEREADER)
    with pytest.raises(OutputError):
        imported(IMOTIONS)
    assert imported(IMOTIONS, overwrite=True)[0].program == "imotions"
    same = tmp_path / "same.csv"
    same.write_text(IMOTIONS)
    with pytest.raises(OutputError):
        import_table(same, same, overwrite=True)
    assert same.read_text() == IMOTIONS


def test_memory_does_not_grow_with_the_table(tmp_path):
    peaks = []
    for n in (2_000, 10_000):
        (tmp_path / "long.csv").write_text(openface(*((i, 0, i / 25, 1, {"12": 3}) for i in range(1, n + 1))))
        tracemalloc.start()
        assert import_table(tmp_path / "long.csv", tmp_path / "made.csv", overwrite=True).frames == n
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_the_command(tmp_path):
    path = tmp_path / "fr.txt"
    path.write_text(FACEREADER)
    done = CliRunner().invoke(app, ["timeline", "import", str(path), "--out", str(tmp_path / "made.jsonl")])
    assert done.exit_code == 0
    assert len((tmp_path / "made.jsonl").read_text().splitlines()) == 3
