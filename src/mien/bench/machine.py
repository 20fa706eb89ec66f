"""The machine that figures come from: what it is, and how busy."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

from .. import __version__
from ..reader import worker_count

#: What speed depends on.
_PACKAGES = ("numpy", "onnx", "onnxruntime", "opencv-python", "pillow")


@dataclass(frozen=True)
class Machine:
    """What figures depend on.

    Attributes:
        processor: its name, as the system gives it.
        cores: processors that the system shows, hyper-threads included.
        memory_gb: in 10^9 bytes; None where the system does not say.
        system: name and version of the operating system.
        python: version of the interpreter.
        versions: of the packages that mien reads with.
    """

    processor: str
    cores: int
    memory_gb: float | None
    system: str
    python: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Setting:
    """Under what circumstances figures came about.

    Attributes:
        version: of mien.
        date: local time, ISO 8601.
        command: as typed.
        machine: what it ran on.
        threads: processors that each reader had; 0 is all.
        load: processes that wanted to run in the minute before; None where the system does not say.
        busy: whether they left too few processors free.
    """

    version: str
    date: str
    command: str
    machine: Machine
    threads: int
    load: float | None
    busy: bool


def setting(threads: int) -> Setting:
    """The circumstances now, before anything is measured on ``threads`` processors."""
    machine, now = this_machine(), load()
    return Setting(
        version=__version__,
        date=datetime.now().astimezone().isoformat(timespec="seconds"),
        command=shlex.join(["mien", *sys.argv[1:]]),
        machine=machine,
        threads=threads,
        load=now,
        busy=is_busy(now, machine.cores, threads),
    )


def this_machine() -> Machine:
    """The machine that this runs on."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # OpenCV has several flavours
            continue
    return Machine(
        processor(), worker_count(0), _memory_gb(), platform.platform(terse=True), platform.python_version(), versions
    )


def load() -> float | None:
    """How many processes wanted to run over the last minute, on average; None where the system does not say."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):  # Windows has no such thing
        return None


def is_busy(before: float | None, cores: int, threads: int) -> bool:
    """Whether a load of ``before`` leaves fewer than ``threads`` processors (0: all) free."""
    return before is not None and before + (threads or cores) > cores + 0.5


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def processor() -> str:
    """The processor's name; ``platform.processor()`` says no more than "x86_64" on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()
