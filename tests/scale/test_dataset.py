"""``read_dataset``: the rows of one machine, resumed and refused runs."""

import json
import os
import shutil
import sys
from dataclasses import replace

import pytest

import mien
from mien.errors import OptionError, OutputError
from mien.scale import dataset as module
from mien.scale import read_dataset
from mien.scale.partitions import PartitionReader

from ..conftest import ROOT

pytest.importorskip("ray", reason="reading on a cluster needs the extra ray")


def run_here(ray, plan, todo, workers=None):
    """The tasks of a run in this process, without Ray."""
    reader = PartitionReader(plan)
    yield from map(reader.do, todo)


@pytest.fixture
def without_ray(monkeypatch):
    from contextlib import nullcontext

    monkeypatch.setattr(module, "connected", lambda address, workers: nullcontext())
    monkeypatch.setattr(module, "run_tasks", run_here)


def single(folder, tmp_path):
    import pandas as pd

    mien.read_files(folder, out=tmp_path / "single.parquet")
    return pd.read_parquet(tmp_path / "single.parquet")


def test_a_local_ray_gives_the_rows_of_one_machine(folder, tmp_path, local_ray, monkeypatch):
    import pandas as pd

    monkeypatch.chdir(folder.parent)
    seen = []
    result = read_dataset(
        folder.name,
        tmp_path / "out",
        partition_size=3,
        workers=1,
        progress=lambda done, total, note="": seen.append(done),
    )
    assert (result.images, result.faces, result.errors, result.partitions, result.resumed) == (6, 3, 1, 3, 0)
    assert result.peak_bytes > 50_000_000
    assert seen[0] == 0
    assert seen[-1] == 7
    rows = pd.read_parquet(tmp_path / "out" / "rows")
    pd.testing.assert_frame_equal(rows, single(folder.name, tmp_path))
    errors = pd.read_parquet(tmp_path / "out" / "errors")
    assert errors.source.tolist() == [f"{folder.name}/7.jpg"]
    assert errors.error.tolist() == ["SourceError"]


def test_partitions_carry_settings_and_the_model(folder, tmp_path, without_ray):
    import pyarrow.parquet as pq

    read_dataset(folder, tmp_path / "out", mien.ReadOptions(emotions="seven"), partition_size=4)
    parts = sorted((tmp_path / "out" / "rows").iterdir())
    assert len(parts) == 2
    for number, path in enumerate(parts):
        metadata = pq.read_schema(path).metadata
        run = json.loads(metadata[b"mien_run"])
        assert run["emotions"] == "seven"
        assert run["model"] == mien.Reader().card.sha256
        assert int(metadata[b"mien_partition"]) == number
        assert metadata[b"mien_schema"] == b"1"


def test_urls_are_read_as_files_are(folder, tmp_path, without_ray):
    import fsspec
    import pandas as pd

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/in/{path.name}", path.read_bytes())
    memory.pipe_file(
        "/in/list.csv", "\n".join(["path", *(path.name for path in folder.iterdir()), "gone.jpg"]).encode()
    )
    try:
        result = read_dataset("memory://in/list.csv", "memory://out")
        assert (result.images, result.faces, result.errors) == (6, 3, 2)
        rows = pd.concat(pd.read_parquet(f"memory://{name}") for name in memory.ls("/out/rows", detail=False))
        errors = pd.read_parquet("memory://out/errors/part-000000.parquet")
    finally:
        memory.rm("/in", recursive=True)
        memory.rm("/out", recursive=True)
    assert all(rows.source.str.startswith("memory://in/"))
    assert {name.rpartition("/")[2] for name in errors.source} == {"7.jpg", "gone.jpg"}
    expected = single(folder, tmp_path)
    names = [column for column in expected if column != "source"]
    rows["source"], expected["source"] = (
        [name.rpartition("/")[2] for name in table.source] for table in (rows, expected)
    )
    rows, expected = (table.sort_values("source", ignore_index=True) for table in (rows, expected))
    pd.testing.assert_frame_equal(rows[names], expected[names])


