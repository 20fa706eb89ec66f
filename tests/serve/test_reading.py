"""Images and crops over HTTP: readings equal those of the library, options and limits hold, metrics count."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mien import Reader, ReadOptions

from .conftest import ASTRONAUT, files, png, running


@pytest.fixture(scope="module")
def local() -> dict:
    (reading,) = Reader(ReadOptions(detector="mien")).read(ASTRONAUT)
    return reading.to_dict()


def readings(answer: httpx.Response) -> list[list[dict]]:
    assert answer.status_code == 200, answer.text
    return [image["readings"] for image in answer.json()["images"]]


def test_images_are_read_as_by_the_library(client, local):
    ((row,),) = readings(client.post("/v1/images", files=files(ASTRONAUT)))
    assert len(row.pop("id")) == 32
    assert list(row) == list(local)
    numbers = [name for name, value in local.items() if isinstance(value, float)]
    assert [row[name] for name in numbers] == pytest.approx([local[name] for name in numbers], abs=1e-3)
    assert all(row[name] == local[name] for name in ("emotion", "mixed", "abstained", "face", "track_id"))


def test_json_gives_what_multipart_gives(client):
    body = {"images": [{"data": base64.b64encode(ASTRONAUT).decode(), "name": "a.png"}]}
    ((row,),) = readings(client.post("/v1/images", json=body))
    assert (row["source"], row["emotion"]) == ("a.png", "happy")


def test_crops_are_one_face_each(client):
    crops = readings(client.post("/v1/faces", files=files(png(), png(60, 40))))
    assert [len(rows) for rows in crops] == [1, 1]
    assert crops[1][0]["x1"] == 60


def test_parameters_change_the_reading(client):
    ask = {"emotions": "happy-sad", "head": "fer2013", "min_confidence": "1"}
    ((row,),) = readings(client.post("/v1/images", params=ask, files=files(ASTRONAUT)))
    assert row["abstained"]
    assert list(row)[-2:] == ["happy", "sad"]
    assert readings(client.post("/v1/images", params={"min_face": 400}, files=files(ASTRONAUT))) == [[]]


def test_readings_do_not_depend_on_what_else_is_in_the_batch(server, local):
    def ask(number: int) -> float:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            route = "/v1/images" if number % 2 else "/v1/faces"
            emotions = {} if number % 3 else {"emotions": "seven"}
            rows = readings(client.post(route, params=emotions, files=files(ASTRONAUT)))
            return rows[0][0]["confidence"] if number % 2 and number % 3 else local["confidence"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(48))) == pytest.approx([local["confidence"]] * 48, abs=2e-3)


def test_a_bad_image_leaves_the_others(client):
    good, bad = client.post("/v1/images", files=files(ASTRONAUT, b"no image")).json()["images"]
    assert len(good["readings"]) == 1
    assert (bad["readings"], bad["error"]["code"], bad["error"]["status"]) == ([], "source_error", 422)


@pytest.mark.parametrize(
    ("request_of", "status", "code"),
    [
        ({"files": files(b"no image")}, 422, "source_error"),
        ({"files": files(b"")}, 422, "source_error"),
        ({"files": files(png(6000, 5000))}, 413, "too_large_error"),
        ({"files": files(*[png()] * 17)}, 400, "malformed_body"),
        ({"json": {"images": []}}, 400, "invalid_request"),
        ({"json": {"images": [{"data": "%%%"}]}}, 400, "malformed_body"),
        ({"json": {"images": [{"data": ""}] * 17}}, 413, "image_count"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "invalid_request"),
        ({"content": b"[" * 100_000, "headers": {"content-type": "application/json"}}, 400, "invalid_request"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400, "malformed_body"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, None),
        ({"content": b"x", "headers": {"content-type": "image/png"}}, 415, "unsupported_media_type"),
        ({"files": files(ASTRONAUT), "params": {"emotions": "nine"}}, 400, "invalid_request"),
        ({"files": files(ASTRONAUT), "params": {"min_face": "1"}}, 400, "invalid_request"),
        ({"files": files(ASTRONAUT), "params": {"size": "1"}}, 400, "invalid_request"),
        ({"files": files(ASTRONAUT), "params": {"head": "none"}}, 400, "option_error"),
        ({"files": files(ASTRONAUT), "params": {"head": "fer2013", "emotions": "eight"}}, 400, "option_error"),
        ({"content": b"x" * 33_000_000, "headers": {"content-type": "application/json"}}, 413, "body_too_large"),
    ],
)  # fmt: skip
def test_bad_requests_get_problem_details(client, request_of, status, code):
    answer = client.post("/v1/images", **request_of)
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert problem["code"] == code or code is None
    assert {"title", "detail", "what", "got", "expected", "hint"} <= set(problem)
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_other_paths_and_methods_get_problem_details(client):
    assert client.get("/v1/nothing").json()["status"] == 404
    assert client.get("/v1/images").json()["status"] == 405


def test_bodies_without_content_length_are_limited(client):
    def parts():
        for _ in range(40):
            yield b"x" * 1_000_000

    answer = client.post("/v1/images", content=parts(), headers={"content-type": "application/json"})
    assert answer.json()["code"] == "body_too_large"


def test_status_and_models(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}
    models = client.get("/v1/models").json()
    assert models["served"]["name"] == "default"
    assert "tiny" in models["included"]
    paths = client.get("/openapi.json").json()["paths"]
    page = client.get("/docs").text
    assert all(path in page for path in paths)
    assert "<script" not in page
    body = paths["/v1/images"]["post"]["requestBody"]["content"]
    assert set(body) == {"multipart/form-data", "application/json"}


def value(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition(" ")[0] == name)


def test_metrics_count_readings(client):
    names = ("mien_images_total", "mien_faces_per_image_sum", 'mien_predictions_total{emotion="happy"}')
    before = [value(client, name) for name in names]
    client.post("/v1/images", files=files(ASTRONAUT, ASTRONAUT))
    assert [value(client, name) - old for name, old in zip(names, before)] == [2, 2, 2]
    stages = [
        value(client, f'mien_stage_seconds_count{{stage="{s}"}}') for s in ("decode", "detect", "crop", "classify")
    ]
    assert all(stages)
    assert value(client, "process_resident_memory_bytes") > 1e7
    assert value(client, "mien_queue_images") == 0


def test_no_image_is_stored(server, client):
    client.post("/v1/images", files=files(ASTRONAUT + b" " * 3_000_000))
    stored = [path for path in server.settings.data_dir.rglob("*") if path.is_file()]
    assert not [path for path in stored if path.suffix not in (".db", ".db-wal", ".db-shm")]


def test_log_lines_are_json_without_names(tmp_path, capfd):
    with running(tmp_path, log_level="info") as server:
        httpx.post(f"{server.url}/v1/images", files=[("files", ("private name.png", ASTRONAUT))], timeout=60)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line.get("route") == "/v1/images"]
    assert (line["status"], line["images"], line["faces"]) == (200, 1, 1)
    assert not [line for line in lines if "private" in json.dumps(line)]
