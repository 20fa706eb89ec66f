"""Load on `mien serve`, beside a plain FastAPI endpoint and deepface's own server, on loopback.

    python benchmarks/serve.py --seconds 300
    python benchmarks/serve.py --seconds 60 --python others/bin/python   # with deepface, flask and gunicorn in it

Each server gets the same clients, one request at a time per client, with photos of 640 x 480 pixels. deepface runs with
random weights of its own network where its weights are not on the machine (marked *), and its default detector.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORM = b"mien-benchmark"


@dataclass
class Load:
    """What one server did: latencies in seconds of the good answers, and resident memory in MB over time."""

    name: str
    seconds: float
    latencies: list[float]
    errors: int
    memory: list[float]
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


def multipart(photo: bytes) -> tuple[bytes, str]:
    head = b"--" + FORM + b'\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    return head + photo + b"\r\n--" + FORM + b"--\r\n", f"multipart/form-data; boundary={FORM.decode()}"


def deepface_body(photo: bytes) -> tuple[bytes, str]:
    image = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    asked = {"img": image, "actions": ["emotion"], "detector_backend": "opencv", "enforce_detection": False}
    return json.dumps(asked).encode(), "application/json"


async def client(port: int, requests: list[bytes], first: int, until: float, load: Load) -> None:
    reader = writer = None
    number = first
    while time.perf_counter() < until:
        started = time.perf_counter()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(requests[number % len(requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            if b"connection: close" in head:
                writer.close()
                writer = None
            good = head.split(b" ", 2)[1] == b"200"
        except (OSError, asyncio.IncompleteReadError, ValueError):
            good, writer = False, None
        if good:
            load.latencies.append(time.perf_counter() - started)
        else:
            load.errors += 1
            await asyncio.sleep(0.05)
        number += 1


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its children."""
    pids = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in pids)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and its children."""
    pids = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    fields = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in pids]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


async def run_load(
    name: str, pid: int, port: int, path: str, bodies: list[tuple[bytes, str]], clients: int, seconds: float
) -> Load:
    requests = []
    for content, kind in bodies:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        requests.append(head.encode() + content)
    warm = Load(name, 1, [], 0, [])
    await asyncio.gather(*(client(port, requests, n, time.perf_counter() + 5, warm) for n in range(4)))
    load = Load(name, seconds, [], 0, [memory_mb(pid)])
    begin, used = time.perf_counter(), cpu_seconds(pid)

    async def watch() -> None:
        while True:
            await asyncio.sleep(5)
            load.memory.append(memory_mb(pid))

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(port, requests, n, begin + seconds, load) for n in range(clients)))
    watching.cancel()
    load.seconds = time.perf_counter() - begin
    load.memory.append(memory_mb(pid))
    load.cpu_s = cpu_seconds(pid) - used
    return load


def measure(name: str, command: list[str], path: str, port: int, bodies: list, clients: int, seconds: float) -> Load:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PORT": str(port)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            except urllib.error.HTTPError:
                break
            except OSError:
                if process.poll() is not None:
                    sys.exit(f"{name} did not start: {' '.join(command)}")
                time.sleep(0.1)
            else:
                break
        return asyncio.run(run_load(name, process.pid, port, path, bodies, clients, seconds))
    finally:
        process.terminate()
        process.wait(60)


def serve_plain(port: int, shared: bool) -> None:
    """A FastAPI endpoint as a user would write it: one Reader for all, or `mien.read` in each call."""
    import uvicorn
    from fastapi import FastAPI, UploadFile

    import mien

    app, reader = FastAPI(), mien.Reader()

    def read(files):
        return (reader.read if shared else mien.read)(files.file.read()).to_dicts()

    read.__annotations__ = {"files": UploadFile}  # FastAPI cannot look up names inside a function
    app.post("/read")(read)
    uvicorn.run(app, port=port, log_level="error")


def serve_deepface(port: int) -> None:
    """deepface's own application under gunicorn, as in its Dockerfile; runs in the other environment."""
    adapter = runpy.run_path(str(ROOT / "benchmarks" / "adapters" / "deepface_adapter.py"))
    adapter["open_reader"]({"engine": "onnx"}, 0)
    from deepface.api.src.app import create_app
    from gunicorn.app.base import BaseApplication

    class Application(BaseApplication):
        def load_config(self) -> None:
            for name, value in (("bind", f"127.0.0.1:{port}"), ("workers", 1), ("timeout", 3600), ("backlog", 2048)):
                self.cfg.set(name, value)

        def load(self) -> object:
            return create_app()

    Application().run()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def table(loads: list[Load]) -> str:
    import numpy as np

    lines = [
        "| server | answers | errors | images/s | ratio | CPU ms/image | p50 ms | p95 ms | p99 ms | MB at start, end |"
    ]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for load in loads:
        quantiles = 1000 * np.quantile(load.latencies, [0.5, 0.95, 0.99]) if load.latencies else [float("nan")] * 3
        ratio = loads[0].rate / load.rate if load.rate else float("inf")
        memory = f"{load.memory[min(1, len(load.memory) - 1)]:.0f}, {load.memory[-1]:.0f}"
        cells = f"{load.name} | {len(load.latencies):,} | {load.errors:,} | {load.rate:.1f} | {ratio:.2f}"
        cells += f" | {1000 * load.cpu_s / max(1, len(load.latencies)):.0f}"
        lines.append(f"| {cells} | {quantiles[0]:.0f} | {quantiles[1]:.0f} | {quantiles[2]:.0f} | {memory} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="for each server, at most 1800")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--python", help="interpreter that has deepface, flask and gunicorn")
    parser.add_argument("--only", nargs="*", help="servers to measure")
    parser.add_argument("--serve", choices=("plain", "naive", "deepface"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        port = int(os.environ["PORT"])
        serve_deepface(port) if given.serve == "deepface" else serve_plain(port, given.serve == "plain")
        return
    loads: list[Load] = []
    from mien.benchmarking.images import synthetic_images

    seconds = min(1800.0, given.seconds)
    this = [sys.executable, __file__, "--serve"]
    with tempfile.TemporaryDirectory() as folder:
        files = [path.read_bytes() for path in synthetic_images(Path(folder), 10, (640, 480)).paths]
        for name in ("mien serve", "plain", "naive", "deepface"):
            if (given.only and name not in given.only) or (name == "deepface" and not given.python):
                continue
            port = free_port()
            served = [sys.executable, "-m", "mien", "serve", "--port", str(port), "--data-dir", folder]
            served += ["--set", "rate_limit=100000000", "--set", f"queue_size={2 * given.clients}"]
            command, path, bodies = {
                "mien serve": (served, "/v1/images", [multipart(photo) for photo in files]),
                "plain": ([*this, "plain"], "/read", [multipart(photo) for photo in files]),
                "naive": ([*this, "naive"], "/read", [multipart(photo) for photo in files]),
                "deepface": (
                    [given.python, __file__, "--serve", "deepface"],
                    "/analyze",
                    [deepface_body(p) for p in files],
                ),
            }[name]
            loads.append(measure(name, command, path, port, bodies, given.clients, seconds))
            print(table(loads[-1:]).splitlines()[-1], file=sys.stderr)
    print(f"{given.clients} clients, {seconds:g} s each, photos of 640 x 480 pixels, {os.cpu_count()} cores\n")
    print(table(loads))


if __name__ == "__main__":
    main()