def test_a_resumed_run_reads_only_what_is_missing(folder, tmp_path, without_ray):
    out = tmp_path / "out"
    read_dataset(folder, out, partition_size=2)
    parts = sorted((out / "rows").iterdir())
    before = {path: path.stat().st_mtime_ns for path in parts}
    content = parts[1].read_bytes()
    parts[1].unlink()
    parts[2].write_bytes(content[:100])  # torn, as no run leaves it
    result = read_dataset(folder, out, mode="resume")
    assert (result.partitions, result.resumed) == (4, 2)
    assert parts[1].read_bytes() == content
    assert before[parts[0]] == parts[0].stat().st_mtime_ns
    assert sorted((out / "rows").iterdir()) == parts
    assert read_dataset(folder, out, mode="resume").resumed == 4


def test_resolved_errors_are_removed_from_the_table_of_errors(folder, tmp_path, without_ray):
    out = tmp_path / "out"
    read_dataset(folder, out, partition_size=2)
    failed = next((out / "errors").iterdir())
    (out / "rows" / failed.name).unlink()
    (folder / "7.jpg").write_bytes((folder / "2.png").read_bytes())
    result = read_dataset(folder, out, mode="resume")
    assert (result.images, result.errors) == (2, 0)
    assert not list((out / "errors").iterdir())


def test_other_runs_are_not_resumed(folder, tmp_path, without_ray):
    out = tmp_path / "out"
    read_dataset(folder, out)
    with pytest.raises(OptionError) as model:
        read_dataset(folder, out, mien.ReadOptions(model="tiny"), mode="resume")
    assert model.value.field == "model"
    with pytest.raises(OptionError) as flip:
        read_dataset(folder, out, mien.ReadOptions(flip=False), mode="resume")
    assert flip.value.field == "flip"
    (folder / "2.png").unlink()
    with pytest.raises(OptionError) as listing:
        read_dataset(folder, out, mode="resume")
    assert listing.value.field == "listing"


def test_a_partition_of_another_model_is_not_mixed_in(folder, tmp_path, without_ray):
    read_dataset(folder, tmp_path / "a", partition_size=4)
    read_dataset(folder, tmp_path / "b", mien.ReadOptions(model="tiny"), partition_size=4)
    name = "part-000001.parquet"
    (tmp_path / "a" / "rows" / name).write_bytes((tmp_path / "b" / "rows" / name).read_bytes())
    with pytest.raises(OptionError) as mixed:
        read_dataset(folder, tmp_path / "a", mode="resume")
    assert mixed.value.field == "model"


def test_a_dataset_is_replaced_on_request_only(folder, tmp_path, without_ray):
    out = tmp_path / "out"
    read_dataset(folder, out, partition_size=2)
    with pytest.raises(OutputError):
        read_dataset(folder, out)
    result = read_dataset(folder, out, mode="overwrite", partition_size=7)
    assert result.partitions == 1
    assert len(list((out / "rows").iterdir())) == 1
    (out / "_run.json").write_text("{}")
    with pytest.raises(OutputError):
        read_dataset(folder, out, mode="resume")


def test_an_output_that_cannot_be_written_is_an_error(folder, tmp_path, without_ray):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        read_dataset(folder, tmp_path / "file")
    with pytest.raises(OutputError):
        read_dataset(folder, tmp_path / "file" / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(OutputError):
        read_dataset(folder, tmp_path / "other", mode="overwrite")
    assert (tmp_path / "other" / "thesis.txt").exists()


def test_numbers_and_addresses_are_checked(folder, tmp_path):
    for wrong in ({"workers": 0}, {"partition_size": 0}, {"address": "127.0.0.1:1"}):
        with pytest.raises(OptionError) as error:
            read_dataset(folder, tmp_path / "out", **wrong)
        assert error.value.field == next(iter(wrong))
    assert not (tmp_path / "out").exists()


def test_missing_packages_say_how_to_install_them(folder, tmp_path, monkeypatch):
    import sys

    from fsspec.registry import known_implementations

    from mien.errors import MissingExtraError

    monkeypatch.setitem(known_implementations, "nosuch2", {"class": "nosuchpackage.Files", "err": "Install nosuch"})
    with pytest.raises(MissingExtraError) as scheme:
        read_dataset(folder, "nosuch2://bucket/out")
    assert scheme.value.value == "nosuch2"
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError) as missing:
        read_dataset(folder, tmp_path / "out")
    assert (missing.value.value, missing.value.exit_code) == ("ray", 7)
    assert "[ray]" in missing.value.hint
    assert not (tmp_path / "out").exists()


