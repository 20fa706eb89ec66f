"""The site: a command line reference generated from Typer, pages from the repository root, unbroken intervals."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import typer
from mkdocs.structure.files import File, Files

from mien.cli.app import app
from mien.cli.help import option_names, option_text, usage

ROOT = Path(__file__).parent.parent
#: Files of the repository root that become pages.
ROOT_PAGES = {
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "code-of-conduct.md": "CODE_OF_CONDUCT.md",
}


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    pages = {"reference/cli.md": cli_reference()} | {page: root_page(name) for page, name in ROOT_PAGES.items()}
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Keep the two ends of an interval, such as ``[69.9, 72.9]``, on one line."""
    return re.sub(r"(\[[^\s\[\]]*\d,) ([^\s\[\]]*\d\])", "\\1\N{NO-BREAK SPACE}\\2", markdown)


def root_page(name: str) -> str:
    """A file of the repository root, with its links to docs/ and to other such files made relative to the site."""
    text = (ROOT / name).read_text("utf-8").replace("](docs/", "](")
    for page, source in ROOT_PAGES.items():
        text = text.replace(f"]({source})", f"]({page})")
    return text


def cli_reference() -> str:
    """All commands with their options, from the Typer application."""
    parts = [
        "# Command line",
        "Every command has `--help`. The exit codes of all commands are listed under [Errors](errors.md#exit-codes).",
    ]
    add_command(parts, typer.main.get_command(app), "mien")
    return "\n\n".join(parts) + "\n"


def add_command(parts: list[str], command: Any, name: str) -> None:
    """Append the sections of a command and its subcommands."""
    children: dict[str, Any] = getattr(command, "commands", {})
    if name != "mien":
        parts += [f"## `{name}`", help_text(command.help or "")]
    if not children:
        context = command.context_class(command, info_name=name)
        parts.append(f"```text\n{usage(command, context)}\n```")
        parts.append(parameter_table(command, context))
    for child, subcommand in children.items():
        if not subcommand.hidden:
            add_command(parts, subcommand, f"{name} {child}")


def help_text(text: str) -> str:
    """Help as Markdown, with indented lines as code."""
    made: list[str] = []
    code = False
    for line in inspect.cleandoc(text).splitlines():
        if line.startswith("  ") != code:
            made.append("```" if code else "\n```sh")
            code = not code
        made.append(line.strip())
    return "\n".join([*made, *["```"] * code])


def parameter_table(command: Any, context: Any) -> str:
    """One row per argument and option."""
    rows = ["| option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False) and parameter.name != "help":
            rows.append(f"| <code>{escape(option_names(parameter))}</code> | {escape(option_text(parameter))} |")
    return "\n".join(rows)


def escape(text: str) -> str:
    """Text for a table cell."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("|", "&#124;").replace("[", "&#91;").replace("]", "&#93;").replace("*", "&#42;")
