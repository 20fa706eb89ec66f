"""What is made of figures: ratios, JSON, and the table for people."""

import io
import json
from dataclasses import replace

from rich.console import Console

from mien.bench import stage_chart, table
from mien.bench.machine import is_busy, load, this_machine
from mien.bench.report import better
from mien.bench.stages import STAGES, Spent, StageReport

from .conftest import SMALL


def shown(show, report, width: int = 80, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    show(report, Console(file=file, width=width, highlight=False))
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def test_above_one_mien_is_better(report):
    own, _, fer, crops_only, _ = report.rows
    found = better(own, fer)
    assert found[SMALL] == 2  # twice the photos a second
    assert found["start_s"] == 10  # a tenth of the time
    assert found["peak_mb"] == 4  # a quarter of the memory
    assert found["ms_a_face"] == 0.15  # it is slower here, and says so
    assert set(better(own, crops_only)) == {"faces_per_s", "ms_a_face", "start_s", "peak_mb"}


def test_a_rival_that_failed_has_no_ratio(report):
    assert {ratio.rival for ratio in report.ratios} == {"fer (Haar)", "hsemotion-onnx*"}
    assert len(report.ratios) == 4  # two of mien's against two


def test_json_has_all_of_it(report):
    read = json.loads(report.to_json())
    assert read["setting"]["machine"]["cores"] == 2
    assert read["rows"][4]["problem"].startswith("not installed")
    assert read["ratios"][0]["better"]["start_s"] == 10


def test_the_table_fits_80_columns_and_hides_nothing(report):
    text = shown(table.show, report)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for word in (
        "default, mirrored",
        "1,479",
        "20/20",
        "52/60",
        "hsemotion-onnx*",
        "random weights",
        "deepface (TF): not",
    ):
        assert word in text, word


def test_the_table_speaks_up_when_the_machine_was_busy(report):
    assert "Other work" not in shown(table.show, report)
    starved = replace(report, rows=(replace(report.rows[0], processor_share=0.4), *report.rows[1:]))
    assert "readers had 40 to 99 %" in " ".join(shown(table.show, starved).split())
    busy = replace(report, setting=replace(report.setting, busy=True, load=3.2))
    assert "load 3.2 on 2 cores" in " ".join(shown(table.show, busy).split())


def test_a_machine_is_busy_when_too_few_processors_are_free():
    assert not is_busy(0.4, cores=2, threads=1)
    assert not is_busy(1.0, cores=2, threads=1)
    assert is_busy(1.0, cores=2, threads=0)
    assert is_busy(2.0, cores=2, threads=1)
    assert not is_busy(None, cores=2, threads=1)  # Windows does not say


def test_this_machine_is_described():
    machine = this_machine()
    assert machine.cores >= 1
    assert {"numpy", "onnxruntime"} <= set(machine.versions)
    assert load() is None or load() >= 0


def test_the_chart_names_what_takes_longest(setting):
    spent = tuple(
        Spent(name, 3.0, dict(zip(STAGES, (5.0, 80.0, 1.0, 13.0, 1.0)))) for name in ("640 x 480", "1024 x 768")
    )
    profile = StageReport(setting, "default", spent, {"20": 8.9})
    text = shown(stage_chart.show, profile)
    assert "detect takes 80 % of the time, then network with 13 %" in " ".join(text.split())
    assert "1.67 times as fast" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    assert "█" in text
    assert "#####" in shown(stage_chart.show, profile, encoding="ascii")
    assert json.loads(profile.to_json())["stages"][0]["ms"]["detect"] == 80


def test_markdown_is_the_same_tables(report, setting):
    text = table.as_markdown(report)
    assert "| default, mirrored | 200 | 5.00 | 12.0 | 4.00 | 0.60 | 300 | 20/20 | 60/60 |" in text
    assert "| default, mirrored | fer (Haar) | 0.1 | 0.1 | 2.0 | 0.8 | 10 | 4.0 |" in text
    assert "hsemotion-onnx\\* |" in text
    profile = StageReport(setting, "default", (Spent(SMALL, 3.0, dict.fromkeys(STAGES, 20.0)),), {"20": 8.9})
    assert "20.0 ms, 20 %" in stage_chart.as_markdown(profile)
