"""Is there something already where a command would write?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import OutputError


def check_free(folder: Path | None, names: Sequence[str], what: str, *, overwrite: bool) -> None:
    """Find out before any work is done.

    Args:
        folder: where to write; None writes nothing.
        names: of the files.
        what: what an earlier run would have left, in words.
        overwrite: replace it.

    Raises:
        OutputError: one of the files is there, and is not to be replaced.
    """
    taken = [name for name in names if folder and (folder / name).exists()]
    if taken and not overwrite:
        raise OutputError(
            f"{folder} holds {what} already: {', '.join(taken)}",
            hint="Use --overwrite to replace it, or write elsewhere.",
        )
