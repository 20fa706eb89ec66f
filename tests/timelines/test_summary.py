import csv
import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien import timeline
from mien.emotions import EMOTIONS
from mien.errors import DataError, MissingExtraError, OptionError
from mien.io.tables import columns, rows, write_table
from mien.types import Frame

from .conftest import IMAGE, reading, steady, videos_of


def spans(path, **options):
    (video,) = videos_of(path, **options)
    return [
        (round(s.start_s, 3), round(s.end_s, 3), s.emotion + ("?" if s.unsure else ""))
        for track in video.tracks
        for s in track.spans
    ]


def test_a_smile_lasts_its_two_seconds(table):
    (video,) = videos_of(table(steady(["neutral"] * 10 + ["happy"] * 20 + ["neutral"] * 10)))
    (track,) = video.tracks
    assert track.shares["happy"] == pytest.approx(0.5)
    assert track.seen_s == pytest.approx(4.0)
    assert track.confidence == pytest.approx(0.8, abs=1e-4)
    assert [s.emotion for s in track.spans] == ["neutral", "happy", "neutral"]
    assert (track.spans[1].start_s, track.spans[1].end_s) == (pytest.approx(1.0), pytest.approx(3.0))


def test_shares_and_unsure_are_all_of_the_time(table):
    (video,) = videos_of(table(steady(["happy"] * 5 + ["sad?"] * 10 + ["sad"] * 5)))
    (track,) = video.tracks
    assert track.unsure_share == pytest.approx(0.5)
    assert sum(track.shares.values()) + track.unsure_share == pytest.approx(1)
    assert track.shares["sad"] == pytest.approx(0.25)


def test_time_counts_not_frames(table):
    """Ten frames in one second of sadness, two in two seconds of joy, as from a camera in changing light."""
    slow = [(1.0, {1: "happy"}), (2.0, {1: "happy"}), (3.0, {1: "neutral"})]
    script = [*steady(["sad"] * 10), *slow]
    (video,) = videos_of(table(script), shortest_s=1.5)
    (track,) = video.tracks
    assert track.shares["happy"] == pytest.approx(2 / 3.1, abs=0.02)


def test_gaps_in_a_video_do_not_count_as_visible_time(table):
    (video,) = videos_of(table([*steady(["happy"] * 10), *steady(["sad"] * 10, start=100.0)]))
    assert video.tracks[0].seen_s == pytest.approx(2.0)
    assert video.tracks[0].spans[0].end_s == pytest.approx(1.0)


def test_a_gap_ends_a_span_and_a_missed_frame_does_not(table):
    path = table(steady(["happy"] * 10 + [None] + ["happy"] * 9 + [None] * 5 + ["happy"] * 5))
    assert spans(path) == [(0, 2.0, "happy"), (2.5, 3.0, "happy")]
    assert spans(path, shortest_s=0) == [(0, 1.0, "happy"), (1.1, 2.0, "happy"), (2.5, 3.0, "happy")]


def test_short_spans_are_merged_into_the_longer_neighbor(table):
    path = table(steady(["happy"] * 5 + ["fear"] + ["sad"] * 10 + ["angry"] * 2 + ["sad"] * 10))
    assert spans(path) == [(0, 0.5, "happy"), (0.5, 2.8, "sad")]
    assert len(spans(path, shortest_s=0)) == 5


def test_rapid_changes_become_spans_of_minimum_length(table):
    rng = np.random.default_rng(0)
    path = table(steady(rng.choice(EMOTIONS, 400).tolist(), step=0.04))
    found = spans(path)
    assert len(found) > 3
    assert min(end - start for start, end, _ in found) >= 0.299
    assert all(a[1] == pytest.approx(b[0]) and a[2] != b[2] for a, b in pairwise(found))
    assert (found[0][0], found[-1][1]) == (0, pytest.approx(16.0))


def test_short_appearances_are_kept(table):
    assert spans(table(steady([None] * 5 + ["happy"] + [None] * 10))) == [(0.5, 0.6, "happy")]


def test_abstained_time_is_one_span(table):
    assert spans(table(steady(["sad?"] * 4 + ["fear?"] * 8))) == [(0, 1.2, "fear?")]


def test_tracks_are_apart_and_ranked_by_time(table):
    script = [(0.1 * i, {7: "happy"} | ({3: "sad"} if i < 5 else {})) for i in range(10)]
    (video,) = videos_of(table(script))
    assert [track.track_id for track in video.tracks] == [3, 7]
    assert [track.track_id for track in video.ranked] == [7, 3]


def test_a_video_of_one_frame(table):
    (video,) = videos_of(table([(0.0, {1: "happy"})]))
    assert video.tracks[0].shares["happy"] == 1


