"""Run the server: its address, its connections, its end."""

from __future__ import annotations

import logging
import shlex
import signal
import socket
from asyncio import TimerHandle
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..errors import OptionError
from .app import create_app
from .gate import logger
from .keys import KeyFile
from .settings import ServeSettings


def serve(settings: ServeSettings) -> None:
    """Serve until Ctrl-C or SIGTERM, and finish what was accepted.

    Raises:
        OptionError: the address is taken or not this machine's, or others could connect and there are no keys.
        MienError: the models cannot be loaded.
    """
    check_exposure(settings)
    listener = bound(settings)
    with listener:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            http=protocol(settings.header_timeout_s),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(settings.shutdown_timeout_s)),
            limit_concurrency=settings.max_connections,
            h11_max_incomplete_event_size=16_384,
            ws_max_size=int(settings.max_body_mb * 1e6),
            ws_max_queue=4,
        )
        host, port = listener.getsockname()[:2]
        log = logger(settings.log_level)
        logging.basicConfig(handlers=[_JsonLines(log)], level=logging.WARNING)
        logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each malformed body
        log.info("listening", host=host, port=port)
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it again after a complete end
        uvicorn.Server(config).run(sockets=[listener])


class _JsonLines(logging.Handler):
    """Writes what libraries log as lines of the server's log."""

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.warning("library", logger=record.name, message=record.getMessage())


def check_exposure(settings: ServeSettings) -> None:
    """``OptionError`` where other machines could connect without a key, unless ``insecure``."""
    if not settings.is_loopback and not settings.insecure and not KeyFile(settings.keys_file).required():
        message = f"host: got {settings.host!r}, expected a loopback address, since there are no API keys"
        command = f"mien keys add NAME --data-dir {shlex.quote(str(settings.data_dir))}"
        hint = f"Make one: {command}; or allow everyone with --insecure."
        raise OptionError(message, hint=hint, field="host", value=settings.host)


def bound(settings: ServeSettings) -> socket.socket:
    """A socket at the address; ``OptionError`` where that cannot be used."""
    try:
        family, kind, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        message = f"cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}"
        raise OptionError(message, hint="Choose another --port or --host.", field="port") from error
    return listener


def protocol(header_timeout_s: float) -> type[H11Protocol]:
    """The HTTP protocol, of uvicorn, which closes connections whose next request does not arrive in time."""

    class Limited(H11Protocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]  # as in uvicorn
            super().connection_made(transport)
            self._timer = self.loop.call_later(header_timeout_s, transport.close)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            waiting = self.cycle is None or self.cycle.response_complete
            if not waiting and self._timer:
                self._timer.cancel()
                self._timer = None
            elif waiting and self._timer is None:
                self._timer = self.loop.call_later(header_timeout_s, self.transport.close)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._timer:
                self._timer.cancel()
            super().connection_lost(exc)

    return Limited
