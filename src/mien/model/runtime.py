"""The one door to onnxruntime, which would otherwise tell its maker that it is used.

From version 1.29 on, its official builds for Linux, macOS and Windows collect events, send them to Microsoft over HTTPS, and
leave an identifier in the user's cache folder; being imported is enough (``Privacy.md`` in its package). The variable below
turns all of that off for the life of the process, but it must be set before the first import. So nothing else in mien
imports onnxruntime. A program that imports it before mien decides by itself: it can set the variable, too.
"""

from __future__ import annotations

import os

_OFF = "ORT_DISABLE_TELEMETRY"

_before = os.environ.get(_OFF)
os.environ[_OFF] = "1"
try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as faults
finally:  # the environment belongs to the program that imports mien
    if _before is None:
        del os.environ[_OFF]
    else:
        os.environ[_OFF] = _before

# Where it was imported before, this stops what it would still send; also the events that older builds leave to Windows
onnxruntime.disable_telemetry_events()

__all__ = ["faults", "onnxruntime"]
