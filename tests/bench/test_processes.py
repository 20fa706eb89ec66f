"""Other processes, as they are: some crash, some babble, some never end."""

import json
import os
import sys
from pathlib import Path

import pytest

from mien import OptionError
from mien.bench.probes import measure
from mien.bench.processes import ask
from mien.bench.rivals import PROBES, RIVALS, Rival, home_of, installed

JOB = {"threads": 1, "options": {}, "portrait": "photo.jpg", "task": "start"}

#: A rival that talks too much, on standard output too, and that sees two faces in every photo.
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
    return Reader()
"""


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_crash_is_one_line():
    found = ask(script("import sys; sys.stderr.write('noise\\n'); raise OSError('no weights')"), JOB)
    assert found.problem == "OSError: no weights"
    assert found.values == {}


def test_other_ends_are_told_too():
    assert "exit code 3" in ask(script("raise SystemExit(3)"), JOB).problem
    assert "gave no figures" in ask(script("print('hello')"), JOB).problem
    assert "more than 0 s" in ask(script("import time; time.sleep(60)"), JOB, limit_s=0.2).problem
    assert "cannot start" in ask(["/no/such/python"], JOB).problem


@pytest.mark.skipif(not hasattr(os, "fork"), reason="signals end processes on Unix")
def test_a_signal_has_its_name():
    assert "SIGABRT" in ask(script("import os; os.abort()"), JOB).problem


def test_a_rival_may_babble(tmp_path):
    adapter = tmp_path / "with_babbler.py"
    adapter.write_text(ADAPTER)
    command = [sys.executable, str(PROBES / "measure.py"), str(adapter)]
    effort = {"photo_seconds": 0.0, "face_seconds": 0.0, "least_rounds": 2}
    job = JOB | {"task": "speed", "sets": {"a": ["1.jpg", "2.jpg", "3.jpg"]}, "effort": effort}
    found = ask(command, job)
    assert found.problem == ""
    assert found.values["photos"]["a"] | {"per_s": 0} == {"per_s": 0, "rounds": 2, "with_a_face": 3, "faces": 6}
    assert 0.1 <= found.values["ms_a_face"] < 1000
    assert found.values["random_weights"] is False
    assert ask(command, JOB).values["ready"] > 1.7e9  # seconds since 1970


def test_a_process_does_not_inherit_the_peak_of_the_one_that_started_it():
    large = bytearray(400_000_000)
    large[::4096] = b"x" * len(large[::4096])
    code = f"import sys; sys.path.insert(0, {str(PROBES)!r}); import measure; print(measure.peak_mb())"
    found = ask(script(code), JOB)
    assert measure.peak_mb() is None or measure.peak_mb() > 400
    assert found.values < 100  # a bare Python: a number is JSON too


def test_threads_are_kept_to():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("only Linux lets a process choose its processors")
    code = (
        f"import json, os, sys; sys.path.insert(0, {str(PROBES)!r}); import measure; measure.keep_to(1);"
        "print(json.dumps({'n': len(os.sched_getaffinity(0))}))"
    )
    assert ask(script(code), JOB).values == {"n": 1}


def test_rivals_are_found_where_they_are_installed():
    here = installed(Path(sys.executable))
    assert "onnxruntime" in here
    rival = Rival("made up", (("onnxruntime",), ("torch", "no-such-package")), "with_fer.py")
    with_torch = (Path("b/python"), {"onnxruntime": "1.2", "torch": "2"})
    assert home_of(rival, [(Path("a/python"), {"onnxruntime": "1.1"}), with_torch]) == (Path("b/python"), "1.2")
    assert home_of(rival, [(Path("a/python"), {})]) == (None, "not installed: pip install onnxruntime torch")


@pytest.mark.parametrize("python", ["/no/such/python", __file__])
def test_what_is_no_python_is_said(python):
    with pytest.raises(OptionError, match="no Python interpreter"):
        installed(Path(python))


def test_every_rival_has_its_adapter():
    assert all((PROBES / rival.adapter).is_file() for rival in RIVALS)
    assert any(rival.name.startswith("fer") for rival in RIVALS)


def test_json_of_a_job_is_plain():
    assert json.loads(json.dumps([rival.options for rival in RIVALS]))