def test_a_ray_that_does_not_start_is_an_error(folder, tmp_path, monkeypatch):
    import ray

    def slow(**_options):
        raise Exception("The current node timed out during startup.")  # as Ray raises it

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", slow)
    for address in (None, "auto"):
        with pytest.raises(OptionError) as error:
            read_dataset(folder, tmp_path / "out", address=address)
        assert error.value.hint
    assert not (tmp_path / "out").exists()


def test_a_worker_that_does_not_share_the_output_is_an_error(folder, tmp_path, without_ray, monkeypatch):
    read_dataset(folder, tmp_path / "out", partition_size=4)
    for path in (tmp_path / "out" / "rows").iterdir():
        path.unlink()
    (tmp_path / "out" / "_listing.parquet").unlink()
    with pytest.raises(OutputError) as error:
        read_dataset(folder, tmp_path / "out", mode="resume")
    assert "--out" in error.value.hint


def test_errors_of_a_worker_are_raised(folder, tmp_path, local_ray):
    read_dataset(folder, tmp_path / "out", partition_size=7, workers=1)
    (tmp_path / "out" / "rows" / "part-000000.parquet").unlink()
    (tmp_path / "out" / "rows").rmdir()
    (tmp_path / "out" / "rows").symlink_to(tmp_path / "gone" / "away")
    with pytest.raises(OutputError):
        read_dataset(folder, tmp_path / "out", mode="resume", workers=1)


def test_files_of_others_are_kept(folder, tmp_path, without_ray):
    thesis = tmp_path / "out" / "rows" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.touch()
    for mode in ("new", "resume", "overwrite"):
        with pytest.raises(OutputError):
            read_dataset(folder, tmp_path / "out", mode=mode)
        assert thesis.exists()


def test_a_run_that_another_one_replaces_ends(folder, tmp_path, without_ray, monkeypatch):
    def replaced(ray, plan, todo, workers=None):
        with monkeypatch.context() as patch:
            patch.setattr(module, "run_tasks", run_here)
            read_dataset(folder / "2.png", tmp_path / "out", mode="overwrite")
        yield from run_here(ray, plan, todo)

    monkeypatch.setattr(module, "run_tasks", replaced)
    with pytest.raises(OutputError):
        read_dataset(folder, tmp_path / "out")


def test_a_worker_with_another_model_is_refused(folder, tmp_path, without_ray, monkeypatch):
    def elsewhere(ray, plan, todo, workers=None):
        yield from run_here(ray, replace(plan, options=mien.ReadOptions(model="tiny")), todo)

    monkeypatch.setattr(module, "run_tasks", elsewhere)
    with pytest.raises(OptionError) as error:
        read_dataset(folder, tmp_path / "out")
    assert error.value.field == "model"
    assert not (tmp_path / "out" / "rows").exists()


def test_files_of_options_are_found_from_other_folders(folder, tmp_path, without_ray, monkeypatch):
    def elsewhere(ray, plan, todo, workers=None):
        monkeypatch.chdir(tmp_path)
        yield from run_here(ray, plan, todo)

    for name in ("tiny.onnx", "tiny.json"):
        (tmp_path / "models").mkdir(exist_ok=True)
        shutil.copy(ROOT / "src" / "mien" / "model" / "weights" / name, tmp_path / "models")
    monkeypatch.chdir(tmp_path / "models")
    monkeypatch.setattr(module, "run_tasks", elsewhere)
    options = mien.ReadOptions(model="tiny.onnx")
    assert read_dataset(folder / "2.png", tmp_path / "out", options).images == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are not bytes")
def test_names_that_are_not_utf_8_are_read(folder, tmp_path, without_ray):
    import pandas as pd

    (folder / "2.png").rename(folder / os.fsdecode(b"2\xff.png"))
    (folder / "7.jpg").rename(folder / os.fsdecode(b"7\xff.jpg"))
    result = read_dataset(folder, tmp_path / "out")
    assert (result.images, result.errors) == (6, 1)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "rows"), single(folder, tmp_path))
    assert pd.read_parquet(tmp_path / "out" / "errors").source[0].endswith("7\\udcff.jpg")
