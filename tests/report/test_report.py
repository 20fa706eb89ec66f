"""Reports: one document, three renderings."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from mien import OptionError
from mien.report import (
    Bar,
    BarChart,
    Code,
    Column,
    Definitions,
    Details,
    Document,
    Estimate,
    Figure,
    IntervalChart,
    Metric,
    Metrics,
    Note,
    Row,
    Section,
    Table,
    Text,
    Tone,
    Toned,
    count,
    decimal,
    escape,
    estimate,
    interval,
    join,
    number,
    p_value,
    percent,
    points,
    seconds,
)  # fmt: skip
from mien.report.html import axis_ticks

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


def everything() -> Document:
    columns = (Column("group"), Column("accuracy", "right"), Column("n", "right", optional=True))
    women = Estimate("women", 0.9, 0.88, 0.92, "90.0% [88.0, 92.0]", note="800 images")
    bars = BarChart((Bar("eyes", 0.5, "50%"), Bar("mouth", -0.2, "-20%")))
    groups = (
        Table(columns, (("<b>", Toned("61.0%", Tone.BAD), 1200), ("y", None, 3))),
        IntervalChart((women, Estimate("men", None)), reference=0.85),
        Row((bars, Figure(PNG, "a map"))),
    )
    more = (
        Details("All groups", (Code("mien read x.jpg"),)),
        Metrics((Metric("ECE", "1.7%", "15 bins"),)),
        Definitions((("ECE", "calibration error"),)),
        Note("Few images."),
    )
    return Document(
        "Report: a & b.csv",
        (
            Text("Accuracy is **87.9%**, see `mien audit`."),
            Section("Groups", groups, badge=Toned("Inconclusive", Tone.WARNING)),
            Section("More", more),
        ),
        summary="No difference found.",
        metadata={"model": "default"},
    )


class Balance(HTMLParser):
    """Fails on a closing tag that does not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in {"meta", "img", "source", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_fetches_nothing() -> None:
    page = everything().to_html()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.ids == ["groups", "more"]
    assert not re.search(r"""(src|href|url\()=?["']?(https?:|//)""", page)


def test_html_escapes_user_text() -> None:
    page = everything().to_html()
    assert "&lt;b&gt;" in page
    assert "<h1>Report: a &amp; b.csv</h1>" in page


def test_terminal_hides_details_and_in_narrow_ones_optional_columns() -> None:
    def text(width: int) -> str:
        console = Console(width=width, record=True, file=None, quiet=False, no_color=True)
        with console.capture() as capture:
            console.print(everything().to_terminal(width))
        return capture.get()

    assert "1,200" in text(140)
    assert "1,200" not in text(80)
    assert "mien read x.jpg" not in text(140)


def test_markdown_nests_headings_and_escapes() -> None:
    text = everything().to_markdown()
    assert text.startswith("# Report: a & b.csv\n\nNo difference found.\n")
    assert "## Groups (Inconclusive)" in text
    assert "| \\<b> | 61.0% | 1,200 |" in text


def test_escaped_names_appear_as_they_are() -> None:
    page = Document("t", (Text(f"File **{escape('a')}** {escape('x[1]*`y`.png')}"),)).to_html()
    assert "x[1]*`y`.png" in page


def test_reports_are_written_by_ending(tmp_path: Path) -> None:
    assert everything().write(tmp_path / "new" / "r.html").read_text("utf-8").startswith("<!doctype html>")
    assert everything().write(tmp_path / "r.md").read_text("utf-8").startswith("# ")
    with pytest.raises(OptionError):
        everything().write(tmp_path / "r.pdf")


def test_numbers_are_formatted_in_one_way() -> None:
    assert percent(0.8791) == "87.9%"
    assert percent(0.0001) == "<0.1%"
    assert percent(0.0) == "0.0%"
    assert percent(None) == "\N{EN DASH}"
    assert points(-0.031, signed=True) == "-3.1 points"
    assert points(-0.0001, signed=True) == "0.0 points"
    assert interval((0.867, 0.89)) == "[86.7, 89.0]"
    assert estimate(0.879, (0.867, 0.89)) == "87.9% (95% CI [86.7, 89.0])"
    assert (count(28709), count(1, "image"), count(2, "class", "classes")) == ("28,709", "1 image", "2 classes")
    assert (decimal(-0.001), decimal(-0.0, signed=True), decimal(0.004, signed=True)) == ("0.00", "0.00", "0.00")
    assert (decimal(-0.256), decimal(1.2, 1, signed=True), decimal(None)) == ("-0.26", "+1.2", "\N{EN DASH}")
    assert interval((-0.0001, 0.5), scale=1) == "[0.0, 0.5]"
    assert number(-0.0) == "0"
    assert (number(0.28534), number(28709.4), number(None)) == ("0.285", "28,709", "\N{EN DASH}")
    assert (seconds(5.23), seconds(59.96), seconds(75.2), seconds(3780)) == (
        "5.2 s",
        "1 min 00 s",
        "1 min 15 s",
        "1 h 03 min",
    )
    assert (p_value(0.0004), p_value(0.0124), p_value(0.43)) == ("p < 0.001", "p = 0.012", "p = 0.43")
    assert (join(["a"]), join(["a", "b", "c"], "or"), join(list("abcde"), most=2)) == (
        "a",
        "a, b or c",
        "a, b and 3 more",
    )


def test_axis_ticks_are_round_numbers_within_the_axis() -> None:
    assert axis_ticks(0.0, 1.0) == [
        (0.0, "0"),
        (0.2, "20"),
        (0.4, "40"),
        (0.6000000000000001, "60"),
        (0.8, "80"),
        (1.0, "100"),
    ]
    assert [label for _, label in axis_ticks(0.871, 0.902)] == ["87.5", "88.0", "88.5", "89.0", "89.5", "90.0"]
    assert axis_ticks(-0.05, 0.2)[0][1] == "-5"
