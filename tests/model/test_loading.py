"""onnxruntime respects the allowed cores, and load errors are reported without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien import MissingExtraError, OptionError, Reader, ReadOptions
from mien.model import session
from mien.model.session import usable_cores

PHOTO = str(Path(__file__).parents[2] / "examples" / "astronaut.png")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process to cores")
def test_threads_follow_the_cores_that_a_process_may_use():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from mien.model.session import usable_cores; print(usable_cores())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


@pytest.mark.parametrize(("content", "limit"), [("50000 100000", 1), ("250000 100000", 3), ("max 100000", 999)])
def test_threads_follow_the_quota_of_a_container(content, limit, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(999), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda _: content)
    assert usable_cores() == limit


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process to cores")
def test_sessions_bind_no_threads_to_cores():
    """Beyond its cores a process may bind none: onnxruntime would say so for each thread."""
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += f"import mien; print(len(mien.Reader(mien.ReadOptions(threads=64)).read({PHOTO!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["1"], "")


@pytest.mark.parametrize("detector", ["mien", "none"])
def test_a_device_that_is_not_installed_is_an_error_that_names_those_that_are(detector, monkeypatch):
    monkeypatch.setattr(session.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(MissingExtraError) as caught:
        Reader(ReadOptions(device="cuda", detector=detector))
    assert caught.value.value == "cuda"
    assert "cpu" in caught.value.hint
    assert "onnxruntime-gpu" in caught.value.hint
    with pytest.raises(OptionError):
        ReadOptions(device="tpu")


def test_a_device_that_onnxruntime_leaves_for_the_cpu_is_an_error(monkeypatch):
    """Without its libraries onnxruntime only logs that, and goes on slowly."""
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(session.onnxruntime, "get_available_providers", lambda: both)
    real, asked = session.onnxruntime.InferenceSession, []

    def fallen_back(weights, options, providers):
        asked.append(providers)
        return real(weights, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(session.onnxruntime, "InferenceSession", fallen_back)
    with pytest.raises(MissingExtraError):
        Reader(ReadOptions(device="cuda"))
    assert asked == [both]
    assert len(Reader(ReadOptions(device="cpu")).read(PHOTO)) == 1


@pytest.mark.parametrize("package", ["onnxruntime", "PIL", "numpy"])
def test_a_library_that_cannot_be_loaded_is_one_message(package, tmp_path):
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text(
        "raise ImportError('libstdc++.so.6: cannot open shared object file')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "mien", "read", PHOTO]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 7
    assert "libstdc++" in done.stderr
    assert "Traceback" not in done.stderr
