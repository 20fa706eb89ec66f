"""Ports for the tests of the web apps."""

import socket
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port of 127.0.0.1 that nothing listens on."""

    def find() -> int:
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            return int(door.getsockname()[1])

    return find
