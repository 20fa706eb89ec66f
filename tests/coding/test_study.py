"""Studies of many tables and videos; figures are compared with calculations by hand."""

import csv
import json
import math
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from mien import code_study
from mien.coding.manifest import find_recordings, one_row_each, read_manifest
from mien.emotions import EMOTIONS
from mien.errors import DataError, OptionError, OutputError
from mien.io.annotations import Annotation
from mien.io.tables import columns, write_table

from ..timelines.conftest import steady, video_rows


def write_recording(path: Path, *words, **options) -> Path:
    """A table of one video, a reading every 0.1 s."""
    write_table(path, columns(EMOTIONS, video=True), video_rows(steady(words, **options), f"{path.stem}.mp4"))
    return path


def write_manifest(path: Path, *rows: str) -> Path:
    path.write_text("participant,condition,file,start,end,person\n" + "".join(f"{row}\n" for row in rows))
    return path


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two participants: 1 s sad, then 3 s happy with 1 s out of sight."""
    made = tmp_path / "tables"
    made.mkdir()
    write_recording(made / "P01.csv", *["sad"] * 10, *["happy"] * 20, *[None] * 10)
    write_recording(made / "P02.csv", *["neutral"] * 10, *["sad?"] * 10, *["happy"] * 20)
    return made


@pytest.fixture
def manifest(tmp_path) -> Path:
    return write_manifest(
        tmp_path / "study.csv",
        "P01,rest,P01.mp4,0,1,",
        "P01,film,P01.mp4,1,0:04,",
        "P02,rest,P02.mp4,0,1,",
        "P02,film,P02.mp4,1,,1",
    )


def test_values_by_hand(folder, manifest, tmp_path):
    study = code_study([folder], tmp_path / "out", manifest=manifest, baseline="rest")
    of = {(one.participant, one.condition): one for one in study.results}
    film = of["P01", "film"]
    assert (film.duration_s, film.seen_s) == pytest.approx((3, 2))
    assert film.shares["happy"] == pytest.approx(1)
    assert film.means["happy"] == pytest.approx(0.8, abs=1e-4)
    # happy: from 0.2 / 7 to 0.8; sad: the other way round
    step = math.log(4) - math.log((0.2 / 7) / (1 - 0.2 / 7))
    assert film.changes["happy"] == pytest.approx(step, abs=0.01)
    assert film.changes["sad"] == pytest.approx(-step, abs=0.01)
    assert film.changes["fear"] == pytest.approx(0, abs=0.01)
    other = of["P02", "film"]
    assert other.unsure == pytest.approx(1 / 3)
    assert other.shares["happy"] == pytest.approx(2 / 3)
    assert sum(other.shares.values()) + other.unsure == pytest.approx(1)
    # 1 s at 0.6 / 7, then 2 s at 0.8
    assert other.means["happy"] == pytest.approx((0.6 / 7 + 1.6) / 3, abs=1e-4)
    assert all(value == pytest.approx(0, abs=1e-6) for value in of["P02", "rest"].changes.values())


def test_the_files(folder, manifest, tmp_path):
    import pandas as pd

    code_study([folder], tmp_path / "out", manifest=manifest, baseline="0-0:01")
    wide = pd.read_csv(tmp_path / "out" / "participants.csv")
    assert list(zip(wide.participant, wide.condition)) == [
        (person, condition) for person in ("P01", "P02") for condition in ("rest", "film")
    ]
    assert {f"{name}_{emotion}" for name in ("share", "mean", "change") for emotion in EMOTIONS} <= set(wide.columns)
    long = pd.read_csv(tmp_path / "out" / "long.csv")
    assert len(long) == 4 * len(EMOTIONS)
    back = long.pivot_table(index=["participant", "condition"], columns="emotion", values="change")
    assert (
        back.loc[("P01", "film"), "happy"] == wide.set_index(["participant", "condition"]).change_happy["P01", "film"]
    )
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert page.count("<img") == 8  # a strip per part in the overview and in its section
    assert "<script" not in page


def test_pooled_videos_are_weighted_by_visible_time(tmp_path):
    first = write_recording(tmp_path / "a.csv", *["happy"] * 30)
    second = write_recording(tmp_path / "b.csv", *["sad"] * 10, *[None] * 50)
    rows = write_manifest(tmp_path / "m.csv", "P,x,a.csv,,,", "P,x,b.csv,,,")
    (one,) = code_study([first, second], tmp_path / "out", manifest=rows).results
    assert one.videos == 2
    assert one.seen_s == pytest.approx(4)
    assert one.shares["happy"] == pytest.approx(0.75)
    assert one.changes == {}


def test_people_can_be_selected(tmp_path):
    script = [(0.1 * i, {1: "happy", **({2: "sad"} if i < 5 else {})}) for i in range(10)]
    path = tmp_path / "a.csv"
    write_table(path, columns(EMOTIONS, video=True), video_rows(script, "a.mp4"))
    rows = ["A,,a.csv,,,", "B,,a.csv,,,2", "C,,a.csv,,,all"]
    found = code_study([path], tmp_path / "out", manifest=write_manifest(tmp_path / "m.csv", *rows)).results
    assert [one.mostly for one in found] == ["happy", "sad", "happy"]
    assert found[2].shares["sad"] == pytest.approx(1 / 3, abs=0.01)
    unknown = code_study([path], tmp_path / "b", manifest=write_manifest(tmp_path / "m.csv", "A,,a.csv,,,7"))
    assert len(unknown.failures) == 1


def test_a_table_of_several_videos(tmp_path):
    path = tmp_path / "all.csv"
    scripts = [steady(["happy"] * 10), steady(["sad"] * 10)]
    made = [row for n, script in enumerate(scripts) for row in video_rows(script, f"videos/{n}.mp4")]
    write_table(path, columns(EMOTIONS, video=True), made)
    rows = write_manifest(tmp_path / "m.csv", "A,,0.mp4,,,", "B,,1.mp4,,,", "C,,2.mp4,,,")
    study = code_study([path], tmp_path / "out", manifest=rows)
    assert [one.mostly for one in study.results] == ["happy", "sad"]
    assert [failure.participant for failure in study.failures] == ["C"]


def test_videos_without_people_or_with_one_in_the_last_second(tmp_path):
    empty = write_recording(tmp_path / "empty.csv", *[None] * 600)
    late = write_recording(tmp_path / "late.csv", *[None] * 590, *["happy"] * 10)
    damaged = tmp_path / "damaged.csv"
    damaged.write_text("source,time_s\n1")
    study = code_study([empty, late, damaged], tmp_path / "out", baseline="0:00-0:30")
    assert [(one.participant, round(one.seen_s, 3)) for one in study.results] == [("empty", 0), ("late", 1)]
    assert all(one.changes == {} for one in study.results)
    assert [failure.participant for failure in study.failures] == ["damaged"]
    rows = records(tmp_path / "out" / "participants.csv")
    assert [row["mean_happy"] for row in rows] == ["", "0.8"]
    assert [row["change_happy"] for row in rows] == ["", ""]
    assert "late" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_damaged_sources_give_valid_files(tmp_path):
    (tmp_path / "a.csv").write_text("")
    study = code_study([tmp_path / "a.csv"], tmp_path / "out")
    assert not study.results
    assert len(study.failures) == 1
    assert records(tmp_path / "out" / "participants.csv") == []
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


def test_memory_does_not_grow_with_the_number_of_videos(tmp_path):
    one = write_recording(tmp_path / "one.csv", *["happy", "sad"] * 2000)

    def peak(n: int) -> int:
        folder = tmp_path / f"{n}"
        folder.mkdir()
        for number in range(n):
            (folder / f"{number}.csv").symlink_to(one)
        tracemalloc.start()
        code_study([folder], tmp_path / f"out{n}")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    code_study([one], tmp_path / "warm")
    assert peak(40) < peak(4) + 40 * 30_000  # a strip and some numbers for each


@pytest.mark.parametrize(
    "text",
    [
        "",
        "participant,condition\nA,x\n",
        "participant,file\n",
        "participant,file\nA,none.mp4\n",
        "participant,file\n,P01.csv\n",
        "participant,file,start,end\nA,P01.csv,5,4\n",
        "participant,file,start,end\nA,P01.csv,soon,\n",
    ],
)
def test_damaged_manifests_are_named(folder, tmp_path, text):
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_manifest(path, [folder])
    assert caught.value.path == str(path)
    assert not (tmp_path / "out").exists()


def test_sources(folder, tmp_path):
    (folder / "P01.mp4").touch()
    assert [path.name for path in find_recordings([folder])] == ["P01.csv", "P02.csv"]
    assert [row.participant for row in one_row_each([folder])] == ["P01", "P02"]
    for wrong in ([tmp_path / "none"], [tmp_path / "a.txt"], []):
        (tmp_path / "a.txt").touch()
        with pytest.raises(OptionError):
            one_row_each(wrong)


def test_a_part_after_the_end_is_a_failure(folder, tmp_path):
    rows = write_manifest(tmp_path / "m.csv", "A,,P01.csv,100,,", "B,,P01.csv,,,")
    study = code_study([folder], tmp_path / "out", manifest=rows)
    assert [one.participant for one in study.failures] == ["A"]
    assert [one.participant for one in study.results] == ["B"]


def test_unknown_baselines(folder, manifest, tmp_path):
    with pytest.raises(OptionError):
        code_study([folder], tmp_path / "out", manifest=manifest, baseline="calm")
    assert not (tmp_path / "out").exists()


def test_earlier_results_are_kept(folder, tmp_path):
    code_study([folder], tmp_path / "out")
    with pytest.raises(OutputError):
        code_study([folder], tmp_path / "out")
    with pytest.raises(OutputError):
        code_study([folder], tmp_path / "out", resume=True, interval_s=1)
    assert len(code_study([folder], tmp_path / "out", resume=True).results) == 2
    assert len(code_study([folder], tmp_path / "out", overwrite=True, interval_s=1).results) == 2


def test_an_event_as_baseline(folder, tmp_path):
    """P01 is sad for 1 s, then happy; P02 neutral, unsure, happy: each 1 s, then 2 s of happy."""
    rows = write_manifest(tmp_path / "m.csv", "A,film,P01.csv,1,,", "B,film,P02.csv,1,,")
    (tmp_path / "events.csv").write_text("onset,offset,label,participant\n0,0.5,cross,A\n2,3,cross,B\n0,1,other,\n")
    study = code_study([folder], tmp_path / "out", manifest=rows, baseline="cross", events=tmp_path / "events.csv")
    first, second = (one.changes["happy"] for one in study.results)
    step = math.log(4) - math.log((0.2 / 7) / (1 - 0.2 / 7))
    assert first == pytest.approx(step, abs=0.01)  # sad before, happy in the part
    low = 0.6 / 7  # of the unsure second; the baseline lies in the happy time
    assert second == pytest.approx((math.log(low / (1 - low)) - math.log(4)) / 3, abs=0.01)
    assert "event cross" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_an_event_of_another_video_is_no_baseline(folder, tmp_path):
    events = [Annotation(0, 1, "cross", source="P01.mp4")]
    study = code_study([folder], tmp_path / "out", baseline="cross", events=events)
    assert [bool(one.changes) for one in study.results] == [True, False]


def test_events_that_are_no_baseline(folder, tmp_path):
    for events in ((), [Annotation(0, 1, "other")], [Annotation(1, 1, "cross")]):
        with pytest.raises(OptionError):
            code_study([folder], tmp_path / "out", baseline="cross", events=events)


def test_a_condition_comes_before_an_event(folder, manifest, tmp_path):
    events = [Annotation(2, 3, "rest")]
    study = code_study([folder], tmp_path / "out", manifest=manifest, baseline="rest", events=events)
    rest = next(one for one in study.results if one.condition == "rest")
    assert all(change == pytest.approx(0, abs=1e-6) for change in rest.changes.values())


def test_a_zero_has_no_sign_on_the_page(folder, manifest, tmp_path):
    code_study([folder], tmp_path / "out", manifest=manifest, baseline="rest")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "-0.00" not in page
    assert "+0.00" not in page


def test_the_command(mien, folder, manifest, tmp_path):
    words = ("timeline", folder, "--manifest", manifest, "--out", tmp_path / "out")
    assert mien(*words)[0] == 0
    assert mien(*words)[0] == 4
    code, out, _ = mien(*words, "--baseline", "calmest:1", "--overwrite", "--json")
    assert code == 0
    assert json.loads(out)[1]["condition"] == "film"
    assert mien(*words, "--resume", "--overwrite")[0] == 2
    assert mien("timeline", "study")[0] == 2
    assert mien("timeline", folder, "--out", tmp_path / "b")[0] == 0


@pytest.mark.slow
def test_videos_are_read_and_an_interrupted_study_goes_on(clip, tmp_path, monkeypatch):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in "ab":
        shutil.copy(clip, videos / f"{name}.mp4")
    (videos / "c.mp4").write_bytes(b"no video")

    def stop(done: int, total: int | None, note: str = "") -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        code_study([videos], tmp_path / "out", interval_s=0.5, progress=stop)
    first = tmp_path / "out" / "readings" / "a.parquet"
    before = first.stat().st_mtime_ns
    study = code_study([videos], tmp_path / "out", interval_s=0.5, resume=True)
    assert first.stat().st_mtime_ns == before
    assert [one.mostly for one in study.results] == ["happy", "happy"]
    assert [failure.participant for failure in study.failures] == ["c"]
    # Another video of the same name is not taken for the first
    shutil.copytree(videos, tmp_path / "other")
    code_study([tmp_path / "other"], tmp_path / "out", interval_s=0.5, resume=True)
    assert first.stat().st_mtime_ns > before


@pytest.mark.skipif(not shutil.which("Rscript"), reason="R is not installed")
def test_the_tables_in_r(folder, manifest, tmp_path):
    code_study([folder], tmp_path / "out", manifest=manifest, baseline="rest")
    program = """
    d <- read.csv("participants.csv"); l <- read.csv("long.csv")
    stopifnot(is.numeric(d$change_happy), is.numeric(d$seen_s), is.character(d$condition))
    film <- subset(l, condition == "film" & emotion == "happy")
    stopifnot(all.equal(film$change, d$change_happy[d$condition == "film"]))
    cat(nrow(d), nrow(l))
    """
    done = subprocess.run(
        ["Rscript", "-e", program],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path / "out",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"4 {4 * len(EMOTIONS)}"
