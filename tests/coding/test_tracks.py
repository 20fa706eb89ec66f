import csv

import pytest

from mien import timeline
from mien.coding.tracks import TrackPart, join_tracks, parse_tracks, read_mapping
from mien.errors import DataError, OptionError, OutputError
from mien.io.tables import columns, write_table

from ..timelines.conftest import EMOTIONS, video_rows
from ..timelines.conftest import table as table  # noqa: PLC0414 - a fixture

#: A person who leaves and returns as track 3, beside another one, track 2.
SCRIPT = [(0.1 * i, {**({1: "happy"} if i < 10 else {3: "sad"} if i >= 15 else {}), 2: "neutral"}) for i in range(30)]


def seen(path):
    return {track.person: round(track.seen_s, 3) for track in timeline(path).videos[0].tracks}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.xlsx", "a.tsv"])
def test_joined_tracks_are_one_person(table, tmp_path, name):
    path = table(SCRIPT, name=name)
    assert seen(path) == {"person 1": 1.0, "person 2": 3.0, "person 3": 1.5}
    out = tmp_path / f"out{path.suffix}"
    result = join_tracks(path, parse_tracks("1+3=Ann"), out)
    assert (result.rows, dict(result.people)) == (25, {"Ann": (1, 3)})
    assert seen(out) == {"Ann": 2.5, "person 2": 3.0}
    (video,) = timeline(out).videos
    assert [track.track_id for track in video.tracks] == [1, 2]


def test_only_the_number_and_the_name_of_a_csv_change(table, tmp_path):
    path = table(SCRIPT)
    join_tracks(path, parse_tracks("1+3=Ann"), tmp_path / "out.csv")
    before, after = (list(csv.DictReader(one.read_text().splitlines())) for one in (path, tmp_path / "out.csv"))
    for old, new in zip(before, after):
        person = new.pop("person")
        assert person == ("Ann" if old["track_id"] in "13" else "")
        if old["track_id"] == "3":
            assert new.pop("track_id") == "1"
            old.pop("track_id")
        assert {k: float(v) if k in (*EMOTIONS, "time_s", "x1") else v for k, v in old.items()} == {
            k: float(v) if k in (*EMOTIONS, "time_s", "x1") else v for k, v in new.items()
        }


def test_a_mapping_splits_a_track(table, tmp_path):
    (tmp_path / "people.csv").write_text("track_id;person;start;end\n2;Ben;;0:01.0\n2;Cem;1.0;\n1+3;Ann;;\n")
    join_tracks(table(SCRIPT), read_mapping(tmp_path / "people.csv"), tmp_path / "out.csv")
    assert seen(tmp_path / "out.csv") == {"Ann": 2.5, "Ben": pytest.approx(1.0), "Cem": pytest.approx(2.0)}


def test_a_video_of_several(table, tmp_path):
    path = table(SCRIPT, SCRIPT)
    join_tracks(path, [TrackPart(1, "Ann", source="1.mp4")], tmp_path / "out.csv")
    first, second = timeline(tmp_path / "out.csv").videos
    assert [track.name for track in first.tracks] == ["", "", ""]
    assert sorted(track.name for track in second.tracks) == ["", "", "Ann"]


def test_two_people_in_a_frame_cannot_be_joined(table, tmp_path):
    with pytest.raises(DataError, match=r"0:00\.0"):
        join_tracks(table(SCRIPT), parse_tracks("1+2=Ann"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("text", ["", "x=A", "3+7", "3++7=A"])
def test_tracks_that_are_none(text):
    with pytest.raises(OptionError):
        parse_tracks(text)


@pytest.mark.parametrize(
    "text", ["", "track_id,person\n", "track_id,person\n1,\n", "track_id,person,start,end\n1,A,5,2\n"]
)
def test_mappings_that_are_none(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError):
        read_mapping(tmp_path / "m.csv")
    with pytest.raises(DataError):
        read_mapping(tmp_path / "missing.csv")


def test_unknown_tracks_and_tables(table, tmp_path):
    path = table(SCRIPT)
    for parts in (parse_tracks("9=A"), [TrackPart(1, "A", source="9.mp4")]):
        with pytest.raises(DataError):
            join_tracks(path, parts, tmp_path / "out.csv")
    with pytest.raises(OptionError):
        join_tracks(path, [], tmp_path / "out.csv")
    with pytest.raises(DataError):
        join_tracks(tmp_path / "no.csv", parse_tracks("1=A"), tmp_path / "out.csv")


def test_the_command(mien, table, tmp_path):
    path = table(SCRIPT)
    code, shown, _ = mien("timeline", "join", path, "1+3", "2=Ben", "--name", "Ann")
    assert (code, shown) == (0, "Ann: 1+3\nBen: 2\n")
    assert seen(tmp_path / "results-named.csv") == {"Ann": 2.5, "Ben": 3.0}
    assert mien("timeline", "join", path, "1+3=Ann")[0] == OutputError.exit_code
    assert mien("timeline", "join", path, "1+3")[0] == OutputError.exit_code or OptionError.exit_code


@pytest.mark.parametrize("separator", [";", ","])
def test_joined_tables_keep_the_format_for_excel(tmp_path, separator):
    path = tmp_path / "e.csv"
    write_table(path, columns(EMOTIONS, video=True), video_rows(SCRIPT), excel=separator)
    join_tracks(path, parse_tracks("1+3=Ann"), tmp_path / "out.csv")
    assert seen(tmp_path / "out.csv")["Ann"] == 2.5
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfsource" + separator.encode())
