"""Keys, rates, hosts, origins, slow clients, full queues, random bodies."""

import json
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mien.errors import OptionError
from mien.serve.keys import KeyFile, RateLimiter
from mien.serve.server import check_exposure
from mien.serve.settings import ServeSettings, load_settings

from ..conftest import ROOT
from .conftest import ASTRONAUT, files, png, running

EVERYWHERE = "0.0.0.0"  # noqa: S104 - to be refused


def test_other_addresses_need_keys(tmp_path):
    for host in (EVERYWHERE, "::", "192.0.2.1", "example.org"):
        with pytest.raises(OptionError) as caught:
            check_exposure(load_settings(None, {"host": host, "data_dir": tmp_path}))
        assert caught.value.field == "host"
        check_exposure(load_settings(None, {"host": host, "data_dir": tmp_path, "insecure": True}))
    check_exposure(load_settings(None, {"host": "::1", "data_dir": tmp_path}))
    KeyFile(tmp_path / "keys.json").add("a")
    check_exposure(load_settings(None, {"host": EVERYWHERE, "data_dir": tmp_path}))


def test_keys_are_hashed_several_and_revocable(tmp_path):
    file = KeyFile(tmp_path / "keys.json")
    first, second = file.add("first"), file.add("second", 5)
    assert first not in file.path.read_text()
    assert file.path.stat().st_mode & 0o077 == 0
    assert file.find(second).rate == 5
    with pytest.raises(OptionError):
        file.add("first")
    file.revoke("first")
    fresh = KeyFile(file.path)
    assert fresh.find(first) is None
    assert fresh.find(second).name == "second"
    assert fresh.find("mien_guess") is None
    with pytest.raises(OptionError):
        file.revoke("first")


def test_a_deleted_key_file_allows_no_request(tmp_path):
    file = KeyFile(tmp_path / "keys.json")
    file.add("a")
    assert file.required()
    file.path.unlink()
    file._checked = -9
    assert file.required()


