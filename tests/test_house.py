"""The house rules that a machine can check: sizes, names, layers that defer, words that do not belong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.cli.main import COMMANDS
from agentdesk.paths import in_profile

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "agentdesk"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = {"module": 410, "class": 310, "function": 55}
"""The ceilings of the design, with a little give: 400 lines, 300, 50."""
SQL = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b", re.DOTALL)
FORBIDDEN_NAMES = re.compile(r"\b(utils?|helpers?|common|manager)\b", re.IGNORECASE)


def name(path: Path) -> str:
    """A module as the reader sees it."""
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, methods too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """How long a definition is."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_one_thing(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert len(source.splitlines()) <= LONGEST["module"]
    long = [f"{node.name}: {lines_of(node)} lines" for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and lines_of(node) > LONGEST["class"]]
    long += [f"{node.name}: {lines_of(node)} lines" for node in functions(tree) if lines_of(node) > LONGEST["function"]]
    assert long == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_class_and_public_function_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or path.name == "__main__.py"
    bare = [node.name for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_") and not ast.get_docstring(node)]
    assert bare == []


def test_no_name_says_nothing() -> None:
    assert [name(path) for path in MODULES if FORBIDDEN_NAMES.search(path.stem.replace("_", " "))] == []


def test_no_error_is_swallowed() -> None:
    swallowed = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in ("everything", "Exception", "BaseException"):
                    swallowed.append(f"{name(path)}:{node.lineno}")
    assert swallowed == []


def test_above_the_store_sql_is_written_by_reports_alone() -> None:
    elsewhere = []
    for path in MODULES:
        if path.relative_to(PACKAGE).parts[0] in ("store", "reports", "testing"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
                elsewhere.append(f"{name(path)}:{node.lineno}")
    assert elsewhere == []


def test_every_command_that_a_sentence_names_can_be_said_of_a_profile() -> None:
    """Typed as it stands it would change another desk."""
    forgotten = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs:
                forgotten += [f"{name(path)}:{node.lineno} {word}"
                              for word in re.findall(r"\bagentdesk ([a-z]+)\b", node.value)
                              if word in COMMANDS.keys() - {"demo"}
                              and in_profile(f"agentdesk {word}", "night") == f"agentdesk {word}"]
    assert forgotten == []
