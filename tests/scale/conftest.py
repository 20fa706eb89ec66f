"""Folders of images for runs on Ray, and an environment for its workers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ..conftest import EXAMPLES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images, two of them of people, and one file that is no image."""
    place = tmp_path / "photos ü"
    place.mkdir()
    shutil.copy(EXAMPLES / "astronaut.png", place / "1 woman.png")
    shutil.copy(EXAMPLES / "grace_hopper.jpg", place / "10 woman.jpg")
    for number in (2, 3, 4):
        Image.new("RGB", (64, 48), (90, 90, 40 * number)).save(place / f"{number}.png")
    shutil.copy(EXAMPLES / "astronaut.png", place / "5 [a].png")
    (place / "7.jpg").write_bytes(b"no image")
    return place


@pytest.fixture
def local_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Skips without Ray; its workers get the priority of the tests, which other programs on the machine may starve."""
    ray = pytest.importorskip("ray", reason="reading on a cluster needs the extra ray")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    yield
    ray.shutdown()
