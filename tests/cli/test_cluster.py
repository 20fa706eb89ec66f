"""``mien read --engine ray``: what is refused, and how it ends. Runs on Ray itself are in ``tests/scale``."""

import pytest

from mien import scale
from mien.scale import DatasetResult

from ..conftest import EXAMPLES

PHOTO = EXAMPLES / "astronaut.png"


@pytest.mark.parametrize(
    "words",
    [
        "--engine spark --out out",
        "--engine ray",
        "--engine ray --out out --json",
        "--engine ray --out out --annotate copies",
        "--engine ray --out out --mask-others",
        "--engine ray --out out --address 127.0.0.1:1",
        "--address auto --out out.csv",
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(mien, tmp_path, monkeypatch, words):
    pytest.importorskip("ray", reason="reading on a cluster needs the extra ray")
    monkeypatch.chdir(tmp_path)
    code, _, _ = mien("read", PHOTO, *words.split())
    assert code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("errors", "expected"), [(0, 0), (2, 3)])
def test_the_command_passes_its_options_on(mien, monkeypatch, errors, expected):
    given = {}

    def read_dataset(sources, out, options, **more):
        given.update(more, sources=sources, out=out, model=options.model)
        return DatasetResult("s3://bucket/faces", 5, 6, errors, 2, 1)

    monkeypatch.setattr(scale, "read_dataset", read_dataset)
    words = "s3://bucket/a --engine ray --address auto --out s3://bucket/faces --resume --model tiny --threads 3 -r"
    code, out, _ = mien("read", *words.split())
    assert code == expected
    assert "5 images, 6 faces" in out
    assert given["sources"] == ["s3://bucket/a"]
    assert (given["out"], given["mode"], given["address"]) == ("s3://bucket/faces", "resume", "auto")
    assert (given["workers"], given["recursive"], given["model"]) == (3, True, "tiny")
