"""Fixtures that the tests of datasets share."""

from ..lab.conftest import fer2013 as fer2013  # noqa: PLC0414  # a fixture
