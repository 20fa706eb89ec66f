"""What a user would pick instead, and where it is installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import OptionError

PROBES = Path(__file__).with_name("probes")


@dataclass(frozen=True)
class Rival:
    """A package that reads emotions, in one of the ways in which it is used.

    Attributes:
        name: what to call it.
        packages: what must be installed, by the names that pip knows, any one of each entry; the first is the rival itself.
        adapter: the file in ``probes`` that calls it.
        options: for the adapter.
    """

    name: str
    packages: tuple[tuple[str, ...], ...]
    adapter: str
    options: dict[str, Any] = field(default_factory=dict)

    def command(self, python: Path) -> list[str]:
        """The command that measures it."""
        return [str(python), str(PROBES / "measure.py"), str(PROBES / self.adapter)]


_TENSORFLOW = ("tensorflow", "tensorflow-cpu")
RIVALS = (
    Rival("fer (Haar)", (("fer",), _TENSORFLOW), "with_fer.py"),
    Rival("fer (MTCNN)", (("fer",), _TENSORFLOW, ("facenet-pytorch",), ("torch",)), "with_fer.py", {"mtcnn": True}),
    Rival("deepface (ONNX)", (("deepface",), ("onnxruntime",), ("onnx",)), "with_deepface.py", {"engine": "onnx"}),
    Rival("deepface (TF)", (("deepface",), _TENSORFLOW), "with_deepface.py", {"engine": "tensorflow"}),
    Rival("hsemotion-onnx", (("hsemotion-onnx",), ("onnxruntime",), ("onnx",)), "with_hsemotion.py"),
    Rival("emotion-ferplus", (("onnxruntime",), ("onnx",)), "with_ferplus.py"),
)

# Run in the other environment, so in any Python from 3.8 on.
_LOOK = """
import json, sys
from importlib import metadata
found = {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
sys.stdout.write(json.dumps(found))
"""


def installed(python: Path) -> dict[str, str]:
    """The versions of what the rivals need, by the names that pip knows, in the environment of ``python``.

    Raises:
        OptionError: it is no Python interpreter that can be run.
    """
    names = sorted({name for rival in RIVALS for either in rival.packages for name in either})
    try:
        done = subprocess.run(
            [str(python), "-c", _LOOK, json.dumps(names)], capture_output=True, text=True, timeout=60, check=True
        )
        return dict(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise OptionError(
            f"--rivals-python: {python} is no Python interpreter that can be run",
            hint="Give the path of one, such as venv/bin/python (on Windows venv\\Scripts\\python.exe).",
        ) from error


def home_of(rival: Rival, environments: Sequence[tuple[Path, dict[str, str]]]) -> tuple[Path | None, str]:
    """The first interpreter that has all that ``rival`` needs, and the rival's version; or None, and what is missing."""
    missing = ""
    for python, versions in environments:
        lacking = [either[0] for either in rival.packages if not any(name in versions for name in either)]
        if not lacking:
            return python, versions[rival.packages[0][0]]
        missing = missing or f"not installed: pip install {' '.join(lacking)}"
    return None, missing
