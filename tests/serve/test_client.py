"""The clients, against a real server."""

import asyncio
import subprocess
import sys

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
        assert client.models()["served"]["name"] == "default"


def test_the_asynchronous_client_gives_the_same(server):
    async def ask() -> list:
        async with mien.AsyncClient(server.url) as client:
            assert (await client.models())["served"]["name"] == "default"
            assert (await client.faces(png()))[0].readings
            return await asyncio.gather(*(client.images(str(ASTRONAUT_FILE)) for _ in range(4)))

    assert [images[0].readings[0].emotion for images in run_async(ask())] == ["happy"] * 4


def test_clients_read_videos(server, clip):
    async def ask() -> bytes:
        async with mien.AsyncClient(server.url) as client:
            job = await client.video(clip, interval_s=0.5)
            while job["state"] in ("queued", "running"):
                await asyncio.sleep(0.05)
                job = await client.job(job["id"])
            table = await client.result(job["id"], "csv")
            await client.cancel(job["id"])
            return table

    with mien.Client(server.url) as client:
        job = client.video(clip, interval_s=0.5)
        while job["state"] in ("queued", "running"):
            job = client.job(job["id"])
        assert client.result(job["id"], "csv") == run_async(ask())
        client.cancel(job["id"])
        with pytest.raises(mien.ServerError):
            client.job(job["id"])


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
