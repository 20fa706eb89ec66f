"""Reading opens no network connection, neither from Python nor from native code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import EXAMPLES

#: Runs a command and tells of every event of Python's sockets; native code raises none, so ``strace`` looks below.
WATCHED = """
import sys
sys.addaudithook(lambda event, given: event.startswith("socket.") and sys.stderr.write(f"SOCKET {event} {given[1:]}\\n"))
import mien
sys.argv = ["mien", *sys.argv[1:]]
if sys.argv[1:]:
    from mien.cli.app import main
    main()
"""
#: On being imported, urllib3 (by requests, by supervision, which follows faces) tries whether this machine has IPv6: it
#: binds a socket to the machine's own address, listens to nothing and closes it.
OF_URLLIB3 = [("socket.__new__", "(10, 1, 0)"), ("socket.bind", "(('::1', 0),)")]
OF_URLLIB3_BELOW = re.compile(
    r"socket\(AF_INET6, SOCK_STREAM|bind\(\d+, \{sa_family=AF_INET6, sin6_port=htons\(0\).*\"::1\""
)
ASTRONAUT = str(EXAMPLES / "astronaut.png")


@pytest.fixture(scope="module")
def commands(clip, tmp_path_factory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("out")
    rows = "\n".join(f"happy,{'happy' if n % 3 else 'sad'},{'ab'[n % 2]}" for n in range(120))
    (folder / "said.csv").write_text(f"truth,predicted,group\n{rows}\n", "utf-8")
    video = [
        "read",
        str(clip),
        "--interval",
        "500ms",
        "--out",
        str(folder / "a.csv"),
        "--annotate",
        str(folder / "a.mp4"),
    ]
    return {
        "import": [],
        "photo": ["read", ASTRONAUT, "--annotate", str(folder / "marked"), "--mask-others"],
        "video": video,
        "explain": ["explain", ASTRONAUT, "--model", "tiny", "--out", str(folder / "why.html")],
        "fairness": ["audit", "fairness", str(folder / "said.csv"), "--groups", "group", "--resamples", "200"],
    }


def socket_events(said: str) -> list[tuple[str, str]]:
    return [(event, given) for event, given in re.findall(r"^SOCKET (\S+) (.*)$", said, re.MULTILINE)]


@pytest.mark.parametrize("name", ["import", "photo", "video", "explain", "fairness"])
def test_no_connection_is_opened(commands, name, tmp_path):
    strace = shutil.which("strace")
    trace = tmp_path / "trace"
    start = [strace, "-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o", str(trace)] if strace else []
    if start and subprocess.run([*start, "true"], capture_output=True, check=False).returncode:
        start = []
    done = subprocess.run(
        [*start, sys.executable, "-c", WATCHED, *again(commands[name], tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events = socket_events(done.stderr)
    assert [event for event in events if event not in OF_URLLIB3] == []
    assert not events or name in {"video", "fairness"}
    if not start:
        pytest.skip(
            "Python's own sockets were watched; what native code does could not be: strace is missing or forbidden"
        )
    calls = [line for line in trace.read_text("utf-8").splitlines() if not OF_URLLIB3_BELOW.search(line)]
    assert calls == []


def again(command: list[str], folder: Path) -> list[str]:
    """The command with outputs of its own."""
    return [str(folder / Path(word).name) if "/out" in word and "said.csv" not in word else word for word in command]


def test_it_reads_without_a_network():
    cut_off = ["unshare", "--map-root-user", "--net"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*cut_off, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("network namespaces are missing or forbidden here")
    done = subprocess.run(
        [*cut_off, sys.executable, "-m", "mien", "read", ASTRONAUT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "happy" in done.stdout) == (0, True), done.stderr


def test_importing_the_runtime_reports_nothing_and_leaves_the_environment_alone(tmp_path):
    """onnxruntime would report some seconds after its import, and leave an identifier in the cache folder."""
    code = """
import os, sys, time
before = dict(os.environ)
from mien.model.session import open_session
assert dict(os.environ) == before
time.sleep(8)
"""
    environment = {name: value for name, value in os.environ.items() if name not in {"ORT_DISABLE_TELEMETRY", "CI"}}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    trace = tmp_path / "trace"
    strace = shutil.which("strace")
    start = [strace, "-f", "-qq", "-e", "trace=network", "-e", "signal=none", "-o", str(trace)] if strace else []
    if start and subprocess.run([*start, "true"], capture_output=True, check=False).returncode:
        start = []
    subprocess.run([*start, sys.executable, "-c", code], check=True, env=environment)
    assert not list(tmp_path.rglob("*onnxruntime*"))
    assert not start or trace.read_text("utf-8") == ""


def test_the_memory_watch_finds_a_leak():
    code = WATCHED.replace("import mien\n", "import socket\nsocket.socket().close()\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [event for event, _ in socket_events(done.stderr)] == ["socket.__new__"]
