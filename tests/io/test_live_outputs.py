"""Live outputs, received by other libraries."""

import contextlib
import json
import math
import socket
import threading
import time

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import mien
from mien import Address, Box, Face, Frame, LslStream, OscMessages, Reading, WebSocketServer
from mien.errors import OptionError, OutputError
from mien.io.live_outputs import LSL_CHANNELS
from mien.io.tables import rows
from mien.io.video_sinks import SinkContext

EMOTIONS = mien.LABEL_SETS["four"]
CONTEXT = SinkContext("camera 0", None, EMOTIONS, {})
IMAGE = np.zeros((2, 2, 3), np.uint8)


def free_port(kind=socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def frame(index: int) -> Frame:
    return Frame(IMAGE, "camera 0", index, index / 4)


def reading(track: int, shares=(0.75, 0.125, 0.125, 0.0)) -> Reading:
    values = np.array(shares, np.float32)
    return Reading(Face(Box(1, 2, 31, 42), 0.875), EMOTIONS, values, track_id=track, frame_probabilities=values)


def test_addresses():
    assert Address.parse("9000") == Address(9000, "127.0.0.1")
    assert Address.parse("localhost:9000") == Address(9000, "127.0.0.1")
    assert Address.parse(" 192.168.1.5:80 ") == Address(80, "192.168.1.5")
    assert Address.parse("[::1]:9000") == Address(9000, "::1")
    assert str(Address(9000, "::1")) == "[::1]:9000"
    for wrong in ("", "host", ":9000", "host:", "0", "65536", "-1", "9000x", "\u0669"):
        with pytest.raises(OptionError):
            Address.parse(wrong)


def test_osc_messages_are_received_by_python_osc():
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer

    found = {}
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: found.__setitem__(address, values))
    with BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server:
        server.timeout = 5
        with OscMessages(Address(server.server_address[1])).open(CONTEXT) as sink:
            sink.write(frame(2), [reading(7), reading(9)])
            for _ in range(3):
                server.handle_request()
    assert found["/mien/frame"] == (2, 0.5, 2)
    assert found["/mien/face/7/emotion"] == ("happy", 0.75, 0)
    assert found["/mien/face/9/box"] == (1, 2, 31, 42)
    assert {name: found[f"/mien/face/7/{name}"] for name in EMOTIONS} == {
        "happy": (0.75,), "sad": (0.125,), "surprise": (0.125,), "neutral": (0.0,),
    }  # fmt: skip


def test_osc_goes_on_without_a_listener():
    with OscMessages(Address(free_port(socket.SOCK_DGRAM))).open(CONTEXT) as sink:
        for index in range(20):
            sink.write(frame(index), [reading(1)])


def test_unknown_hosts_are_reported_at_once():
    with pytest.raises(OutputError), OscMessages(Address(9000, "no-such-host.invalid")).open(CONTEXT):
        pass
    with pytest.raises(OutputError), WebSocketServer(Address(9000, "no-such-host.invalid")).open(CONTEXT):
        pass


def test_websocket_clients_receive_rows():
    port = free_port()
    with WebSocketServer(Address(port)).open(CONTEXT) as sink:
        with connect(f"ws://127.0.0.1:{port}") as first, connect(f"ws://127.0.0.1:{port}") as second:
            time.sleep(0.3)
            first.send("ignored")
            sink.write(frame(1), [reading(7)])
            sink.write(frame(2), [])
            for client in (first, second):
                one, two = (json.loads(client.recv(timeout=5)) for _ in range(2))
                assert one["faces"] == rows(frame(1), [reading(7)], EMOTIONS, video=True)
                assert (one["schema"], one["source"], one["frame"], one["time_s"]) == (1, "camera 0", 1, 0.25)
                assert (two["frame"], two["faces"]) == (2, [])
        sink.write(frame(3), [])  # without clients


def test_websocket_sends_the_rest_and_closes():
    port = free_port()
    received = []

    def listen():
        with connect(f"ws://127.0.0.1:{port}") as client:
            received.extend(client)

    listener = threading.Thread(target=listen)
    with WebSocketServer(Address(port)).open(CONTEXT) as sink:
        listener.start()
        time.sleep(0.5)
        for index in range(50):
            sink.write(frame(index), [reading(1)])
    listener.join(5)
    assert [json.loads(message)["frame"] for message in received] == list(range(50))
    with pytest.raises(ConnectionRefusedError), connect(f"ws://127.0.0.1:{port}"):
        pass


def test_slow_clients_do_not_stop_the_video():
    port = free_port()
    with WebSocketServer(Address(port)).open(CONTEXT) as sink, contextlib.closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        time.sleep(0.3)
        started = time.monotonic()
        for index in range(3000):
            sink.write(frame(index), [reading(n) for n in range(1, 6)])
        assert time.monotonic() - started < 30
        slow.close()


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1.example.com"])
def test_pages_of_other_origins_are_refused(origin):
    port = free_port()
    with WebSocketServer(Address(port)).open(CONTEXT):
        with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{port}", origin=origin):
            pass
        assert caught.value.response.status_code == 403
        with connect(f"ws://127.0.0.1:{port}", origin="http://localhost:8000"):
            pass


def test_ports_in_use_are_reported():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OutputError), WebSocketServer(Address(port)).open(CONTEXT):
            pass


def test_lsl_inlets_receive_samples():
    pylsl = pytest.importorskip("pylsl", reason="liblsl cannot be loaded")
    with LslStream("mien-test").open(CONTEXT) as sink:
        (info,) = pylsl.resolve_byprop("name", "mien-test", timeout=5) or [None]
        if info is None:
            pytest.skip("this system does not deliver multicast on loopback")
        inlet = pylsl.StreamInlet(info)
        inlet.open_stream(timeout=5)
        before = pylsl.local_clock()
        sink.write(frame(4), [reading(7)])
        sink.write(frame(5), [])
        (one, stamp), (two, _) = (inlet.pull_sample(timeout=5) for _ in range(2))
        full = inlet.info()
    assert (full.type(), full.nominal_srate()) == ("Expression", 0)
    assert full.get_channel_labels() == [*LSL_CHANNELS, *EMOTIONS]
    names = dict(zip(full.get_channel_labels(), one))
    assert (names["frame"], names["time_s"], names["track_id"], names["happy"]) == (4, 1.0, 7, 0.75)
    assert (names["x0"], names["y1"], names["abstained"]) == (1, 42, 0)
    assert 0 <= stamp - before < 5
    assert two[:2] == [5, 1.25]
    assert all(math.isnan(value) for value in two[2:])


def test_lsl_needs_a_name():
    with pytest.raises(OptionError):
        LslStream(" ").check()
