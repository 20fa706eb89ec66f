"""Serve the live page with Streamlit, with its usage reports turned off."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError
from ..extras import check_installed, require
from .words import check_address

#: The largest file that can be given to the page.
MAX_MEGABYTES = 200
#: Larger images and frames are refused: a visitor may send anything.
MAX_MEGAPIXELS = 100.0


@dataclass(frozen=True)
class LiveSettings:
    """Choices for the live app, as ``mien app live --help`` describes them.

    ``stun`` (``stun:host:port``) is a server by which two machines find a way to each other; ``turn``
    (``turn:host:port``), one that passes images on where there is no such way.
    """

    host: str = "127.0.0.1"
    port: int = 8501
    browser: bool = True
    model: str = "default"
    emotions: str | None = None
    stun: str | None = None
    turn: str | None = None
    turn_user: str | None = None
    turn_password: str | None = None
    mask_others: bool = False
    no_image_output: bool = False

    def __post_init__(self) -> None:
        for name, value in (("stun", self.stun), ("turn", self.turn)):
            if value is not None and not value.startswith((f"{name}:", f"{name}s:")):
                message = f"{name}: got {value!r}, expected an address that begins with {name}:"
                raise OptionError(message, hint=f"For example --{name} {name}:example.org:3478")
        if (self.turn is None) != (self.turn_user is None) or (self.turn is None) != (self.turn_password is None):
            message = "turn: a TURN server needs its address, a user name and a password, and some of these are missing"
            raise OptionError(message, hint="Give --turn, --turn-user and --turn-password together.")

    def ice_servers(self) -> list[dict[str, Any]]:
        """The servers that help two machines to find each other, in WebRTC's own words; none unless asked for."""
        servers: list[dict[str, Any]] = [{"urls": [self.stun]}] if self.stun else []
        if self.turn:
            servers.append({"urls": [self.turn], "username": self.turn_user, "credential": self.turn_password})
        return servers


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
        "server.maxUploadSize": MAX_MEGABYTES,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
    }


def serve(settings: LiveSettings, ready: Callable[[str], None] | None = None) -> None:
    """Serve the page until Ctrl-C; ``ready`` is called with its address.

    Raises ``OptionError`` where the port is taken, or the address is not this machine's.
    """
    check_installed(("streamlit", "streamlit_webrtc"), "streamlit")
    check_installed(("av", "supervision", "trackers"), "video")
    check_address(settings.host, settings.port)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if ready:
        ready(f"http://{host}:{settings.port}")
    command = require("streamlit.web.cli", "streamlit").main
    # JSON writes booleans as Streamlit does
    flags = [
        f"--{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, value in streamlit_options(settings).items()
    ]
    script = str(Path(__file__).with_name("live_script.py"))
    # In this very process, so that a password among the settings shows in no list of processes
    command(["run", script, *flags, "--", json.dumps(asdict(settings))], standalone_mode=False)
