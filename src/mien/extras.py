"""Optional packages: import one, or say exactly how to install it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from types import ModuleType

from .errors import MissingExtraError


def require(package: str, extra: str) -> ModuleType:
    """Import ``package``, which belongs to mien's ``extra``.

    Raises:
        MissingExtraError: it is not installed; the hint is the command that installs it.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package.partition(".")[0]:
            raise  # the package is there, but something that it needs is broken: let that be seen
        raise _missing(package, extra) from error


def check_installed(packages: Sequence[str], extra: str) -> None:
    """See that optional packages are there, without the seconds that importing them takes.

    Raises:
        MissingExtraError: one is not installed; the hint is the command that installs it.
    """
    for package in packages:
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise _missing(package, extra)


def check_opencv() -> None:
    """See that OpenCV is whole.

    Raises:
        MissingExtraError: two of its flavours were installed over each other and one was taken away again, which leaves
            an empty ``cv2`` that still imports.
    """
    if not hasattr(importlib.import_module("cv2"), "warpAffine"):
        raise MissingExtraError(
            "OpenCV is broken: the module cv2 is there, but empty, as after removing one of two flavours of it",
            hint="Run: pip uninstall -y opencv-python-headless opencv-contrib-python; "
            "pip install --force-reinstall opencv-python",
        )


def _missing(package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"this needs the package {package!r}, which is not installed",
        hint=f"In your copy of mien's repository, run: pip install '.[{extra}]'",
    )
