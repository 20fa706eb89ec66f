"""The machine that measurements come from, and how busy it is."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

from .. import __version__
from ..reader import worker_count


@dataclass(frozen=True)
class Environment:
    """What measurements depend on.

    Attributes:
        mien, python, onnxruntime: versions.
        system: name and version of the operating system.
        processor: its name.
        cores: logical cores that this process may use.
        threads: cores used by each measurement; 0 is all.
        load: processes that wanted to run, on average over the minute before; None on Windows.
        date: local time, ISO 8601.
    """

    mien: str
    python: str
    onnxruntime: str
    system: str
    processor: str
    cores: int
    threads: int
    load: float | None
    date: str

    @property
    def is_busy(self) -> bool:
        """Whether other work left fewer cores free than the measurement uses."""
        return self.load is not None and self.load + (self.threads or self.cores) > self.cores + 0.5

    def summary(self) -> str:
        """One line, such as ``mien 0.1.0, onnxruntime 1.32.0, Python 3.11.7, AMD EPYC, 2 cores, threads: 1``."""
        versions = f"mien {self.mien}, onnxruntime {self.onnxruntime}, Python {self.python}"
        return f"{versions}, {self.processor}, {self.cores} cores, threads: {self.threads or 'all'}"


def current_environment(threads: int) -> Environment:
    """Describe this machine before a measurement on ``threads`` cores (0: all)."""
    return Environment(
        mien=__version__,
        python=platform.python_version(),
        onnxruntime=metadata.version("onnxruntime"),
        system=platform.platform(terse=True),
        processor=processor_name(),
        cores=worker_count(0),
        threads=threads,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def processor_name() -> str:
    """The processor's name; ``platform.processor()`` gives only ``x86_64`` on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()
