"""Versions of models, and the change of the served model under load."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from mien.errors import DataError, ModelError, OptionError
from mien.model.card import load_model
from mien.serve.registry import Registry

from .conftest import ASTRONAUT, files, running


def test_versions_are_promoted_and_rolled_back(tmp_path):
    registry = Registry(tmp_path)
    with pytest.raises(ModelError):
        registry.model()
    with pytest.raises(DataError):
        registry.rollback()
    first, second = registry.promote("default", "first"), registry.promote("tiny")
    assert (first.version, second.version) == (1, 2)
    assert load_model(registry.model())[0].name == "tiny"
    with pytest.raises(OptionError):
        registry.promote("tiny")
    assert registry.rollback().version == 1
    assert load_model(registry.model())[0].sha256 == load_model("default")[0].sha256
    with pytest.raises(DataError):
        registry.rollback()
    assert registry.rollback(2).name == "tiny"
    assert [one.reason for one in registry.versions()] == ["first", ""]


def test_a_damaged_version_does_not_become_current(tmp_path):
    registry = Registry(tmp_path)
    registry.promote("default")
    registry.promote("tiny")
    (tmp_path / "versions" / "1" / "default.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError):
        registry.rollback()
    assert registry.current().version == 2
    (tmp_path / "registry.json").write_text("{")
    with pytest.raises(ModelError):
        registry.current()


def test_a_running_server_changes_models_without_losing_a_request(tmp_path):
    registry = Registry(tmp_path / "registry")
    registry.promote("default")
    ended = Event()

    def ask(_number: int) -> list[tuple[int, str]]:
        seen = []
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not ended.is_set():
                answer = client.post("/v1/images", files=files(ASTRONAUT))
                seen.append((answer.status_code, answer.json()["model"]["name"]))
        return seen

    with running(tmp_path, registry=tmp_path / "registry", rate_limit=100_000) as server, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        names = []
        for change in (lambda: registry.promote("tiny"), registry.rollback):
            change()
            wanted = registry.current().name
            while not names or names[-1] != wanted:
                time.sleep(0.1)
                names.append(httpx.get(f"{server.url}/v1/models").json()["served"]["name"])
        registry.promote("tiny-float32")
        (registry.model()).write_bytes(b"damaged")
        time.sleep(2.5)  # it is refused, and the server goes on
        assert httpx.get(f"{server.url}/v1/models").json()["served"]["name"] == "default"
        ended.set()
        answers = [answer for future in asked for answer in future.result()]
    assert {status for status, _ in answers} == {200}
    assert {name for _, name in answers} == {"default", "tiny"}
