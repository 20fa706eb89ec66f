"""Ask a process of its own to measure something: what one reader loads must not disturb the next."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: Read by OpenMP, the BLAS libraries, TensorFlow and OpenCV when they start.
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "OPENCV_FOR_THREADS_NUM"),
)
#: A reader that takes longer than this for its part, in seconds, is given up.
LIMIT_S = 600.0


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        values: as the process measured them; empty where it failed.
        problem: in one line why it failed; "" where it did not.
    """

    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def own_command() -> list[str]:
    """The command that measures mien itself."""
    return [sys.executable, "-m", f"{__package__}.own"]


def ask(command: Sequence[str], job: dict[str, Any], *, limit_s: float = LIMIT_S) -> Answer:
    """Run ``command`` with ``job`` as JSON on its standard input, and read its answer, JSON too.

    The process sees no graphics card, and its libraries are told to use ``job["threads"]`` threads.

    Args:
        command: a program and its arguments.
        job: see ``probes/measure.py``.
        limit_s: seconds to wait.
    """
    try:
        done = subprocess.run(
            command,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=limit_s,
            check=False,
            env=_environment(job["threads"], own=command[0] == sys.executable),
        )
    except subprocess.TimeoutExpired:
        return Answer(problem=f"took more than {limit_s:.0f} s")
    except OSError as error:
        return Answer(problem=f"cannot start {command[0]}: {error.strerror or error}")
    if done.returncode != 0:
        return Answer(problem=_last_words(done))
    try:
        return Answer(json.loads(done.stdout))
    except ValueError:
        return Answer(problem=f"gave no figures: {_last_words(done)}")


def _environment(threads: int, own: bool) -> dict[str, str]:
    names = dict(os.environ)
    if threads:
        names |= dict.fromkeys(_THREADS, str(threads))
    if not own:  # these lead to the packages of the environment that mien runs in
        for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
            names.pop(name, None)
    # No matter how this process was started: what rivals warn of is not ours to show.
    names["ORT_DISABLE_TELEMETRY"] = "1"  # theirs is not ours to send either
    return names | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONIOENCODING": "utf-8"}


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    """One line from what a process said before it failed: with Python, the error itself."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "not a word"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: {last}"
    return last if lines else f"ended with exit code {done.returncode} and {last}"
