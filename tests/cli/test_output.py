"""What commands print for the user to run next."""

import shlex
from pathlib import Path

from mien.cli.output import data_words


def test_options_about_data_can_be_pasted_into_a_shell():
    assert shlex.split(data_words(Path("faces.csv"), None, False)) == ["--data", "faces.csv"]
    words = shlex.split(data_words(Path("my data/$a.csv"), Path("b c.csv"), True))
    assert words == ["--data", "my data/$a.csv", "--manifest", "b c.csv", "--detect-faces"]
