"""Help pages of commands: two columns that break between words, and examples as they are typed."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from .options import ADVANCED

#: Names of options that are longer have a line of their own.
_NAMES = 26
#: Wider pages are hard to read.
_WIDEST = 100


class HelpCommand(TyperCommand):
    """A command with such a page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(page(self, ctx))


class HelpGroup(TyperGroup):
    """A group of commands with such a page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        formatter.write(page(self, ctx))


class DefaultGroup(HelpGroup):
    """A group of commands whose name can be left out: ``default_for`` chooses one from the other words."""

    def default_for(self, args: list[str]) -> str:
        """The command that is meant; empty if none is."""
        raise NotImplementedError

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the name of the command that is meant."""
        if args and args[0] not in self.commands and (name := self.default_for(args)):
            args = [name, *args]
        return super().parse_args(ctx, args)


class RootGroup(DefaultGroup):
    """The command ``mien``: without the name of a command, an image or video is read."""

    def default_for(self, args: list[str]) -> str:
        """Reading, if a source is given."""
        return "read" if is_source(args[0]) else ""


def is_source(word: str) -> bool:
    """Whether a word is the name of a file or folder, a pattern or an address, and no option or command."""
    return not word.startswith("-") and (any(mark in word for mark in "./\\*:") or Path(word).exists())


def page(command: Any, ctx: Any) -> str:
    """The help page of a command, in the width of the terminal."""
    width = min(Console().width, _WIDEST)
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(Text.assemble(("Usage: ", "bold"), usage(command, ctx)))
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            console.print()
            _print_paragraph(console, paragraph)
        for panels in (_commands(command, ctx), _options(command, ctx)):
            names = [len(name) for rows in panels.values() for name, _ in rows]
            indent = 4 + max((length for length in names if length <= _NAMES), default=_NAMES)
            for title, rows in panels.items():
                console.print(Text(f"\n{title}:", "bold"))
                print_rows(console, rows, indent)
    return captured.get()


def usage(command: Any, ctx: Any) -> str:
    """The line of usage: arguments, and the options that must be given."""
    words = [ctx.command_path]
    for parameter in _parameters(command, ctx):
        name = option_names(parameter)
        if parameter.param_type_name == "argument":
            words.append(name if parameter.required else f"[{name}]")
        elif parameter.required:
            words.append(name)
    return " ".join([*words, "COMMAND ..." if hasattr(command, "commands") else "[OPTIONS]"])


def option_names(parameter: Any) -> str:
    """The names of an option with its value, such as ``-o, --out FILE``; of an argument, its name in capitals."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join(sorted(parameter.opts, key=len)) + "".join(f"/{name}" for name in parameter.secondary_opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or 'VALUE'}"


def option_text(parameter: Any) -> str:
    """What an option does, with its default value."""
    default = parameter.default
    hidden = parameter.is_flag if parameter.param_type_name == "option" else parameter.required
    if hidden or not parameter.show_default or default in (None, "") or callable(default):
        return parameter.help or ""
    return f"{parameter.help or ''} [default: {f'{default:g}' if isinstance(default, float) else default}]"


def _parameters(command: Any, ctx: Any) -> list[Any]:
    return [parameter for parameter in command.get_params(ctx) if not getattr(parameter, "hidden", False)]


def _options(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Arguments and options under their titles: those without a panel first."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in _parameters(command, ctx):
        kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
        title = getattr(parameter, "rich_help_panel", None) or kind
        panels.setdefault(title, []).append((option_names(parameter), option_text(parameter)))
    ordered = [title for title in panels if title != ADVANCED] + [ADVANCED]
    return {title: panels[title] for title in ordered if panels.get(title)}


def _commands(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """The commands of a group, with the first paragraph of their help."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for name in command.list_commands(ctx) if hasattr(command, "commands") else ():
        child = command.commands[name]
        summary = inspect.cleandoc(child.help or "").partition("\n\n")[0]
        title = getattr(child, "rich_help_panel", None) or "Commands"
        panels.setdefault(title, []).append((name, " ".join(summary.split())))
    return panels


def _print_paragraph(console: Console, paragraph: str) -> None:
    """Print text wrapped, and indented lines as they are."""
    lines = paragraph.splitlines()
    text = [line for line in lines if not line.startswith(" ")]
    if text:
        console.print(Text(" ".join(text), "bold" if text[-1].endswith(":") else ""))
    for line in lines[len(text) :]:
        console.print(Text(line, "cyan"), no_wrap=True, overflow="ignore", crop=False)


def print_rows(console: Console, rows: list[tuple[str, str]], indent: int) -> None:
    """Print names and texts in two columns, of which the first is ``indent`` wide."""
    for name, text in rows:
        left = Text(f"  {name}".ljust(indent), "cyan")
        if len(name) > _NAMES:
            console.print(left)
            left = Text(" " * indent)
        for line in Text(text).wrap(console, console.width - indent) or [Text()]:
            line.rstrip()
            console.print(left + line)
            left = Text(" " * indent)
