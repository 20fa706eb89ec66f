"""A report that nobody measured."""

import pytest

from mien.bench.machine import Machine, Setting
from mien.bench.report import Photos, Report, Row

SMALL, LARGE = "640 x 480", "1024 x 768"


@pytest.fixture
def setting() -> Setting:
    machine = Machine("A Processor of a Long Name @ 2.50GHz", 2, 25.3, "Linux", "3.11.7", {"numpy": "2.0"})
    return Setting("0.1.0", "2026-01-02T03:04:05+00:00", "mien bench", machine, 1, 0.1, busy=False)


@pytest.fixture
def report(setting: Setting) -> Report:
    rows = (
        Row("default", True, True, "0.1.0", 200.0, 5.0, {SMALL: 12.0, LARGE: 4.0}, 0.6, 300.0, 20, 60, False, 0.99),
        Row("default", True, False, "0.1.0", 400.0, 2.5, {SMALL: 12.5, LARGE: 4.5}, 0.6, 300.0, 20, 60, False, 0.99),
        Row("fer (Haar)", False, None, "1", 1479.0, 0.75, {SMALL: 6.0, LARGE: 5.0}, 6.0, 1200.0, 18, 52, False, 0.98),
        Row("hsemotion-onnx", False, None, "1", 32.0, 22.9, {}, 0.9, 165.0, None, None, True, 0.97),
        Row("deepface (TF)", False, problem="not installed: pip install deepface tensorflow"),
    )
    photos = (Photos(SMALL, 10, 30), Photos(LARGE, 10, 30))
    return Report(setting, False, photos, {"python": 0.02, "import": 0.011, "help": 0.16}, rows)
