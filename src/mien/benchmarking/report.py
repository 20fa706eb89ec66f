"""The report of a benchmark."""

from __future__ import annotations

from ..report import Bar, BarChart, Block, Column, Document, Note, Row, Section, Table, Tone, number, percent
from .bench import BenchResult, Speed, StageTimes
from .worker import STAGES


def report(result: BenchResult) -> Document:
    """Build the report: speed and memory of each model, and where the time of an image goes."""
    environment = result.environment
    blocks: list[Block] = []
    if environment.is_busy:
        load = f"load {environment.load} on {environment.cores} cores"
        blocks.append(Note(f"The machine was busy ({load}): measure again when it is idle.", Tone.WARNING))
    blocks.append(_speed_table(result.speeds))
    first = result.speeds[0]
    charts = tuple(_stage_chart(stages) for stages in first.stages)
    blocks.append(Section(f"Time per image with {_label(first)}", (Row(charts),)))
    metadata = {"environment": environment.summary(), "date": environment.date}
    return Document("Speed of mien", tuple(blocks), metadata=metadata)


def _label(speed: Speed) -> str:
    return f"{speed.model}{'' if speed.flip else ', no flip'}"


def _speed_table(speeds: tuple[Speed, ...]) -> Table:
    sets = [stages.images for stages in speeds[0].stages]
    names = ["faces/s", "ms/face", *(f"images/s {name}" for name in sets), "start (s)", "memory (MB)"]
    rows = tuple(
        (
            _label(speed),
            *(number(value) for value in (speed.faces_per_s, speed.ms_per_face)),
            *(number(stages.images_per_s) for stages in speed.stages),
            *(number(value) for value in (speed.start_s, speed.peak_mb)),
        )
        for speed in speeds
    )
    caption = (
        "faces/s, ms/face: detected faces, 64 at a time and one. images/s: from file to readings, detection included. "
        "start: cold process to first result. memory: peak while reading images."
    )
    hidden = {"ms/face", "start (s)"}  # on narrow terminals
    return Table((Column("model"), *(Column(name, "right", name in hidden) for name in names)), rows, caption)


def _stage_chart(stages: StageTimes) -> BarChart:
    total = sum(stages.ms.values())
    bars = tuple(
        Bar(stage, stages.ms[stage], f"{stages.ms[stage]:.1f} ms, {percent(stages.ms[stage] / total, 0)}")
        for stage in STAGES
    )
    faces = stages.n_faces / stages.n_images
    return BarChart(bars, f"{stages.images}: {total:.1f} ms, {faces:.1f} faces per image")
