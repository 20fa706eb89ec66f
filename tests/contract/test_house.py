"""Rules of the code base that neither ruff nor mypy checks; docs/architecture.md explains them."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from mien.emotions import EMOTIONS

SOURCE = Path(__file__).parents[2] / "src" / "mien"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
#: Files over the limit, each with the reason: the recipe's fields and their checks are one concept.
LARGE_FILES = {"lab/recipe.py"}
#: The one place that turns any error into an exit code.
ERROR_BORDERS = {"cli/exits.py"}


def sources() -> Iterator[tuple[str, str, ast.Module]]:
    """Name, text and syntax tree of each source file."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text("utf-8")
        yield path.relative_to(SOURCE).as_posix(), text, ast.parse(text)


def code_lines(text: str, tree: ast.Module) -> set[int]:
    """Numbers of the lines that hold code: no blank lines, comments or docstrings."""
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in blank:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def test_modules_import_lower_layers_only():
    from importlinter import cli

    config = SOURCE.parents[1] / "pyproject.toml"
    assert cli.lint_imports(config_filename=str(config), no_cache=True) == 0


def test_files_and_functions_stay_short():
    long_files = {name for name, text, _ in sources() if len(text.splitlines()) > MAX_FILE_LINES}
    assert long_files <= LARGE_FILES
    long_functions = [
        f"{name}: {node.name}"
        for name, text, tree in sources()
        for lines in [code_lines(text, tree)]
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if len(lines & set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))) > MAX_FUNCTION_LINES
    ]
    assert not long_functions


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
        if name == "model/runtime.py" or name.startswith("bench/probes/"):  # the latter run in other processes
            continue
        guarded = "import runtime" in text
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(alias.name.startswith("onnxruntime") for alias in node.names):
                early.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxruntime") and not guarded:
                early.append(f"{name}:{node.lineno}")
    assert not early


def test_there_is_no_blanket_except_no_assert_and_no_print():
    found = []
    for name, _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and name not in ERROR_BORDERS:
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    found.append(f"{name}:{node.lineno} except {caught}")
            if isinstance(node, ast.Assert):
                found.append(f"{name}:{node.lineno} assert")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
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
