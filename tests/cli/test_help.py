"""Help pages at 80 columns, and the words that begin a command line."""

import inspect
import shutil
import typing

import pytest
import typer

from mien.cli.app import app
from mien.cli.help import HelpCommand, HelpGroup, page

from ..conftest import EXAMPLES

WIDTH, LINES = 80, 60  # one and a half screens of 40 lines


def _walk(command, context):
    yield command, context
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, child.context_class(child, info_name=name, parent=context))


def _pages():
    root = typer.main.get_command(app)
    return [
        pytest.param(command, context, id=context.command_path)
        for command, context in _walk(root, root.context_class(root, info_name="mien"))
    ]


@pytest.mark.parametrize(("command", "context"), _pages())
def test_help_pages_fit_the_terminal(command, context, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    assert isinstance(command, HelpCommand | HelpGroup)
    lines = page(command, context).splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    examples = [line for line in inspect.cleandoc(command.help or "").splitlines() if line.startswith("  ")]
    assert set(examples) <= set(lines)
    words = {word for line in lines for word in line.split()}
    for parameter in command.params:
        assert set((parameter.help or "").split()) <= words  # no word is broken
        assert parameter.param_type_name == "argument" or parameter.is_flag or parameter.metavar


@pytest.mark.parametrize(("command", "context"), _pages())
def test_an_option_takes_two_lines_at_most(command, context, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    lines = page(command, context).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("  -")]
    for start in starts:
        end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith("    ")), len(lines))
        assert end - start <= 2, lines[start:end]


@pytest.mark.parametrize(("command", "context"), _pages())
def test_every_choice_is_named(command, context, monkeypatch):
    callback = getattr(command, "callback", None)
    hints = typing.get_type_hints(callback, include_extras=True) if callback else {}
    texts = {parameter.name: f"{parameter.metavar} {parameter.help}" for parameter in command.params}
    for name, hint in hints.items():
        for part in (hint, *typing.get_args(hint), *(p for h in typing.get_args(hint) for p in typing.get_args(h))):
            if typing.get_origin(part) is typing.Literal:
                assert all(choice in texts[name] for choice in typing.get_args(part)), name


def test_a_source_needs_no_command(mien, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLES / "astronaut.png", tmp_path / "astronaut.png")
    code, out, _ = mien("astronaut.png")
    assert code == 0
    assert "happy" in out
    assert mien("missing.jpg")[0] == 3
    assert mien("reed", "astronaut.png")[0] == 2  # a misspelled command is no source


def test_a_table_needs_no_command(mien, tmp_path):
    for words in (["none.csv"], ["summary", "none.csv"], ["--shortest", "1", "none.csv"]):
        assert mien("timeline", *words)[0] == 6
    assert mien("timeline", "--help")[0] == 0
