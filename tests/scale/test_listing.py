"""What a run reads: folders, patterns, manifests and URLs."""

import pytest

from mien.errors import DataError, MissingExtraError, OptionError, SourceError
from mien.scale.listing import list_sources
from mien.scale.storage import Store, read_bytes

pytest.importorskip("fsspec", reason="reading on a cluster needs the extra ray")
pytest.importorskip("pyarrow", reason="reading on a cluster needs the extra ray")


@pytest.fixture
def bucket(folder):
    """The folder in fsspec's file system in memory."""
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/photos/{path.name}", path.read_bytes())
    memory.pipe_file("/photos/more/8.png", (folder / "2.png").read_bytes())
    memory.pipe_file("/photos/notes.txt", b"")
    yield "memory://photos"
    memory.rm("/photos", recursive=True)


def names(listed):
    return [name.rpartition("/")[2] for name in listed]


def test_a_folder_and_a_pattern_are_listed_in_natural_order_and_once(folder):
    expected = ["1 woman.png", "2.png", "3.png", "4.png", "5 [a].png", "7.jpg", "10 woman.jpg"]
    assert names(list_sources([folder])) == expected
    assert names(list_sources([str(folder / "*.png"), folder])) == [*expected[:5], *expected[5:]]
    assert list_sources([f"file://{folder}"]) == list_sources([folder])
    (folder / "list.csv").write_text(f"path\n{folder / '2.png'}\nfile://{folder.as_posix()}/2.png\n2.png\n")
    assert len(list_sources([folder / "list.csv", folder / "2.png"])) == 1


def test_urls_are_listed_as_folders_are(bucket):
    listed = list_sources([bucket])
    assert all(name.startswith("memory://") for name in listed)
    assert names(listed)[:2] == ["1 woman.png", "2.png"]
    assert names(listed)[-1] == "10 woman.jpg"
    assert "8.png" in names(list_sources([bucket], recursive=True))
    assert names(list_sources([f"{bucket}/?.png"])) == ["2.png", "3.png", "4.png"]
    assert read_bytes(listed[-1])[:2] == b"\xff\xd8"


def test_manifests_give_paths_relative_to_their_folder_and_urls(folder):
    import pandas as pd

    table = pd.DataFrame({"person": [1, 2, 3], "url": ["2.png", str(folder / "3.png"), "s3://bucket/4.png"]})
    table.to_csv(folder / "list.csv", index=False)
    table.rename(columns={"url": "where"}).to_parquet(folder / "list.parquet")
    expected = [str(folder / "2.png"), str(folder / "3.png"), "s3://bucket/4.png"]
    assert list_sources([folder / "list.csv"]) == expected
    assert list_sources([folder / "list.parquet"], column="where") == expected
    with pytest.raises(DataError):
        list_sources([folder / "list.parquet"])
    (folder / "list.parquet").write_bytes(b"no table")
    with pytest.raises(DataError):
        list_sources([folder / "list.parquet"])


def test_folders_that_cannot_be_listed_are_errors(folder, bucket):
    with pytest.raises(SourceError):
        list_sources([folder / "missing"])
    with pytest.raises(SourceError):
        list_sources([f"{bucket}/*.gif"])
    with pytest.raises(SourceError):
        list_sources([folder / "missing.csv"])
    with pytest.raises(OptionError) as unknown:
        list_sources(["smb3x://server/a.jpg/*"])
    assert unknown.value.value == "smb3x"


def test_a_scheme_without_its_package_says_what_to_install(monkeypatch):
    import fsspec
    from fsspec.registry import known_implementations

    from mien.scale import storage

    monkeypatch.setitem(
        known_implementations, "nosuch", {"class": "nosuchpackage.Files", "err": "Install nosuchpackage"}
    )
    storage.filesystem.cache_clear()
    assert "nosuch" in fsspec.available_protocols()
    with pytest.raises(MissingExtraError) as missing:
        list_sources(["nosuch://bucket/*.jpg"])
    assert missing.value.value == "nosuch"
    assert "nosuchpackage" in missing.value.hint


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_store_keeps_files_anywhere(tmp_path, kind):
    store = Store(tmp_path / "a" if kind == "local" else "memory://store/a")
    assert store.names() == []
    assert store.read("run") is None
    store.write("rows/1", b"one")
    store.write("rows/1", b"two")
    assert store.names() == ["rows"]
    assert store.names("rows") == ["1"]
    assert store.read("rows/1") == b"two"
    with store.open("rows/1") as file:
        assert file.read() == b"two"
    store.remove(["rows/1", "rows/2"])
    assert store.names("rows") == []
