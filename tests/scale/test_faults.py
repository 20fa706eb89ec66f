"""A node or a worker is killed in the middle of a run: no row is lost or doubled."""

import importlib.util
import sys

import pandas as pd
import pytest

import mien

from ..conftest import ROOT

pytest.importorskip("ray", reason="reading on a cluster needs the extra ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers of a node in /proc"),
    pytest.mark.filterwarnings("ignore"),  # of Ray's own modules
]


@pytest.fixture(scope="module")
def faults():
    """The program of ``benchmarks/`` that kills nodes and workers."""
    spec = importlib.util.spec_from_file_location("scale_faults", ROOT / "benchmarks" / "scale_faults.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_killed_nodes_and_workers_lose_and_double_no_row(tmp_path, faults):
    faults.make_folder(tmp_path / "photos", 24)
    (tmp_path / "photos" / "24.jpg").write_bytes(b"no image")
    mien.read_files(tmp_path / "photos", out=tmp_path / "single.parquet")
    expected = pd.read_parquet(tmp_path / "single.parquet")
    with faults.cluster() as found:
        for what in ("worker", "node"):
            killed = faults.read_and_kill(found, tmp_path / "photos", tmp_path / what, what, after=3)
            assert killed < 25
            pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / what / "rows"), expected)
            assert len(pd.read_parquet(tmp_path / what / "errors")) == 1
