"""A report as people like to see it: on a terminal of 80 columns, and as Markdown."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .cells import figure_head, figure_rows, ratio_head, ratio_rows, remarks, times
from .machine import Setting
from .report import Report

#: Below this share of a processor, other work was in the way: the figures say little.
LEAST_SHARE = 0.9
_BESIDE = "mien beside its rivals: 2.0 is twice as fast, half the time or half the memory"


def show(report: Report, console: Console) -> None:
    """Print what was measured: a table, how mien compares, and what to think of it."""
    show_setting(report.setting, console)
    console.print(_figures(report))
    if report.ratios:
        console.print()
        console.print(Text(_BESIDE, "bold"))
        console.print(_ratios(report))
    console.print()
    for line in remarks(report):
        console.print(Text(line, "dim"))
    for line in doubts(report):
        console.print(Text(line, "bold yellow"))


def show_setting(setting: Setting, console: Console) -> None:
    """Print where this ran, and whether the machine had better things to do."""
    console.print(Text(_machine(setting), "bold"))
    console.print(Text(_how(setting), "dim"))
    if setting.busy:
        words = f"The machine was busy before this began (load {setting.load:.1f} on {setting.machine.cores} cores): "
        console.print(Text(f"{words}these figures say little. Measure again when it is idle.", "bold yellow"))
    console.print()


def doubts(report: Report) -> list[str]:
    """What speaks against the figures; empty where nothing does."""
    shares = [row.processor_share for row in report.rows if row.processor_share and report.setting.threads == 1]
    if not shares or min(shares) >= LEAST_SHARE:
        return []
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    return [f"Other work took the processor away: readers had {low} to {high} % of it while they were measured."]


def as_markdown(report: Report) -> str:
    """The same as Markdown."""
    setting = report.setting
    lines = [f"{_machine(setting)}. {_how(setting)}. `{setting.command}`", ""]
    lines += _markdown(figure_head(report), figure_rows(report))
    if ratios := [[own, rival, *map(times, values)] for own, rival, values in ratio_rows(report)]:
        lines += ["", f"{_BESIDE}:", "", *_markdown(["model", "rival", *ratio_head(report)], ratios)]
    lines += ["", *(f"- {line.replace('*', chr(92) + '*')}" for line in (*remarks(report), *doubts(report)))]
    return "\n".join(lines) + "\n"


def _figures(report: Report) -> Table:
    table = _table(figure_head(report))
    own = {row.label for row in report.rows if row.own}
    for name, *figures in figure_rows(report):
        table.add_row(Text(name, "bold" if name in own else ""), *figures)
    return table


def _ratios(report: Report) -> Table:
    table = _table(["times as good as", *ratio_head(report)])
    before = ""
    for own, rival, values in ratio_rows(report):
        if own != before:
            table.add_row(Text(own, "bold"))
        before = own
        styles = ["dim" if value is None else "green" if value >= 1 else "red" for value in values]
        table.add_row(f"  {rival}", *(Text(times(value), style) for value, style in zip(values, styles)))
    return table


def _table(head: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(head[0], no_wrap=True, min_width=17)
    for title in head[1:]:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    under = ["---" if title in ("reader", "model", "rival") else "---:" for title in head]
    cells = [[cell.replace("*", "\\*") for cell in row] for row in (head, under, *rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def _machine(setting: Setting) -> str:
    machine = setting.machine
    memory = f", {machine.memory_gb:.0f} GB" if machine.memory_gb else ""
    return f"mien {setting.version} on {machine.processor}, {machine.cores} cores{memory}"


def _how(setting: Setting) -> str:
    threads = setting.threads
    cores = f"{threads} {'core' if threads == 1 else 'cores'}" if threads else "all cores"
    return f"{cores} for each reader, Python {setting.machine.python}, {setting.date[:10]}"
