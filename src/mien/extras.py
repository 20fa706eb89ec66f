"""Optional packages: import one, or raise an error that says how to install it."""

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
            raise  # the package is installed, but one of its own requirements is missing
        raise _missing(package, extra) from error


def check_installed(packages: Sequence[str], extra: str) -> None:
    """Check that optional packages are installed, without importing them.

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
    """Raise a ``MissingExtraError`` if ``cv2`` is an empty module, as after removing one of two OpenCV packages."""
    if not hasattr(importlib.import_module("cv2"), "warpAffine"):
        packages = "opencv-python opencv-python-headless opencv-contrib-python"
        hint = f"Run: pip uninstall -y {packages}; pip install opencv-python"
        raise MissingExtraError("OpenCV is broken: the module cv2 is empty", hint=hint, value="cv2")


def _missing(package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"the package {package!r} is required and not installed",
        hint=f"In a copy of the mien repository, run: pip install '.[{extra}]'",
        value=package,
    )
