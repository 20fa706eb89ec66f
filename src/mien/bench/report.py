"""What was measured, as values: a row for each reader, and how they compare."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from .machine import Setting


@dataclass(frozen=True)
class Row:
    """One reader.

    Attributes:
        name: the model of mien's, or the rival.
        own: whether it is mien.
        mirrored: whether each face and its mirror image are averaged; None for rivals.
        version: of the package; "" where it was not measured.
        faces_per_s: faces already found, 64 at a time: cutting, preparing, network, calibration.
        ms_a_face: the same for a single face, in milliseconds.
        photos_per_s: from file to result, by the name of the photo set; empty for readers that find no faces.
        start_s: from a cold process to the first reading, in seconds.
        peak_mb: the most memory held while photos were read, in 10^6 bytes.
        with_a_face: photos in which it found a face, of all sets together; None for readers that find none.
        faces: how many faces it found in these.
        random_weights: its own weights were not to be had, so its network was measured with others.
        processor_share: of the time measured, the share in which a processor worked for it: well below 1, on one thread,
            other work was in the way.
        problem: why it was not measured; "" where it was.
    """

    name: str
    own: bool
    mirrored: bool | None = None
    version: str = ""
    faces_per_s: float | None = None
    ms_a_face: float | None = None
    photos_per_s: dict[str, float] = field(default_factory=dict)
    start_s: float | None = None
    peak_mb: float | None = None
    with_a_face: int | None = None
    faces: int | None = None
    random_weights: bool = False
    processor_share: float | None = None
    problem: str = ""

    @property
    def label(self) -> str:
        """What to call it in a table."""
        return f"{self.name}{', mirrored' if self.mirrored else ''}{'*' if self.random_weights else ''}"


@dataclass(frozen=True)
class Photos:
    """A set of photos that was read: its name, how many there are, and their faces where somebody has counted."""

    name: str
    count: int
    faces: int | None


@dataclass(frozen=True)
class Ratio:
    """How a model of mien's compares with a rival. Above 1 mien is better: twice as fast, or half the memory, is 2.

    Attributes:
        own, rival: labels of the two rows.
        mirrored: of the own row.
        better: by the name of the figure; only what both were measured for.
    """

    own: str
    rival: str
    mirrored: bool
    better: dict[str, float]


@dataclass(frozen=True)
class Report:
    """All of a run.

    Attributes:
        setting: where, when and how.
        quick: few rounds, and no rivals.
        photos: what was read.
        starts: seconds of ``python`` itself, of ``import mien`` on top of that, and of ``mien --help``.
        rows: mien's models first.
    """

    setting: Setting
    quick: bool
    photos: tuple[Photos, ...]
    starts: dict[str, float]
    rows: tuple[Row, ...]

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        """Each model of mien's against each rival, as far as both were measured."""
        own = [row for row in self.rows if row.own and not row.problem]
        rivals = [row for row in self.rows if not row.own and not row.problem]
        return tuple(Ratio(a.label, b.label, bool(a.mirrored), better(a, b)) for a in own for b in rivals)

    def to_json(self) -> str:
        """The report as JSON text."""
        table = asdict(self) | {"ratios": [asdict(ratio) for ratio in self.ratios]}
        return json.dumps(rounded(table), indent=2, ensure_ascii=False) + "\n"


def better(own: Row, rival: Row) -> dict[str, float]:
    """How many times better ``own`` is, by the name of the figure; only what both have."""
    found: dict[str, float] = {}
    more: Callable[[float, float], float] = lambda mine, theirs: mine / theirs  # noqa: E731  # a table of two rules
    less: Callable[[float, float], float] = lambda mine, theirs: theirs / mine  # noqa: E731
    pairs = [("faces_per_s", own.faces_per_s, rival.faces_per_s, more)]
    pairs += [("ms_a_face", own.ms_a_face, rival.ms_a_face, less)]
    pairs += [(name, rate, rival.photos_per_s.get(name), more) for name, rate in own.photos_per_s.items()]
    pairs += [("start_s", own.start_s, rival.start_s, less), ("peak_mb", own.peak_mb, rival.peak_mb, less)]
    for name, mine, theirs, rule in pairs:
        if mine and theirs:
            found[name] = rule(mine, theirs)
    return found


def rounded(value: Any) -> Any:
    """Plain values with their numbers cut to four digits: more would be noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return value
