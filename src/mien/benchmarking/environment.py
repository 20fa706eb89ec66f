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

#: Packages that speed depends on.
_PACKAGES = ("numpy", "onnxruntime", "opencv-python", "pillow")


@dataclass(frozen=True)
class Environment:
    """What measurements depend on.

    Attributes:
        mien, python, packages: versions.
        system: name and version of the operating system.
        processor: its name.
        cores: logical cores that this process may use.
        memory_gb: in 10^9 bytes; None where the system does not tell.
        threads: cores used by each measurement; 0 is all.
        load: processes that wanted to run, on average over the minute before; None where the system does not tell.
        date: local time, ISO 8601.
    """

    mien: str
    python: str
    packages: dict[str, str]
    system: str
    processor: str
    cores: int
    memory_gb: float | None
    threads: int
    load: float | None
    date: str

    @property
    def is_busy(self) -> bool:
        """Whether other work left fewer cores free than the measurement uses."""
        return self.load is not None and self.load + (self.threads or self.cores) > self.cores + 0.5

    def summary(self) -> str:
        """One line, such as ``mien 0.1.0, AMD EPYC, 2 cores, 25 GB, Python 3.11.7, 1 core used``."""
        memory = f"{self.memory_gb:.0f} GB, " if self.memory_gb else ""
        used = f"{self.threads} core{'s' * (self.threads > 1)}" if self.threads else "all cores"
        return f"mien {self.mien}, {self.processor}, {self.cores} cores, {memory}Python {self.python}, {used} used"


def current_environment(threads: int) -> Environment:
    """Describe this machine before a measurement on ``threads`` cores (0: all)."""
    installed = {distribution.name.lower() for distribution in metadata.distributions()}
    return Environment(
        mien=__version__,
        python=platform.python_version(),
        packages={name: metadata.version(name) for name in _PACKAGES if name in installed},
        system=platform.platform(terse=True),
        processor=processor_name(),
        cores=worker_count(0),
        memory_gb=_memory_gb(),
        threads=threads,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def processor_name() -> str:
    """The processor's name; ``platform.processor()`` gives only ``x86_64`` on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()
