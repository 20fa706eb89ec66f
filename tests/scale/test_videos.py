"""Videos in segments: the rows of one reader, whatever the segments."""

import json

import numpy as np
import pytest

import mien
from mien.scale import dataset as module
from mien.scale import read_dataset, videos
from mien.scale.partitions import LISTING, PartitionReader
from mien.scale.videos import Segment, count_segments, segment_from_bytes

from ..conftest import make_clip
from .test_dataset import run_here

pytest.importorskip("ray", reason="reading on a cluster needs the extra ray")
pytest.importorskip("av", reason="videos need the extra video")


@pytest.fixture
def short_segments(monkeypatch):
    """Segments of half a second; tasks in this process."""
    from contextlib import nullcontext

    monkeypatch.setattr(videos, "SEGMENT_S", 0.5)
    monkeypatch.setattr(module, "connected", lambda address, workers: nullcontext())
    monkeypatch.setattr(module, "run_tasks", run_here)


@pytest.fixture(scope="module")
def talk(tmp_path_factory, astronaut, hopper):
    """Three seconds: a woman, then a cut to another one in the middle, and the first again at the end."""
    place = tmp_path_factory.mktemp("talk")
    shots = []
    for image, color in ((astronaut.image[20:240, 110:330], 90), (hopper.image[60:400, 100:440], 200)):
        import cv2

        shot = np.full((240, 320, 3), color, np.uint8)
        shot[40:180, 90:230] = cv2.resize(image, (140, 140))
        shots.append(shot)
    images = [np.roll(shots[number // 20 % 2], number % 20, axis=1) for number in range(45)]
    return make_clip(place / "talk.mp4", images)


def rows_of(place):
    import pandas as pd

    return pd.read_parquet(place / "rows")


def single(sources, tmp_path, **more):
    import pandas as pd

    mien.read_files(sources, out=tmp_path / "single.parquet", **more)
    return pd.read_parquet(tmp_path / "single.parquet")


@pytest.mark.parametrize("interval_s", [0.0, 0.13])
def test_the_rows_and_people_are_those_of_one_reader(talk, clip, folder, tmp_path, short_segments, interval_s):
    import pandas as pd

    seen = []
    sources = [talk, folder, clip]
    result = read_dataset(
        sources,
        tmp_path / "out",
        interval_s=interval_s,
        progress=lambda done, total, note="": seen.append((done, total)),
    )
    assert (result.images, result.videos, result.errors, result.partitions) == (6, 2, 1, 3)
    rows = rows_of(tmp_path / "out")
    pd.testing.assert_frame_equal(rows, single(sources, tmp_path, interval_s=interval_s))
    assert set(rows[rows.source == str(talk)].track_id.dropna()) == {1, 2, 3}
    assert result.faces == rows.face.notna().sum()
    assert seen[-1][0] == seen[-1][1]
    assert sorted(done for done, _ in seen) == [done for done, _ in seen]
    assert not list((tmp_path / "out" / "segments").iterdir())


@pytest.mark.parametrize("ending", ["mkv", "ts", "avi"])
def test_other_formats_are_read_as_a_whole_or_in_segments(astronaut, tmp_path, short_segments, ending):
    import pandas as pd

    images = [np.roll(astronaut.image[:240, 60:380], number, axis=1) for number in range(20)]
    video = make_clip(tmp_path / f"a.{ending}", images, sound=None)
    assert (count_segments(str(video), 0.0, 100) > 1) == (ending == "mkv")
    read_dataset(video, tmp_path / "out")
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), single(video, tmp_path))


def test_an_interrupted_video_keeps_its_segments(talk, tmp_path, short_segments, monkeypatch):
    import pandas as pd

    def interrupted(ray, plan, todo, workers=None):
        yield from run_here(ray, plan, todo[:2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "run_tasks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_dataset(talk, tmp_path / "out")
    kept = sorted((tmp_path / "out" / "segments").iterdir())
    assert len(kept) == 2
    kept[1].write_bytes(b"torn")
    read = []
    whole = PartitionReader._segment
    monkeypatch.setattr(
        PartitionReader,
        "_segment",
        lambda self, partition, number: (read.append(number), whole(self, partition, number))[1],
    )
    result = read_dataset(talk, tmp_path / "out", mode="resume")
    assert (result.videos, result.resumed) == (1, 0)
    assert 0 not in read
    assert 1 in read  # the torn one
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), single(talk, tmp_path))
    assert read_dataset(talk, tmp_path / "out", mode="resume").resumed == 1


def test_unreadable_videos_are_in_the_table_of_errors(talk, tmp_path, short_segments):
    import pandas as pd

    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "cut.mkv").write_bytes(
        make_clip(tmp_path / "whole.mkv", [np.full((48, 64, 3), 9, np.uint8)] * 60).read_bytes()[:3000]
    )
    result = read_dataset([tmp_path / "broken.mp4", talk], tmp_path / "out")
    assert (result.videos, result.errors) == (1, 1)
    errors = pd.read_parquet(tmp_path / "out" / "errors")
    assert errors.source.tolist() == [str(tmp_path / "broken.mp4")]
    result = read_dataset(tmp_path / "cut.mkv", tmp_path / "part")
    assert (result.videos, result.errors) == (1, 1)


def test_videos_at_urls_are_read(talk, tmp_path, short_segments):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe_file("/in/talk.mp4", talk.read_bytes())
    try:
        result = read_dataset(["memory://in/talk.mp4", "memory://in/gone.mp4"], tmp_path / "out")
    finally:
        memory.rm("/in", recursive=True)
    assert (result.videos, result.errors) == (1, 1)
    rows, expected = rows_of(tmp_path / "out"), single(talk, tmp_path)
    assert set(rows.source) == {"memory://in/talk.mp4"}
    assert rows.track_id.equals(expected.track_id)


def test_the_listing_has_a_partition_per_video(talk, clip, folder, tmp_path, short_segments):
    import pyarrow.parquet as pq

    read_dataset([clip, folder, talk], tmp_path / "out", partition_size=5)
    listing = pq.ParquetFile(tmp_path / "out" / LISTING)
    assert [listing.read_row_group(n).num_rows for n in range(listing.num_row_groups)] == [5, 2, 1, 1]
    assert json.loads((tmp_path / "out" / "_run.json").read_text())["sources"] == 9


def test_a_segment_without_frames_is_kept_and_other_files_are_none():
    empty = Segment({"model": "a"}, problems=("broken",))
    restored = segment_from_bytes(empty.to_bytes(), ("happy", "sad"))
    assert restored is not None
    assert (restored.run, restored.problems, restored.first) == ({"model": "a"}, ("broken",), None)
    for content in (b"", b"no zip", empty.to_bytes()[:-40]):
        assert segment_from_bytes(content, ("happy", "sad")) is None
