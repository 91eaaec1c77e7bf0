"""The house rules: sizes, private names, and how docstrings begin, held for every module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import onnxtaylor

PACKAGE = Path(onnxtaylor.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LINES, FUNCTION, PARAMETERS = 300, 60, 12

# A docstring that begins so can only be understood by who has read what stands before it.
LEANING = re.compile(
    r"(The same\b|Those? |That |Of |And |But |As |What |How |Who |Whose |Which |Where |It |They "
    r"|Both,|Beside )"
)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_and_functions_are_short(path):
    too_long = []
    if len(path.read_text(encoding="utf-8").splitlines()) > LINES:
        too_long.append(f"more than {LINES} lines")
    for function in _functions(_tree(path)):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if ast.get_docstring(function) is not None:
            doc = function.body[0]
            lines -= (doc.end_lineno or 0) - doc.lineno + 1
        if lines > FUNCTION:
            too_long.append(f"{function.name} has {lines} lines of code")
        given = function.args
        count = len(given.args) + len(given.kwonlyargs) + len(given.posonlyargs)
        if count > PARAMETERS:
            too_long.append(f"{function.name} has {count} parameters")
    assert too_long == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_private_name_crosses_a_module(path):
    tree = _tree(path)
    imported = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxtaylor")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    modules = {
        (alias.asname or alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onnxtaylor")
        for alias in node.names
    }
    touched = [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in modules
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    ]
    assert imported + touched == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_docstrings_stand_on_their_own(path):
    tree = _tree(path)
    nodes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)), *_functions(tree)]
    leaning = [
        f"{getattr(node, 'name', 'module')}: {text.splitlines()[0]}"
        for node in nodes
        if (text := ast.get_docstring(node)) and LEANING.match(text)
    ]
    assert leaning == []


@pytest.mark.parametrize("path", [p for p in FILES if "cli" not in p.parts], ids=_name)
def test_the_library_does_not_speak_in_flags(path):
    words = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words += re.findall(r"(?<![\w-])--[a-z][a-z-]+(?![\w-]*:)", node.value)  # not of CSS
    assert words == []
