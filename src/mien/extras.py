"""Optional packages: import one, or raise an error with the command to install it."""

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


def opencv() -> ModuleType:
    """Import OpenCV, which cameras and windows need.

    Raises:
        MissingExtraError: it is not installed, a system library that it needs is missing, or two variants of it have
            overwritten each other.
    """
    try:
        cv2 = importlib.import_module("cv2")
    except ModuleNotFoundError as error:
        raise _missing("opencv-python", "video") from error
    except ImportError as error:
        hint = "Run: pip uninstall -y opencv-python; pip install opencv-python-headless. Windows then cannot be shown."
        raise MissingExtraError(f"OpenCV cannot be loaded: {error}", hint=hint, value="cv2") from error
    if not hasattr(cv2, "VideoCapture"):
        packages = "opencv-python opencv-python-headless opencv-contrib-python"
        hint = f"Run: pip uninstall -y {packages}; pip install opencv-python"
        raise MissingExtraError("OpenCV is broken: the module cv2 is empty", hint=hint, value="cv2")
    return cv2


def _missing(package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(
        f"the package {package!r} is required and not installed",
        hint=f"In a copy of the mien repository, run: pip install '.[{extra}]'",
        value=package,
    )
