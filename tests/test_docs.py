"""The README, the documentation and the examples work as written."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer

from .conftest import EXAMPLES, ROOT

README = (ROOT / "README.md").read_text("utf-8")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *DOCS,
    *(ROOT / "research").rglob("*.md"),
    *(ROOT / "benchmarks").glob("*.md"),
]
#: Everything whose links are checked.
LINKED = sorted(
    {*PAGES, *ROOT.glob("*.md"), *(ROOT / "src").rglob("*.md")}
    | {*(ROOT / "examples").glob("*.md"), *(ROOT / "notebooks").glob("*.*")}
)
#: Pages whose Python blocks run one after the other in a folder with the examples, a video and a table of predictions.
RUNNABLE = [
    "README.md",
    "docs/get-started.md",
    "docs/guides/images.md",
    "docs/guides/explanations.md",
    "docs/guides/live.md",
]
SLOW_RUNNABLE = ["docs/guides/video.md", "docs/guides/fairness.md"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clip: Path) -> Path:
    """A folder with the examples and a video, as the snippets expect."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    shutil.copy(clip, tmp_path / "clip.mp4")
    (tmp_path / "predictions.csv").write_text(
        "image,label,predicted,gender\n"
        + "".join(f"{n}.png,happy,{'happy' if n % 5 else 'sad'},{'female' if n % 2 else 'male'}\n" for n in range(60))
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_is_short():
    assert len(README.splitlines()) < 120


@pytest.mark.usefixtures("workspace")
def test_the_readme_prints_what_it_shows(capsys):
    snippet = blocks("README.md", "python")[0]
    exec(compile(snippet, "README.md", "exec"), {})  # noqa: S102  # our own text
    shown = [line.removeprefix("# ") for line in snippet.splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.splitlines() == shown


@pytest.mark.parametrize("page", [*RUNNABLE, *(pytest.param(page, marks=pytest.mark.slow) for page in SLOW_RUNNABLE)])
@pytest.mark.usefixtures("workspace")
def test_python_snippets_run(page):
    names: dict[str, object] = {}
    exec("import mien", names)  # noqa: S102
    for snippet in blocks(page, "python"):
        exec(compile(snippet, page, "exec"), names)  # noqa: S102


def commands(page: str) -> list[str]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [re.split(r"\s+#|\s+&&\s+", line)[0].strip() for line in lines if line.startswith("mien ")]


@pytest.mark.parametrize("page", [name_of(page) for page in PAGES])
def test_documented_commands_exist(page):
    from mien.cli.app import app

    root = typer.main.get_command(app)
    for line in commands(page):
        command, words = root, shlex.split(line)[1:]
        while getattr(command, "commands", None):
            if words and words[0] not in command.commands and hasattr(command, "default_for"):
                words = [command.default_for(words), *words]
            assert (words or [""])[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.split("=")[0] for word in words if word.startswith("-") and not word.lstrip("-")[:1].isdigit()}
        assert used <= {*known, "--help"}, line


@pytest.mark.parametrize("page", [name_of(page) for page in PAGES])
def test_documented_recipe_fields_exist(page):
    from mien.lab.recipe import Recipe

    settings = pytest.importorskip("mien.serve.settings").ServeSettings if page.endswith("server.md") else Recipe
    for field in re.findall(r"--set '?([a-z_.]+)=", (ROOT / page).read_text("utf-8")):
        model: type | None = settings
        for name in field.split("."):
            assert name in model.model_fields, field
            model = model.model_fields[name].annotation


@pytest.mark.parametrize("command", [line for line in commands("README.md") if "examples" in line])
@pytest.mark.usefixtures("workspace")
def test_commands_run(command):
    done = subprocess.run([sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("workspace")
def test_the_commands_for_videos_run_one_after_the_other():
    video = [line for line in commands("README.md") if "clip" in line]
    assert len(video) == 2
    for command in video:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert Path("clip.html").stat().st_size > 5000


def test_the_first_command_shows_what_the_readme_shows(workspace):
    command = [sys.executable, "-m", "mien", "read", "examples/astronaut.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=workspace)
    assert done.stdout.split() == blocks("README.md", "text")[0].split()


def links(page: Path) -> list[str]:
    """Targets of the Markdown links and of the HTML links and images of a page or notebook."""
    text = page.read_text("utf-8")
    if page.suffix == ".ipynb":
        text = "\n".join(
            "".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"
        )
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(<?([^)>\s]+)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MkDocs make them."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=name_of)
def test_links_have_targets(page):
    generated = {"reference/cli.md": "", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
    for link in links(page):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        path = (page.parent / target).resolve() if target else page
        if path.parent in {ROOT / "docs", ROOT / "docs" / "reference"} and not path.exists():
            source = generated[path.relative_to(ROOT / "docs").as_posix()]  # by docs/hooks.py
            path = ROOT / (source or "docs/hooks.py")
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def test_pages_named_in_code_exist():
    folders = ("src", "tests", "examples", "benchmarks", "research", "docs")
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.*")]:
        if path.suffix in {".py", ".md", ".toml", ".mjs"} and "node_modules" not in path.parts:
            named = re.findall(
                r"(?<![\w./])(?:docs|research|examples|benchmarks)/[\w./-]+\.(?:md|py)\b", path.read_text("utf-8")
            )
            assert not [name for name in named if not (ROOT / name).exists()], path


def test_pages_are_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in DOCS if "measured" not in page.parts]
    assert not [page for page in pages if page not in navigation]


@pytest.mark.slow
def test_the_site_builds(tmp_path):
    pytest.importorskip("mkdocstrings", reason="the site needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert "mien lab train" in (tmp_path / "site" / "reference" / "cli" / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_the_wheel_holds_the_package_only(tmp_path):
    for name in ("build", "hatchling", "twine"):
        pytest.importorskip(name, reason="needs the extra dev")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    names = [Path(name) for name in zipfile.ZipFile(wheel).namelist()]
    folders = {name.parts[0] for name in names}
    assert "mien" in folders
    assert all(folder == "mien" or folder.endswith(".dist-info") for folder in folders)
    assert not [name for name in names if {"tests", "__pycache__"} & set(name.parts) or name.suffix in {".pyc", ".npz"}]
    assert Path("mien/model/weights/default.onnx") in names
    check = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_architecture_page_names_every_module():
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    names = {path.stem for path in (ROOT / "src" / "mien").iterdir() if not path.name.startswith("__")} - {"py"}
    assert not {name for name in names if f"`{name}`" not in page and f"`{name}/`" not in page}
