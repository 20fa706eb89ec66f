"""Serve the live page with Streamlit, which is told to report nothing to anybody."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from ..errors import OptionError
from ..extras import check_installed, require
from .live_settings import MOST_MEGABYTES, LiveSettings


def streamlit_options(settings: LiveSettings) -> dict[str, object]:
    """What Streamlit is started with, by the names of its own options."""
    return {
        "browser.gatherUsageStats": False,
        "server.showEmailPrompt": False,  # Streamlit's, at its very first start
        "logger.hideWelcomeMessage": True,  # to print its own, it may look up this machine's public address
        "server.fileWatcherType": "none",
        "server.address": settings.host,
        "server.port": settings.port,
        "server.headless": not settings.browser,
        "server.maxUploadSize": MOST_MEGABYTES,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
    }


def serve(settings: LiveSettings, ready: Callable[[str], None] | None = None) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: how.
        ready: told the page's address, once nothing seems to stand in the way.

    Raises:
        MissingExtraError: Streamlit, or what follows faces over time, is not installed.
        OptionError: the port is taken, or the address is not this machine's.
    """
    check_installed(("streamlit", "streamlit_webrtc"), "streamlit")
    check_installed(("av", "supervision", "trackers"), "video")
    _check_free(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if ready:
        ready(f"http://{host}:{settings.port}")
    command = require("streamlit.web.cli", "streamlit").main
    flags = [f"--{name}={_word(value)}" for name, value in streamlit_options(settings).items()]
    script = str(Path(__file__).with_name("live_script.py"))
    # In this very process, so that a password among the settings shows in no list of processes
    command(["run", script, *flags, "--", settings.as_text()], standalone_mode=False)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_free(settings: LiveSettings) -> None:
    kind = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise OptionError(
                f"cannot listen at {settings.host}, port {settings.port}: {error.strerror or error}",
                hint="Is the app running already? Otherwise choose another port, such as --port 8600.",
            ) from error