def test_a_video_without_a_face_is_a_video_without_tracks(table):
    (video,) = videos_of(table(steady([None] * 5)))
    assert (video.tracks, video.frames) == ((), 5)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_formats_hold_the_same_values(table, name):
    script = steady(["happy"] * 5 + [None] * 5 + ["sad?"] * 5)
    expected = videos_of(table(script, name="b.parquet"))[0].to_dict()
    assert videos_of(table(script, name=name))[0].to_dict() == expected


def test_tables_rewritten_by_pandas_are_read(table):
    import pandas as pd

    path = table(steady(["happy"] * 5 + [None] * 5 + ["sad?"] * 5))
    before = timeline(path).videos[0].to_dict()
    frame = pd.read_csv(path)
    assert frame["track_id"].dtype == float
    frame.sample(frac=1, random_state=0).to_csv(path, index=False)
    assert timeline(path).videos[0].to_dict() == before


def test_several_videos(table):
    path = table(steady(["happy"] * 5), steady(["sad"] * 5))
    assert [video.name for video in videos_of(path)] == ["0.mp4", "1.mp4"]
    for wanted in ("1.mp4", "videos/1.mp4"):
        (video,) = videos_of(path, source=wanted)
        assert video.source == "videos/1.mp4"
    with pytest.raises(OptionError):
        timeline(path, source="2.mp4")


def test_photos_among_videos_are_left_out(table):
    (video,) = videos_of(table(steady(["happy"] * 5), [(0.0, {None: "sad"})], [(0.0, {})]))
    assert video.untracked == 0
    assert len(video.tracks) == 1


def test_photos_have_no_timeline(tmp_path):
    path = tmp_path / "photos.csv"
    write_table(path, columns(EMOTIONS), rows(Frame(IMAGE), [reading("happy", None)], EMOTIONS))
    with pytest.raises(DataError):
        timeline(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_damage_is_named(table, name):
    path = table(steady(["happy"] * 50), name=name)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        timeline(path)
    path.write_bytes(b"")
    with pytest.raises(DataError):
        timeline(path)
    path.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(DataError):
        timeline(path)


def test_text_in_numeric_options_is_an_error(table):
    path = table(steady(["happy"] * 3))
    path.write_text(path.read_text().replace("0.8,", "much,"))
    with pytest.raises(DataError):
        timeline(path)


def test_tables_of_other_programs_are_refused(tmp_path, table):
    other = tmp_path / "other.csv"
    other.write_text("time_s,happy,sad\n1,2,3\n")
    with pytest.raises(DataError):
        timeline(other)
    header = table(steady(["happy"]), name="header.csv")
    header.write_text(header.read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError):
        timeline(header)
    with pytest.raises(OptionError):
        timeline("clip.mp4")
    with pytest.raises(DataError):
        timeline(tmp_path / "none.csv")
    (tmp_path / "begun.csv.partial").write_text("")
    with pytest.raises(DataError) as caught:
        timeline(tmp_path / "begun.csv")
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("happy", "0.1"),
        ("happy", ""),
        ("time_s", ""),
        ("abstained", ""),
    ],
)
def test_impossible_rows_are_reported(table, column, value):
    path = table(steady(["happy"] * 3))
    lines = list(csv.DictReader(path.read_text().splitlines()))
    lines[1][column] = value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    with pytest.raises(DataError, match="row 2"):
        timeline(path)


def test_a_table_from_a_newer_mien(table):
    path = table(steady(["happy"] * 3), name="new.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({"mien_schema": "99"}), path)
    with pytest.raises(DataError):
        timeline(path)


def test_parquet_needs_an_extra(table, monkeypatch):
    path = table(steady(["happy"] * 3), name="a.parquet")

    def missing(package, extra):
        raise MissingExtraError(package, hint=extra)

    monkeypatch.setattr("mien.io.tables.require", missing)
    with pytest.raises(MissingExtraError):
        timeline(path)


def test_a_parquet_without_any_track_column_values(table):
    path = table(steady([None] * 3), name="a.parquet")
    empty = pq.read_table(path)
    place = empty.schema.get_field_index("track_id")
    pq.write_table(empty.set_column(place, "track_id", pa.nulls(3)), path)
    assert timeline(path).videos[0].tracks == ()


def test_json_holds_plain_values(table):
    (video,) = videos_of(table(steady(["happy"] * 5)))
    again = json.loads(json.dumps(video.to_dict(), allow_nan=False))
    assert again["tracks"][0]["spans"] == [
        {"start_s": 0.0, "end_s": 0.5, "emotion": "happy", "confidence": 0.8, "unsure": False}
    ]


def test_a_negative_shortest(table):
    with pytest.raises(OptionError):
        timeline(table(steady(["happy"])), shortest_s=-1)
