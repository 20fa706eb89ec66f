"""Rules of the code base that neither ruff nor mypy checks; docs/architecture.md explains them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from mien.emotions import EMOTIONS

SOURCE = Path(__file__).parents[2] / "src" / "mien"
MAX_FILE_LINES = 400
#: Files over the limit, each with the reason: the recipe's fields and their checks are one concept.
LARGE_FILES = {"lab/recipe.py", "video.py"}
#: Where any error becomes an exit code, where skops and numpy raise anything for a damaged file, and where Ray starts,
#: which raises Exception itself.
ERROR_BORDERS = {
    "cli/app.py",
    "lab/detector/train.py",
    "model/session.py",
    "scale/engine.py",
    "serve/engine.py",
    "serve/jobs.py",
    "serve/gate.py",
}


def sources() -> Iterator[tuple[str, str, ast.Module]]:
    """Name, text and syntax tree of each source file."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        yield path.relative_to(SOURCE).as_posix(), text, ast.parse(text)


def test_modules_import_lower_layers_only():
    from importlinter import cli

    config = SOURCE.parents[1] / "pyproject.toml"
    assert cli.lint_imports(config_filename=str(config), no_cache=True) == 0


def test_files_stay_short():
    long_files = {name for name, text, _ in sources() if len(text.splitlines()) > MAX_FILE_LINES}
    assert long_files <= LARGE_FILES


def test_the_package_imports_itself_relatively():
    imported = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "mien" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").split(".")[0] == "mien")
    ]
    assert not imported


def test_onnxruntime_is_imported_after_telemetry_is_off():
    early = []
    for name, text, tree in sources():
        if name == "model/session.py":
            continue
        guarded = "model import session" in text
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(alias.name.startswith("onnxruntime") for alias in node.names):
                early.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxruntime") and not guarded:
                early.append(f"{name}:{node.lineno}")
    assert not early


def test_the_source_has_no_blanket_except_assert_or_print():
    found = []
    for name, _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and name not in ERROR_BORDERS:
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    found.append(f"{name}:{node.lineno} except {caught}")
            if isinstance(node, ast.Assert):
                found.append(f"{name}:{node.lineno} assert")
            prints = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            if prints:
                found.append(f"{name}:{node.lineno} print")
    assert not found


def test_the_order_of_labels_is_written_once():
    listed = [
        f"{name}:{node.lineno}"
        for name, _, tree in sources()
        if name != "emotions.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Tuple | ast.List)
        if sum(isinstance(e, ast.Constant) and e.value in EMOTIONS for e in node.elts) >= 3
    ]
    assert not listed
