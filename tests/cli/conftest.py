"""Runs the command line in tests."""

import sys

import pytest

from mien.cli.app import main


@pytest.fixture
def mien(monkeypatch, capsys):
    """Run the command line; gives (exit code, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "120")
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run
