"""Interrupted and resumed runs repeat and lose no row."""

import errno
import json
import os

import pytest

from mien.errors import OptionError, OutputError
from mien.io.journal import Journal
from mien.io.tables import columns

EMOTIONS = ("happy", "sad")
COLUMNS = columns(EMOTIONS)
SETTINGS = {"head": "ferplus", "flip": True}


def listed(folder):
    return [path.name for path in folder.iterdir()]


def row(source, face):
    cells = {"source": source, "frame": 0, "time_s": 0.0, "face": face, "mixed": ["sad"]}
    return {**dict.fromkeys(COLUMNS), **cells}


def entry(source, faces=1):
    return source, [row(source, face) for face in range(faces)]


def begin(out, mode="new", settings=SETTINGS, names=COLUMNS):
    return Journal.open(out, names, settings, mode)


def sources_in(out):
    return [json.loads(line)["source"] for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results" / "r.jsonl"


@pytest.fixture
def partial(out):
    return out.with_name("r.jsonl.partial")


def run_until(error, out, *sources, mode="new"):
    with begin(out, mode) as journal:
        journal.write([entry(source) for source in sources])
        raise error


def interrupted(out, *sources, error=KeyboardInterrupt, mode="new"):
    with pytest.raises(error):
        run_until(error, out, *sources, mode=mode)


def test_a_run_to_the_end(out, partial):
    with begin(out) as journal:
        assert partial.exists()
        assert not out.exists()
        journal.write([entry("a.jpg", 2), entry("b.jpg")])
        journal.write(iter([entry("ü.jpg")]))
        assert journal.done == {"a.jpg", "b.jpg", "ü.jpg"}
        assert not journal.finished
    assert journal.finished
    assert sources_in(out) == ["a.jpg", "a.jpg", "b.jpg", "ü.jpg"]
    assert listed(out.parent) == ["r.jsonl"]


@pytest.mark.parametrize("name", ["r.csv", "r.parquet"])
def test_the_other_formats(name, tmp_path):
    with begin(tmp_path / name) as journal:
        journal.write([entry("a.jpg")])
    assert listed(tmp_path) == [name]


def test_rows_are_flushed_immediately(out, partial):
    with begin(out) as journal:
        journal.write([entry("a.jpg")])
        header, line = partial.read_text().splitlines()
        assert json.loads(header) == {"schema": 1, "columns": list(COLUMNS), "settings": SETTINGS}
        assert json.loads(line) == {"source": "a.jpg", "rows": [row("a.jpg", 0)]}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_exceptions_leave_only_the_partial_file(out, partial, error):
    interrupted(out, "a.jpg", error=error)
    assert listed(out.parent) == [partial.name]


def test_resuming_repeats_and_loses_nothing(out, partial):
    interrupted(out, "a.jpg", "b.jpg")
    with begin(out, "resume") as journal:
        assert journal.done == {"a.jpg", "b.jpg"}
        journal.write([entry("c.jpg")])
    assert sources_in(out) == ["a.jpg", "b.jpg", "c.jpg"]
    assert not partial.exists()


@pytest.mark.parametrize("left", [1, 20, -1])
def test_a_truncated_last_line_is_dropped(out, partial, left):
    interrupted(out, "a.jpg", "b.jpg")
    lines = partial.read_bytes().splitlines(keepends=True)
    partial.write_bytes(b"".join(lines[:2]) + lines[2][:left])
    with begin(out, "resume") as journal:
        assert journal.done == {"a.jpg"}
        assert partial.read_bytes() == b"".join(lines[:2])
        journal.write([entry("b.jpg"), entry("c.jpg")])
    assert sources_in(out) == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize(
    "junk", [bytes(64), b"\0\0\n", b"[]\n", b"\xff\xfe\n", b'{"rows": []}\n', b'{"source": "x"}\n']
)
def test_trailing_bytes_are_ignored(out, partial, junk):
    interrupted(out, "a.jpg")
    with partial.open("ab") as file:
        file.write(junk)
    with begin(out, "resume") as journal:
        assert journal.done == {"a.jpg"}
        journal.write([entry("b.jpg")])
    assert sources_in(out) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_run_stopped_in_its_header_starts_again(out, partial, cut):
    interrupted(out)
    partial.write_bytes(partial.read_bytes()[:cut])
    with begin(out, "resume") as journal:
        journal.write([entry("a.jpg")])
    assert sources_in(out) == ["a.jpg"]


def test_every_cut_of_a_run_can_be_resumed(out, partial):
    interrupted(out, "a.jpg", "b.jpg", "c.jpg")
    whole = partial.read_bytes()
    for cut in range(0, len(whole), 37):
        partial.write_bytes(whole[:cut])
        out.unlink(missing_ok=True)
        with begin(out, "resume") as journal:
            journal.write([entry(s) for s in ("a.jpg", "b.jpg", "c.jpg") if s not in journal.done])
        assert sources_in(out) == ["a.jpg", "b.jpg", "c.jpg"]


def test_resuming_a_run_that_never_began_begins(out):
    with begin(out, "resume") as journal:
        assert journal.done == set()
        journal.write([entry("a.jpg")])
    assert sources_in(out) == ["a.jpg"]


def test_resuming_a_finished_run_touches_nothing(out):
    out.parent.mkdir()
    out.write_bytes(b"kept")
    with begin(out, "resume") as journal:
        assert journal.finished
        with pytest.raises(OptionError):
            journal.write([entry("a.jpg")])
    assert out.read_bytes() == b"kept"
    assert listed(out.parent) == [out.name]


@pytest.mark.parametrize(
    ("settings", "names", "field"),
    [
        ({**SETTINGS, "flip": False}, COLUMNS, "flip"),
        ({"head": "ferplus"}, COLUMNS, "flip"),
        (SETTINGS, columns(("sad",)), "columns"),
    ],
)
def test_resuming_with_other_settings_is_refused(out, partial, settings, names, field):
    interrupted(out, "a.jpg")
    before = partial.read_bytes()
    with pytest.raises(OptionError) as caught:
        begin(out, "resume", settings, names)
    assert caught.value.field == field
    assert partial.read_bytes() == before


def test_settings_are_compared_as_json(out):
    with pytest.raises(KeyboardInterrupt), begin(out, settings={"emotions": ("happy", "sad")}):
        raise KeyboardInterrupt
    with begin(out, "resume", {"emotions": ("happy", "sad")}):
        pass


@pytest.mark.parametrize("mode", ["new", "overwrite"])
def test_unfinished_runs_are_kept(out, partial, mode):
    interrupted(out, "a.jpg")
    before = partial.read_bytes()
    with pytest.raises(OutputError) as caught:
        begin(out, mode)
    assert "--resume" in caught.value.hint
    assert "delete" in caught.value.hint
    assert partial.read_bytes() == before


def test_old_tables_are_replaced_on_request_at_the_end(out):
    out.parent.mkdir()
    out.write_bytes(b"old")
    with pytest.raises(OutputError) as caught:
        begin(out)
    assert "--overwrite" in caught.value.hint
    with begin(out, "overwrite") as journal:
        journal.write([entry("a.jpg")])
        assert out.read_bytes() == b"old"
    assert sources_in(out) == ["a.jpg"]


def test_an_interrupted_overwrite_is_resumed(out):
    out.parent.mkdir()
    out.write_bytes(b"old")
    interrupted(out, "a.jpg", mode="overwrite")
    assert out.read_bytes() == b"old"
    with begin(out, "resume") as journal:
        assert journal.done == {"a.jpg"}
    assert sources_in(out) == ["a.jpg"]


def test_sources_given_twice_are_read_once(out):
    with pytest.raises(OptionError), begin(out) as journal:
        journal.write([entry("a.jpg"), entry("a.jpg")])


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(OptionError):
        begin(tmp_path / "new" / "r.doc")
    assert listed(tmp_path) == []


def test_an_unwritable_place_is_refused_before_reading(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        begin(tmp_path / "file" / "r.csv")
    (tmp_path / "r.csv").mkdir()
    with pytest.raises(OutputError):
        begin(tmp_path / "r.csv", "overwrite")


def test_other_files_are_not_journals(out, partial):
    out.parent.mkdir()
    partial.write_bytes(b"my notes\nline 2\n")
    with pytest.raises(OutputError):
        begin(out, "resume")
    assert partial.read_bytes() == b"my notes\nline 2\n"


def test_a_full_disk_while_writing_keeps_what_was_written(out, monkeypatch):
    real = os.fsync

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    def run_until_full():
        with begin(out) as journal:
            journal.write([entry("a.jpg")])
            monkeypatch.setattr(os, "fsync", full)
            journal.write([entry("b.jpg")])

    with pytest.raises(OutputError):
        run_until_full()
    monkeypatch.setattr(os, "fsync", real)
    with begin(out, "resume") as journal:
        assert "a.jpg" in journal.done
        journal.write([entry(s) for s in ("b.jpg", "c.jpg") if s not in journal.done])
    assert sources_in(out) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_full_disk_at_the_end_keeps_the_partial_file(out, partial, monkeypatch):
    def full(*_arguments, **_options):
        raise OutputError("cannot write: No space left on device")

    def run():
        with begin(out) as journal:
            journal.write([entry("a.jpg")])

    with monkeypatch.context() as patch:
        patch.setattr("mien.io.journal.write_table", full)
        with pytest.raises(OutputError):
            run()
    assert listed(out.parent) == [partial.name]
    with begin(out, "resume"):
        pass
    assert sources_in(out) == ["a.jpg"]
