"""The rules that keep the house as it is drawn in docs/architecture.md."""

import ast
import io
import tokenize
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "mien"
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 250
MOST_FUNCTION_LINES = 40
ERROR_BORDERS = {"cli/exits.py"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.fixture(params=FILES, ids=name_of)
def file(request) -> Path:
    return request.param


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code: no blank lines, comments or docstrings."""
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in blank:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def test_floors_are_kept():
    from importlinter import cli

    config = SOURCE.parents[1] / "pyproject.toml"
    assert cli.lint_imports(config_filename=str(config), no_cache=True) == 0


def test_a_file_answers_one_question(file):
    assert len(file.read_text("utf-8").splitlines()) <= MOST_LINES


def test_functions_fit_on_a_screen(file):
    text = file.read_text("utf-8")
    lines = code_lines(text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            assert len(lines & set(body)) <= MOST_FUNCTION_LINES, node.name


def test_mien_never_imports_itself_by_name(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.split(".")[0] == "mien" for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] != "mien"


def test_onnxruntime_is_imported_through_its_door(file):
    if name_of(file) == "models/runtime.py" or name_of(file).startswith(
        "bench/probes/"
    ):  # these run in other processes
        return
    doors = file.read_text("utf-8").count("from ...models import runtime")
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("onnxruntime") for alias in node.names)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxruntime"):
            assert doors, f"line {node.lineno}: import models.runtime first, or it reports to its maker"


def test_no_blanket_except_no_assert_no_print(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ExceptHandler) and name_of(file) not in ERROR_BORDERS:
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in {"everything", "Exception", "BaseException"}, f"line {node.lineno}"
        assert not isinstance(node, ast.Assert), f"line {node.lineno}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"


def test_the_order_of_labels_is_written_once(file):
    from mien.emotions import EMOTIONS

    if name_of(file) == "emotions.py":
        return
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Tuple | ast.List):
            named = [e.value for e in node.elts if isinstance(e, ast.Constant) and e.value in EMOTIONS]
            assert len(named) < 3, f"line {node.lineno} lists emotions: take them from emotions.py"
