"""The border between errors and people: one line, a hint and an exit code; never a traceback for what is not a bug."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ..errors import MienError


def guarded(run: Callable[[], None]) -> None:
    """Run the command line, and turn an error of mien's into words and an exit code.

    Exit codes: 0 all went well, 2 an option that cannot be meant, 3 an image that cannot be read, 4 a result that cannot
    be written, 5 a model that cannot be used, 6 data that cannot be used, 7 a missing package, 130 interrupted.
    """
    try:
        run()
    except MienError as error:
        sys.stderr.write(f"mien: {error}\n")
        if error.hint:
            sys.stderr.write(f"      {error.hint}\n")
        sys.exit(error.exit_code)
