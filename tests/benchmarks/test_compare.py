"""Benchmark processes that crash, print too much or never end."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compare, measure = load("compare"), load("measure")
JOB = {"threads": 1, "options": {}, "portrait": "photo.jpg", "task": "start"}

#: Prints too much, and finds two faces in every photo.
ADAPTER = """
import os, sys, time
class Reader:
    def read_photos(self, paths):
        os.write(1, b"Downloading weights...")
        print("100 %")
        return [2 for _ in paths]
    def faces(self, path, count):
        return lambda: time.sleep(0.0001 * count)
def open_reader(options, threads):
    assert "mien" not in sys.modules
    assert os.environ["OMP_NUM_THREADS"] == str(threads)
    assert not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) == threads
    return Reader()
"""


@pytest.fixture
def ask(tmp_path):
    def run(code, **changes):
        adapter = tmp_path / "some_adapter.py"
        adapter.write_text(code)
        limit = changes.pop("limit_s", 60)
        return compare.ask(sys.executable, str(adapter), JOB | changes, limit)

    return run


def test_a_crash_is_one_line(ask):
    assert ask("import sys; sys.stderr.write('noise\\n'); raise OSError('no weights')") == {
        "problem": "OSError: no weights"
    }


def test_other_failures_have_a_problem_too(ask):
    assert "problem" in ask("raise SystemExit(3)")
    assert "problem" in ask("import time; time.sleep(60)", limit_s=0.2)
    assert "problem" in compare.ask("/no/such/python", "fer", JOB)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals end processes on Unix")
def test_a_signal_has_its_name(ask):
    assert "SIGABRT" in ask("import os; os.abort()")["problem"]


def test_output_of_libraries_does_not_disturb_the_measurement(ask):
    effort = {"photo_seconds": 0.0, "face_seconds": 0.0, "least_rounds": 2}
    found = ask(ADAPTER, task="speed", sets={"a": ["1.jpg", "2.jpg", "3.jpg"]}, effort=effort)
    assert found["photos"]["a"] | {"per_s": 0} == {"per_s": 0, "rounds": 2, "with_a_face": 3, "faces": 6}
    assert 0.1 <= found["ms_per_face"] < 1000
    assert found["random_weights"] is False
    assert ask(ADAPTER)["ready"] > 1.7e9  # seconds since 1970


def test_a_process_does_not_inherit_the_peak_of_its_parent(ask):
    large = bytearray(400_000_000)
    large[::4096] = b"x" * len(large[::4096])
    assert measure.peak_mb() is None or measure.peak_mb() > 400
    effort = {"photo_seconds": 0.0, "face_seconds": 0.0, "least_rounds": 1}
    peak = ask(ADAPTER, task="speed", sets={"a": ["1.jpg"]}, effort=effort)["peak_mb"]
    assert peak is None or peak < 100


def test_installed_packages_have_a_version_and_a_size():
    found = measure.installed(["numpy", "no-such-package"])
    assert set(found["versions"]) == {"numpy"}
    assert found["mb"] > 10
    assert measure.installed(["pandas"])["mb"] > found["mb"]  # it requires numpy


def test_libraries_are_found_where_they_are_installed():
    library = compare.Library("some", "fer", (("onnxruntime",), ("torch", "no-such-package")))
    first, second = {Path("a/python"): {"onnxruntime": "1.1"}}, {Path("b/python"): {"onnxruntime": "1.2", "torch": "2"}}
    assert compare.home_of(library, first | second)[0] == Path("b/python")
    assert compare.home_of(library, {Path("a/python"): {}}) == (None, ["onnxruntime", "torch"])


def test_every_library_has_its_adapter():
    for library in compare.LIBRARIES:
        assert (BENCHMARKS / "adapters" / f"{library.adapter}_adapter.py").is_file()


def test_ratios_above_one_mean_that_mien_is_better():
    mien = compare.Result("mien", install_mb=200, ms_per_face=5, photos_per_s={"a": 12}, start_s=0.5, peak_mb=300)
    other = compare.Result("other", install_mb=100, ms_per_face=0.75, photos_per_s={"a": 6}, start_s=5, peak_mb=1200)
    found = compare.ratios(mien, other)
    assert found == {"a": 2, "install_mb": 0.5, "ms_per_face": 0.15, "start_s": 10, "peak_mb": 4}
