"""Video jobs and streams over HTTP."""

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

pytest.importorskip("av", reason="videos need the extra video")

import numpy as np
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mien import ReadOptions, process_video
from mien.io.tables import columns
from mien.serve.keys import KeyFile

from .conftest import ASTRONAUT, run_async, running


def upload(client: httpx.Client, clip, **parameters) -> httpx.Response:
    return client.post("/v1/videos", params=parameters, files={"file": ("clip.mp4", clip.read_bytes())})


def ended(client: httpx.Client, job: dict, **headers) -> dict:
    while job["state"] in ("queued", "running"):
        time.sleep(0.05)
        job = client.get(f"/v1/jobs/{job['id']}", headers=headers).json()
    return job


def test_a_job_gives_the_result_of_process_video(server, client, clip):
    accepted = upload(client, clip, interval_s=0.2)
    assert accepted.status_code == 202
    assert accepted.headers["location"] == f"/v1/jobs/{accepted.json()['id']}"
    job = ended(client, accepted.json())
    result = process_video(clip, ReadOptions(detector="mien"), interval_s=0.2)
    assert (job["state"], job["faces"], job["error"]) == ("done", result.faces, None)
    rows = [json.loads(line) for line in client.get(f"/v1/jobs/{job['id']}/result").text.splitlines()]
    assert [row["emotion"] for row in rows] == [row["emotion"] for row in result.rows]
    table = client.get(f"/v1/jobs/{job['id']}/result", params={"format": "csv"}).text
    assert tuple(table.splitlines()[0].split(",")) == columns(result.emotions, video=True)
    parquet = client.get(f"/v1/jobs/{job['id']}/result", params={"format": "parquet"})
    assert parquet.content[:4] == b"PAR1"
    assert not (server.settings.data_dir / "jobs" / job["id"] / "video").exists()
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 200
    assert client.get(f"/v1/jobs/{job['id']}").json()["code"] == "job_not_found"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"no video", 422), (b"", 422), (ASTRONAUT, 422), (b"#EXTM3U\n#EXTINF:1,\n/etc/hosts\n", 422)],
)
def test_files_that_are_no_video_are_refused(server, client, content, status):
    answer = client.post("/v1/videos", files={"file": ("clip.mp4", content)})
    assert answer.status_code == status
    assert not [path for path in (server.settings.data_dir / "jobs").glob("*/*") if path.name == "video"]


def test_videos_and_jobs_are_limited(tmp_path, clip):
    with running(tmp_path, max_video_s=1) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert upload(client, clip).json()["code"] == "video_too_long"
    with running(tmp_path, max_video_mb=0.01) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert upload(client, clip).json()["code"] == "body_too_large"
    with running(tmp_path, max_jobs=1) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        answers = [upload(client, clip) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {202, 429}
        client.delete(answers[0].headers["location"])


def test_a_job_can_be_canceled(client, clip):
    first, second = upload(client, clip).json(), upload(client, clip).json()
    assert client.delete(f"/v1/jobs/{second['id']}").json()["state"] == "canceled"
    assert client.get(f"/v1/jobs/{second['id']}/result").json()["code"] == "job_not_done"
    assert ended(client, first)["state"] == "done"
    assert client.get(f"/v1/jobs/{second['id']}").json()["state"] == "canceled"


def test_a_job_belongs_to_its_key(tmp_path, clip):
    keys = KeyFile(tmp_path / "keys.json")
    mine, other = ({"x-api-key": keys.add(name)} for name in ("a", "b"))
    with running(tmp_path) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        job = client.post("/v1/videos", files={"file": ("c", clip.read_bytes())}, headers=mine).json()
        assert client.get(f"/v1/jobs/{job['id']}", headers=other).status_code == 404
        assert client.delete(f"/v1/jobs/{job['id']}", headers=other).status_code == 404
        assert ended(client, job, **mine)["state"] == "done"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_server_loses_no_accepted_job(tmp_path, clip, sign):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--port", str(port), "--data-dir", str(tmp_path), "--set", "detector=mien"]
    command = [sys.executable, "-m", "mien", "serve", *words]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        jobs = []
        for attempt in range(2):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            for _ in range(600):
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            if attempt == 0:
                jobs = [upload(client, clip).json() for _ in range(3)]
                os.kill(process.pid, sign)
                process.wait(60)
        states = [ended(client, job) for job in jobs]
        process.terminate()
        process.wait(60)
    assert [job["state"] for job in states] == ["done"] * 3
    assert len({job["faces"] for job in states} - {None}) == 1


def jpeg(shift: int = 0) -> bytes:
    image = np.roll(np.asarray(Image.open(io.BytesIO(ASTRONAUT)).convert("RGB")), shift, 1)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg")
    return file.getvalue()


def test_a_stream_tracks_people_and_answers_errors(server):
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream?emotions=four") as stream:
        answers = []
        for content in (jpeg(), jpeg(4), b"no image", jpeg(8)):
            stream.send(content)
            answers.append(json.loads(stream.recv(30)))
        stream.send("text")
        assert json.loads(stream.recv(30))["error"]["status"] == 422
    assert [answer["frame"] for answer in answers] == [0, 1, 2, 3]
    assert answers[2]["error"]["code"] == "source_error"
    rows = [answers[place]["readings"][0] for place in (0, 1, 3)]
    assert [(row["track_id"], row["emotion"]) for row in rows] == [(1, "happy")] * 3
    assert "frame_happy" in rows[0]


def test_a_stream_drops_stale_frames(server):
    frames = [jpeg(number) for number in range(30)]
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream") as stream:
        for content in frames:
            stream.send(content)
        answers = []
        while not answers or answers[-1]["frame"] < 29:
            answers.append(json.loads(stream.recv(30)))
    assert len(answers) < 30
    assert sum(answer["dropped"] for answer in answers) + len(answers) == 30


def test_streams_are_limited_and_guarded(tmp_path):
    with running(tmp_path, max_streams=1, body_timeout_s=1) as server:
        url = f"ws://127.0.0.1:{server.port}/v1/stream"
        with connect(url) as stream:
            assert refused(url) == 429
            with pytest.raises(ConnectionClosed):
                stream.recv(30)  # nothing was sent in time
        assert refused(url, origin="https://example.org") == 403
        assert refused(f"{url}?head=none") == 400
        KeyFile(tmp_path / "keys.json").add("a")
        time.sleep(1.1)
        assert refused(url) == 401


def refused(url: str, **more) -> int:
    """The status with which a stream is refused."""
    with pytest.raises(InvalidStatus) as caught, connect(url, **more):
        pass
    return caught.value.response.status_code


def test_many_streams_share_the_engine(server):
    async def one() -> int:
        from websockets.asyncio.client import connect as open_stream

        async with open_stream(f"ws://127.0.0.1:{server.port}/v1/stream") as stream:
            for _ in range(3):
                await stream.send(jpeg())
                answer = json.loads(await stream.recv())
            return answer["readings"][0]["track_id"]

    async def several() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(6)))

    assert run_async(several()) == [1] * 6
