"""Where an app listens, and who can reach it."""

from __future__ import annotations

import socket
from enum import Enum

from ..errors import OptionError


class Reach(Enum):
    """Who can see what is shown to an app, and what its page says about that."""

    MACHINE = "Images stay on this machine, and are not kept."
    NETWORK = "Images go to the computer that runs mien, and nowhere else. It does not keep them."
    SHARED = (
        "This page is shared by a public link: images pass through Gradio's servers on their way to the computer that runs "
        "mien. It does not keep them."
    )


def reach(host: str, *, shared: bool = False) -> Reach:
    """Who can see what is shown to an app that listens at ``host``."""
    if shared:
        return Reach.SHARED
    return Reach.MACHINE if host in {"localhost", "::1"} or host.startswith("127.") else Reach.NETWORK


def check_address(host: str, port: int) -> None:
    """Try to listen at an address, before the seconds that everything else takes; port 0 tries the host alone.

    Raises:
        OptionError: the port is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise OptionError(
            f"cannot listen at {host}, port {port or 'any'}: {error.strerror or error}",
            hint="Is the app running already? Otherwise choose another --port, or another --host.",
        ) from error
