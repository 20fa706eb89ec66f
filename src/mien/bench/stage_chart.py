"""Where a photo's time goes, as bars on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .stages import STAGES, Spent, StageReport
from .table import show_setting

_WORDS = {
    "decode": "file to pixels",
    "detect": "find the faces",
    "cut": "cut and turn them upright",
    "network": "prepare, network, calibration",
    "rest": "make the readings",
}
#: One color a stage, told apart by people with any color vision (Okabe and Ito 2008).
_COLORS = dict(zip(STAGES, ("#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#999999")))
_BAR = 26


def show(report: StageReport, console: Console) -> None:
    """Print a chart for each set of photos, and what takes longest."""
    show_setting(report.setting, console)
    for spent in report.stages:
        console.print(
            Text(
                f"{spent.photos}, {spent.faces:.1f} faces each: {spent.total:.1f} ms a photo with {report.model}",
                "bold",
            )
        )
        console.print(_chart(spent, "#" if console.options.ascii_only else "█"))
        console.print()
    console.print(Text(bottleneck(report.stages), "bold"))
    for least, seconds in report.huge.items():
        console.print(Text(f"A photo of 50 megapixels, faces from {least} pixels up: {seconds:.2f} s", "dim"))


def as_markdown(report: StageReport) -> str:
    """The same as Markdown."""
    lines = [f"`{report.setting.command}`, {report.model}", ""]
    lines += ["| photos | faces each | ms a photo |" + "".join(f" {stage} |" for stage in STAGES)]
    lines += [f"| --- |{' ---: |' * (2 + len(STAGES))}"]
    for spent in report.stages:
        shares = (f"{spent.ms[stage]:.1f} ms, {100 * spent.ms[stage] / spent.total:.0f} %" for stage in STAGES)
        lines += [f"| {spent.photos} | {spent.faces:.1f} | {spent.total:.1f} | {' | '.join(shares)} |"]
    huge = [f"A photo of 50 megapixels, faces from {least} pixels up: {s:.2f} s." for least, s in report.huge.items()]
    return "\n".join([*lines, "", bottleneck(report.stages), *huge]) + "\n"


def bottleneck(stages: tuple[Spent, ...]) -> str:
    """What takes longest, in words."""
    total = sum(spent.total for spent in stages)
    sums = {stage: sum(spent.ms[stage] for spent in stages) for stage in STAGES}
    first, second = sorted(STAGES, key=lambda stage: -sums[stage])[:2]
    # A stage that took no time at all would make a photo faster by 1 / (1 - its share): Amdahl 1967.
    rest = total - sums[first]
    return (
        f"{first} takes {100 * sums[first] / total:.0f} % of the time, then {second} with "
        f"{100 * sums[second] / total:.0f} %: {first} twice as fast would make the whole "
        f"{total / (rest + sums[first] / 2):.2f} times as fast."
    )


def _chart(spent: Spent, block: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for stage in STAGES:
        share = spent.ms[stage] / spent.total
        bar = Text(block * round(_BAR * share), _COLORS[stage])
        table.add_row(stage, _WORDS[stage], f"{spent.ms[stage]:.1f} ms", f"{100 * share:.0f} %", bar)
    return table