def test_requests_need_a_valid_key_and_each_has_its_rate(tmp_path):
    keys = KeyFile(tmp_path / "keys.json")
    key, slow = keys.add("a"), keys.add("slow", 2)
    with running(tmp_path) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        for headers in ({}, {"x-api-key": "mien_wrong"}, {"authorization": "Bearer"}):
            answer = client.get("/v1/models", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert client.get("/metrics").status_code == 401
        assert client.get("/healthz").status_code == 200
        assert client.get("/v1/models", headers={"x-api-key": key}).status_code == 200
        assert client.get("/v1/models", headers={"authorization": f"Bearer {key}"}).status_code == 200
        answers = [client.get("/v1/models", headers={"x-api-key": slow}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[2].headers["retry-after"]) <= 31
        keys.revoke("a")
        time.sleep(1.1)
        assert client.get("/v1/models", headers={"x-api-key": key}).status_code == 401


def test_rates_are_per_caller():
    limiter = RateLimiter()
    assert [limiter.wait_s("a", 2) > 0 for _ in range(3)] == [False, False, True]
    assert limiter.wait_s("b", 2) == 0


def test_web_pages_and_other_names_are_refused(client):
    assert client.get("/v1/models", headers={"origin": "https://example.org"}).status_code == 403
    assert client.get("/v1/models", headers={"host": "example.org:80"}).status_code == 421
    assert client.get("/v1/models", headers={"host": "localhost:80"}).status_code == 200


def test_listed_origins_may_call(tmp_path):
    with running(tmp_path, cors_origins=("https://example.org",)) as server:
        answer = httpx.get(f"{server.url}/v1/models", headers={"origin": "https://example.org"})
        assert answer.headers["access-control-allow-origin"] == "https://example.org"


def closed_after(server, sent: bytes) -> bytes:
    """What a client gets that sends this and no more, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(20)
        connection.sendall(sent)
        got = b""
        while part := connection.recv(65536):
            got += part
        return got


def test_slow_clients_are_cut_off_and_others_served(tmp_path):
    limits = {"header_timeout_s": 1, "body_timeout_s": 1}
    head = (
        b"POST /v1/images HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    )
    done = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with running(tmp_path, **limits) as server, ThreadPoolExecutor(30) as pool:
        slow = [pool.submit(closed_after, server, sent) for sent in (b"", b"GET / HT", head, done + b"GET /") * 5]
        answer = httpx.post(f"{server.url}/v1/images", files=files(ASTRONAUT), timeout=60)
        assert answer.status_code == 200
        got = [future.result() for future in slow]
    assert got[0] == got[1] == b""
    assert got[2].startswith(b"HTTP/1.1 408")
    assert got[3].startswith(b"HTTP/1.1 200")


def test_connections_are_limited(tmp_path):
    with running(tmp_path, max_connections=4) as server:
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(6)]
        time.sleep(0.2)
        assert httpx.get(f"{server.url}/healthz").status_code == 503
        for connection in held:
            connection.close()
        time.sleep(0.2)
        assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_a_full_queue_refuses_requests_without_losing_any(tmp_path):
    large = png(1500, 1500)
    with running(tmp_path, queue_size=2, max_files=2, max_crops=32, workers=1) as server:

        def ask(_number: int) -> httpx.Response:
            return httpx.post(f"{server.url}/v1/images", files=files(large), timeout=60)

        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(ask, range(24)))
        assert {answer.status_code for answer in answers} == {200, 429}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["code"] == "queue_full"
        assert server.server.engine.pending == 0
        assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_total_size_of_concurrent_bodies_is_limited(tmp_path):
    with running(tmp_path, max_inflight_mb=1) as server:
        head = b"POST /v1/images HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\n"
        head += b"content-type: application/json\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as held:
            held.sendall(head + b" " * 900_000)
            time.sleep(0.3)
            answer = httpx.post(f"{server.url}/v1/images", files=files(ASTRONAUT), timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (429, "bodies_too_large")
        time.sleep(0.3)
        assert httpx.post(f"{server.url}/v1/images", files=files(ASTRONAUT), timeout=60).status_code == 200


def test_slow_decoding_times_out(tmp_path):
    with running(tmp_path, request_timeout_s=0.001) as server:
        answer = httpx.post(f"{server.url}/v1/images", files=files(ASTRONAUT), timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (503, "request_timeout")
        assert server.server.engine.pending == 0


def mutated(body: bytes, rng: random.Random) -> bytes:
    """A body with bytes changed, cut out, repeated or put in."""
    content = bytearray(body)
    for _ in range(rng.randint(1, 12)):
        at, length = rng.randrange(len(content) or 1), rng.choice((1, 2, 8, 64, 1000))
        kind = rng.randrange(4)
        if kind == 0:
            content[at : at + 1] = rng.randbytes(1)
        elif kind == 1:
            del content[at : at + length]
        elif kind == 2:
            content[at:at] = content[at : at + length]
        else:
            content[at:at] = rng.randbytes(length)
    return bytes(content)


def test_random_bodies_get_no_server_error(server):
    rng = random.Random(0)  # noqa: S311
    request = httpx.Request("POST", server.url, files=files(png(), ASTRONAUT[:60_000]))
    multipart = request.read(), request.headers["content-type"]
    encoded = json.dumps({"images": [{"data": "iVBORw0KGgo=", "name": "a"}]}).encode(), "application/json"
    statuses = set()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(300):
            body, kind = (multipart, encoded)[number % 3 == 0]
            kind = mutated(kind.encode(), rng) if number % 7 == 0 else kind.encode()
            kind = bytes(byte for byte in kind if 32 <= byte < 127).strip()
            route = rng.choice(("/v1/images", "/v1/faces"))
            headers = {"content-type": kind}
            statuses.add(client.post(route, content=mutated(body, rng), headers=headers).status_code)
    assert max(statuses) < 500, statuses
    assert 400 in statuses


def test_random_bytes_do_not_stop_the_server(server):
    rng = random.Random(1)  # noqa: S311
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(rng.randbytes(rng.randint(1, 500)))
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_settings_come_from_options_environment_and_file(tmp_path, monkeypatch):
    file = tmp_path / "serve.toml"
    file.write_text('max_files = 3\nmax_batch = 5\nport = 1\ncors_origins = ["https://a.org"]\n')
    monkeypatch.setenv("MIEN_SERVE_MAX_BATCH", "6")
    monkeypatch.setenv("MIEN_SERVE_PORT", "2")
    settings = load_settings(file, {"port": 3})
    assert (settings.max_files, settings.max_batch, settings.port) == (3, 6, 3)
    assert settings.cors_origins == ("https://a.org",)


@pytest.mark.parametrize(
    ("environment", "text", "options"),
    [
        ({"MIEN_SERVE_TYPO": "1"}, "", {}),
        ({"MIEN_SERVE_PORT": "x"}, "", {}),
        ({"MIEN_SERVE_CORS_ORIGINS": "["}, "", {}),
        ({}, "typo = 1", {}),
        ({}, "port =", {}),
        ({}, "", {"max_files": 0}),
        ({}, "", {"max_files": 65}),
        ({}, "", {"emotions": "nine"}),
    ],
)
def test_wrong_settings_are_errors(tmp_path, monkeypatch, environment, text, options):
    (tmp_path / "serve.toml").write_text(text)
    for name, content in environment.items():
        monkeypatch.setenv(name, content)
    with pytest.raises(OptionError):
        load_settings(tmp_path / "serve.toml", options)
    with pytest.raises(OptionError):
        load_settings(tmp_path / "missing.toml")


def test_the_command_serves_and_finishes_what_it_accepted(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--port", str(port), "--data-dir", str(tmp_path), "--set", "detector=mien", "--set", "workers=1"]
    words += ["--set", "request_timeout_s=300", "--set", "shutdown_timeout_s=300"]
    process = subprocess.Popen([sys.executable, "-m", "mien", "serve", *words], stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.1)
    large = png(1500, 1500)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(httpx.post, f"{url}/v1/images", files=files(large), timeout=300) for _ in range(8)]
        while "_queue_images 0.0" in httpx.get(f"{url}/metrics").text:
            time.sleep(0.02)
        time.sleep(0.3)
        process.terminate()
        assert [future.result().status_code for future in asked] == [200] * 8
    _, lines = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(lines.splitlines()[0])["event"] == "listening"


def test_the_command_refuses_other_addresses(tmp_path):
    words = ["--host", EVERYWHERE, "--port", "0", "--data-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "mien", "serve", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2


def test_the_reference_lists_every_setting_with_its_default():
    text = (ROOT / "docs" / "reference" / "server.md").read_text("utf-8")
    rows = [[cell.strip(" `") for cell in line.split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    listed = {row[0].strip("| `"): row[1] for row in rows if row[0].strip("| `") in ServeSettings.model_fields}
    assert list(listed) == list(ServeSettings.model_fields)
    for name, field in ServeSettings.model_fields.items():
        value = field.default
        shown = str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else value
        assert listed[name] == ("none" if value is None else "[]" if value == () else str(shown))
