"""Tables made up for audits."""

from collections.abc import Callable, Mapping, Sequence

import pytest


@pytest.fixture
def write(tmp_path) -> Callable[[Mapping[str, Sequence[object]]], str]:
    """Write a CSV file from its columns; gives its path."""

    def written(columns: Mapping[str, Sequence[object]], name: str = "predictions.csv") -> str:
        lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
        return str(tmp_path / name)

    return written
