"""Live outputs for other programs: Lab Streaming Layer, Open Sound Control, WebSocket; on loopback by default."""

from __future__ import annotations

import json
import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import MissingExtraError, OptionError, OutputError
from ..extras import check_installed, require
from ..types import Frame, Reading
from .tables import SCHEMA_VERSION, rows
from .video_sinks import OpenSink, SinkContext, VideoSink

LOOPBACK = "127.0.0.1"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
#: Columns of rows that precede the probabilities in a sample of LSL.
LSL_CHANNELS = ("frame", "time_s", "face", "track_id", "x0", "y0", "x1", "y1", "score", "confidence", "abstained")
#: Frames kept for a client that reads too slowly; older ones are dropped.
_WAITING = 60
#: A client's thread looks this often whether the video has ended, and has this long to send the rest, in seconds.
_POLL_S, _LAST_S = 0.1, 2.0
#: What clients may send, in bytes: nothing is expected from them.
_MAX_REQUEST = 1024


@dataclass(frozen=True)
class Address:
    """Where to send or listen.

    Attributes:
        port: 1 to 65535.
        host: name or IP address.
    """

    port: int
    host: str = LOOPBACK

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise OptionError(f"port: got {self.port}, expected 1 to 65535", field="port", value=self.port)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse ``9000``, ``192.168.1.5:9000`` or ``[::1]:9000``; without a host it is loopback.

        Raises:
            OptionError: it is none.
        """
        host, colon, port = text.strip().rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (port.isdecimal() and port.isascii()) or (colon and not host):
            message = f"address: got {text!r}, expected PORT or HOST:PORT such as 9000 or 192.168.1.5:9000"
            raise OptionError(message, field="address", value=text)
        # "localhost" may mean ::1, where programs that listen at 127.0.0.1 hear nothing
        return cls(int(port), LOOPBACK if host.lower() in ("", "localhost") else host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class LslStream(VideoSink):
    """A stream of the Lab Streaming Layer (LSL), which LabRecorder and the software of EEG devices record.

    A sample per face: the channels ``LSL_CHANNELS`` and one per emotion, float64, with the values of a table. A frame
    without a face is one sample in which all but ``frame`` and ``time_s`` are NaN. Time stamps are those of LSL's clock
    when the frame was read; the rate is irregular, and the type is ``Expression``.

    Other computers do not find the stream, unless the environment variable ``LSLAPICFG`` names a configuration of LSL. LSL
    cannot be bound to loopback: its ports, from 16571 on, need a firewall if the network is not trusted.

    Args:
        name: of the stream.
    """

    name: str

    def check(self) -> None:
        """Raise if the name is empty or pylsl is missing."""
        if not self.name.strip():
            raise OptionError("lsl: the name is empty, expected a name such as mien", field="lsl", value=self.name)
        check_installed(["pylsl"], "stream")

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Publish the stream until the end of the video."""
        try:
            lsl = require("pylsl", "stream")
        except (RuntimeError, OSError) as error:
            hint = "Install liblsl: https://labstreaminglayer.readthedocs.io"
            raise MissingExtraError(f"liblsl cannot be loaded: {error}", hint=hint, value="pylsl") from error
        if not os.environ.get("LSLAPICFG"):
            lsl.set_config_content("[multicast]\nResolveScope = machine\n[log]\nlevel = -1\n")
        names = (*LSL_CHANNELS, *context.emotions)
        info = lsl.StreamInfo(self.name, "Expression", len(names), lsl.IRREGULAR_RATE, "double64", f"mien-{self.name}")
        channels = info.desc().append_child("channels")
        for name in names:
            channel = channels.append_child("channel").append_child_value("label", name)
            channel.append_child_value("type", "probability" if name in context.emotions else "value")
        info.desc().append_child_value("source", context.name)
        outlet = lsl.StreamOutlet(info)

        def write(frame: Frame, readings: Sequence[Reading]) -> None:
            now = lsl.local_clock()
            for row in rows(frame, readings, context.emotions, video=True):
                values: list[Any] = [row[name] for name in names]
                outlet.push_sample([math.nan if value is None else float(value) for value in values], now)

        yield OpenSink(write)


