"""What the README promises is run as it stands there."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import EXAMPLES, ROOT

README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Path) -> Path:
    """A folder with the examples and a video in it, as the snippets expect."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    shutil.copy(clip, tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_is_short():
    assert len(README.splitlines()) < 150


@pytest.mark.usefixtures("somewhere")
def test_python_snippets_run(capsys):
    names: dict[str, object] = {}
    for snippet in blocks("python"):
        exec(compile(snippet, "README.md", "exec"), names)  # noqa: S102  # our own text
    assert capsys.readouterr().out.startswith("happy ")


def commands() -> list[str]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.startswith(("mien read", "mien timeline"))]


@pytest.mark.parametrize("command", [line for line in commands() if "clip" not in line and "photo.jpg" not in line])
@pytest.mark.usefixtures("somewhere")
def test_commands_run(command):
    done = subprocess.run([sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("somewhere")
def test_the_commands_for_videos_run_one_after_the_other():
    video = [line for line in commands() if "clip" in line]
    assert len(video) == 2
    for command in video:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert Path("clip.html").stat().st_size > 5000


def test_the_first_command_shows_what_the_readme_shows(somewhere):
    shown = blocks("text")[0].split()
    command = [sys.executable, "-m", "mien", "read", "examples/astronaut.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=somewhere)
    assert done.stdout.split() == shown


PAGES = [
    ROOT / "README.md",
    *(path for name in ("docs", "research", "benchmarks") for path in (ROOT / name).glob("*.md")),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_no_figure_is_left_open():
    for page in (ROOT, ROOT / "docs"):
        for path in page.glob("*.md"):
            assert not re.search(r"@[A-Z]+@", path.read_text("utf-8")), path
