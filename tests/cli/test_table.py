"""Tables of readings on narrow terminals."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import mien
from mien.cli.table import ReadingTable


@pytest.fixture(scope="module")
def readings(crowd):
    """Three faces: one clear, two mixed with long names."""
    clear, *others = mien.Reader().read(crowd.image)[:3]
    shares = np.full(len(clear.emotions), 0.02, np.float32)
    for emotion, share in (("surprise", 0.4), ("neutral", 0.3), ("contempt", 0.2)):
        shares[clear.emotions.index(emotion)] = share
    return [clear, *(replace(one, probabilities=shares, vote_shares=shares) for one in others)]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_each_face_keeps_one_line_with_number_and_confidence(readings, width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    table = ReadingTable(console)
    for number in range(4):
        table.add(f"holiday/{'a' * 60}{number}.jpg", readings)
    console.print(table.table())
    _, *lines = console.file.getvalue().splitlines()
    assert len(lines) == 4 * len(readings)
    for index, line in enumerate(lines):
        assert len(line) <= width
        face, emotion, confidence = re.search(r"(\d) +(\w+)[\w +?]*? +(> \d+%|\d+%)", line[20:]).groups()
        assert (int(face), emotion) == (index % 3 + 1, readings[index % 3].emotion)
        assert int(confidence.strip("> %")) == pytest.approx(100 * readings[index % 3].confidence, abs=1.1)
