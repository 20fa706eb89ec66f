"""Scripts outside of the package use existing names."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted(path for name in ("research", "benchmarks", "examples") for path in (ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_imported_names_exist(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "mien":
            for alias in node.names:
                module = importlib.import_module(node.module)
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


def test_every_study_is_documented():
    page = (ROOT / "research" / "README.md").read_text("utf-8")
    for path in (ROOT / "research").glob("*.py"):
        assert f"`python research/{path.name}" in page