@dataclass(frozen=True)
class OscMessages(VideoSink):
    """Messages of Open Sound Control (OSC) by UDP, for Max, TouchDesigner, Pure Data, Unity and others.

    For each frame ``/mien/frame INDEX TIME_S FACES``. For each face, in one bundle: ``/mien/face/N/emotion NAME CONFIDENCE
    ABSTAINED``, ``/mien/face/N/box X0 Y0 X1 Y1``, and ``/mien/face/N/NAME PROBABILITY`` for each emotion. ``N`` is the
    ``track_id``; ``ABSTAINED`` is 0 or 1.

    Args:
        address: where to send.
    """

    address: Address

    def check(self) -> None:
        """Raise if python-osc is missing."""
        check_installed(["pythonosc"], "stream")

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Send until the end of the video."""
        bundles = require("pythonosc.osc_bundle_builder", "stream")
        where = self.address
        hint = "Check the host's name and the network."
        try:
            client = require("pythonosc.udp_client", "stream").UDPClient(where.host, where.port)
        except OSError as error:
            raise OutputError(f"osc: cannot send to {where}: {error.strerror or error}", hint=hint) from error

        def send(made: Sequence[Any]) -> None:
            bundle = bundles.OscBundleBuilder(bundles.IMMEDIATELY)
            for message in made:
                bundle.add_content(message)
            try:
                client.send(bundle.build())
            except (ConnectionRefusedError, BlockingIOError):
                pass  # no program listens, or it reads too slowly
            except OSError as error:
                raise OutputError(f"osc: cannot send to {where}: {error.strerror or error}", hint=hint) from error

        def write(frame: Frame, readings: Sequence[Reading]) -> None:
            send([_message("/mien/frame", frame.index, round(frame.time_s, 3), len(readings))])
            for row in rows(frame, readings, context.emotions, video=True) if readings else ():
                face = f"/mien/face/{row['track_id']}"
                made = [_message(f"{face}/emotion", row["emotion"], row["confidence"], int(bool(row["abstained"])))]
                made.append(_message(f"{face}/box", *(row[name] for name in ("x0", "y0", "x1", "y1"))))
                made += [_message(f"{face}/{emotion}", row[emotion]) for emotion in context.emotions]
                send(made)

        with client:
            yield OpenSink(write)


def _message(address: str, *values: object) -> Any:
    builder = require("pythonosc.osc_message_builder", "stream").OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


@dataclass(frozen=True)
class WebSocketServer(VideoSink):
    """A WebSocket server that sends one JSON message per frame to all clients.

    Keys: ``schema`` (``SCHEMA_VERSION``), ``source``, ``frame``, ``time_s`` and ``faces``, the rows of a table. A client
    that reads too slowly loses its oldest messages. Messages from clients are ignored. Connections from web pages are
    accepted only if the page comes from this computer.

    Args:
        address: where to listen. Messages are not encrypted: other hosts than loopback need a trusted network.
    """

    address: Address

    def check(self) -> None:
        """Raise if websockets is missing."""
        check_installed(["websockets"], "stream")

    @contextmanager
    def open(self, context: SinkContext) -> Iterator[OpenSink]:
        """Listen until the end of the video."""
        clients: set[queue.Queue[str]] = set()
        with _serving(self.address, clients):

            def write(frame: Frame, readings: Sequence[Reading]) -> None:
                faces = rows(frame, readings, context.emotions, video=True) if readings else []
                head = {"schema": SCHEMA_VERSION, "source": frame.name, "frame": frame.index}
                message = json.dumps({**head, "time_s": round(frame.time_s, 3), "faces": faces}, allow_nan=False)
                for client in tuple(clients):
                    _put(client, message)

            yield OpenSink(write)


def _put(client: queue.Queue[str], message: str) -> None:
    """Add a message; drop the oldest if the client is too slow."""
    while True:
        try:
            return client.put_nowait(message)
        except queue.Full:
            with suppress(queue.Empty):
                client.get_nowait()


@contextmanager
def _serving(address: Address, clients: set[queue.Queue[str]]) -> Iterator[None]:
    server_module = require("websockets.sync.server", "stream")
    closed: type[Exception] = require("websockets.exceptions", "stream").ConnectionClosed

    stopping = threading.Event()

    def handle(connection: Any) -> None:
        waiting: queue.Queue[str] = queue.Queue(_WAITING)
        clients.add(waiting)
        with suppress(closed):
            while not (stopping.is_set() and waiting.empty()):
                with suppress(queue.Empty):
                    connection.send(waiting.get(timeout=_POLL_S))
        clients.discard(waiting)

    try:
        server = server_module.serve(
            handle,
            address.host,
            address.port,
            process_request=_refuse_foreign_pages,
            compression=None,
            max_size=_MAX_REQUEST,
            close_timeout=1,
        )
    except OSError as error:
        hint = "Choose another port." if address.host == LOOPBACK else "Choose another port, or check the host."
        message = f"websocket: cannot listen at {address}: {error.strerror or error}"
        raise OutputError(message, hint=hint) from error
    thread = threading.Thread(target=server.serve_forever, name="mien-websocket", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        until = time.monotonic() + _LAST_S
        while clients and time.monotonic() < until:  # they get the last messages
            time.sleep(_POLL_S / 10)
        server.shutdown()
        thread.join(timeout=2)


def _refuse_foreign_pages(connection: Any, request: Any) -> Any:
    """Refuse web pages of other hosts: a browser lets any page connect to loopback."""
    origins = request.headers.get_all("Origin")
    if all(urlsplit(origin).hostname in _LOCAL_NAMES for origin in origins):
        return None
    return connection.respond(403, "Pages of other hosts are refused.\n")
