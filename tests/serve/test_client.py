"""The clients, against a real server."""

import asyncio
import functools
import inspect
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import mien

from ..conftest import EXAMPLES, ROOT
from .conftest import ASTRONAUT, png, run_async

ASTRONAUT_FILE = EXAMPLES / "astronaut.png"


def test_the_client_gives_typed_readings(server):
    with mien.Client(server.url) as client:
        image, again = client.images([ASTRONAUT_FILE, ASTRONAUT], emotions="seven")
        assert (image.source, image.width, image.height) == ("astronaut.png", 512, 512)
        (reading,) = image.readings
        assert (reading.emotion, reading.abstained, len(reading.probabilities)) == ("happy", False, 7)
        assert again.readings[0].box == reading.box
        assert len(client.faces(png(), min_confidence=1.0)[0].readings) == 1
        assert client.models().served.name == "default"


def test_the_asynchronous_client_gives_the_same(server):
    async def ask() -> list:
        async with mien.AsyncClient(server.url) as client:
            assert (await client.models()).served.name == "default"
            assert (await client.faces(png()))[0].readings
            return await asyncio.gather(*(client.images(str(ASTRONAUT_FILE)) for _ in range(4)))

    assert [images[0].readings[0].emotion for images in run_async(ask())] == ["happy"] * 4


def test_clients_read_videos(server, clip):
    async def ask() -> bytes:
        async with mien.AsyncClient(server.url) as client:
            job = await client.video(clip, interval_s=0.5)
            while not job.state.ended:
                await asyncio.sleep(0.05)
                job = await client.job(job.id)
            table = await client.result(job.id, "csv")
            await client.cancel(job.id)
            return table

    with mien.Client(server.url) as client:
        job = client.video(clip, interval_s=0.5)
        while not job.state.ended:
            job = client.job(job.id)
        assert client.result(job.id, "csv") == run_async(ask())
        client.cancel(job.id)
        with pytest.raises(mien.ServerError):
            client.job(job.id)


def test_problems_are_errors_of_mien(server):
    with mien.Client(server.url) as client:
        with pytest.raises(mien.ServerError) as caught:
            client.images(b"no image")
        assert (caught.value.status, caught.value.code) == (422, "source_error")
        assert caught.value.request_id
        good, bad = client.images([ASTRONAUT, b"no image"])
        assert good.error is None
        assert bad.error.status == 422
        with pytest.raises(mien.SourceError):
            client.images("missing.jpg")
    with mien.Client("http://127.0.0.1:9") as client, pytest.raises(mien.ServerError) as caught:
        client.models()
    assert (caught.value.status, caught.value.code) == (0, "no_answer")


def test_another_server_is_not_understood(tmp_path):
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "models").write_text("<p>Hello")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with mien.Client(f"http://127.0.0.1:{other.server_port}") as client:
            for call, expected in (
                (client.models, (200, "unexpected_answer")),
                (lambda: client.job("1"), (404, "unknown")),
            ):
                with pytest.raises(mien.ServerError) as caught:
                    call()
                assert (caught.value.status, caught.value.code) == expected
        other.shutdown()


def test_feedback_is_given(server):
    with mien.Client(server.url) as client:
        (image,) = client.images(ASTRONAUT)
        identifier = image.readings[0].id
        given = client.feedback(identifier, "sad", annotator="ann", crop=png(), consent=True)
        assert (given.reading, given.emotion, given.annotator, given.image) == (identifier, "sad", "ann", True)
        with pytest.raises(mien.ServerError) as caught:
            client.feedback(identifier, "sad", crop=png())
        assert caught.value.code == "consent_missing"

    async def ask() -> bool:
        async with mien.AsyncClient(server.url) as client:
            return (await client.feedback(identifier, "happy")).image

    assert not run_async(ask())


#: The method of the clients for each operation of the interface; metrics and health are for other programs.
METHODS = {
    "POST /v1/images": "images",
    "POST /v1/faces": "faces",
    "POST /v1/videos": "video",
    "GET /v1/jobs/{identifier}": "job",
    "DELETE /v1/jobs/{identifier}": "cancel",
    "GET /v1/jobs/{identifier}/result": "result",
    "POST /v1/feedback": "feedback",
    "GET /v1/models": "models",
    "GET /healthz": None,
    "GET /readyz": None,
    "GET /metrics": None,
}


def test_clients_have_each_operation_with_its_parameters(server):
    """The clients are written by hand: this compares them with the OpenAPI document."""
    document = server.app.openapi()
    found = {
        f"{kind.upper()} {path}": entry for path, kinds in document["paths"].items() for kind, entry in kinds.items()
    }
    assert found.keys() == METHODS.keys()
    for operation, name in METHODS.items():
        if name is None:
            continue
        wanted = {one["name"] for one in found[operation].get("parameters", [])}
        content = found[operation].get("requestBody", {}).get("content", {})
        schema = next(iter(content.values()), {}).get("schema", {})
        wanted |= set(schema["properties"]) if operation == "POST /v1/feedback" else set()
        wanted -= {"min_face"} if name == "faces" else set()  # a crop is a face
        for kind in (mien.Client, mien.AsyncClient):
            given = set(inspect.signature(getattr(kind, name)).parameters) - {"self", "images", "crops", "video"}
            assert given == wanted, (kind, name)


def test_the_openapi_document_is_valid(server):
    validator = pytest.importorskip("openapi_spec_validator", reason="checks the OpenAPI document")
    document = server.app.openapi()
    validator.validate(document)
    answers = [entry["responses"] for kinds in document["paths"].values() for entry in kinds.values()]
    assert all("application/problem+json" in one["default"]["content"] for one in answers)
    assert "ProblemDetails" in document["components"]["schemas"]


def test_the_example_calls_the_server(server):
    script = EXAMPLES / "call_server.py"
    done = subprocess.run(
        [sys.executable, str(script), str(ASTRONAUT_FILE)],
        capture_output=True,
        text=True,
        check=True,
        env={"MIEN_SERVER": server.url, "PYTHONPATH": str(ROOT / "src")},
    )
    assert "happy 100%" in done.stdout
