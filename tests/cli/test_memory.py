"""Memory of ``mien read`` on small machines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ..conftest import EXAMPLES

resource = pytest.importorskip("resource", reason="limits of memory need POSIX")
#: Address space, of which the resident part is a fraction.
LIMIT = 512 * 2**20
#: Otherwise each thread of the libraries reserves address space that it does not use, 64 MB and more.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce the limit")
@pytest.mark.parametrize("name", ["astronaut.png", "large.jpg", "large.png"])
def test_one_thread_reads_a_photo_within_512_mb(name, tmp_path):
    path = EXAMPLES / name
    if name.startswith("large"):  # 12 megapixels, as from a phone
        path = tmp_path / name
        Image.open(EXAMPLES / "astronaut.png").convert("RGB").resize((4000, 3000)).save(path)
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-m", "mien", "read", str(path), "--threads", "1", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source), **ONE_ARENA},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
    )
    assert done.returncode == 0, done.stderr
    assert [row["emotion"] for row in json.loads(done.stdout)] == ["happy"]
