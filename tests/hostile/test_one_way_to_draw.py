"""Read the screen's own code: there is one way by which text that somebody else wrote is drawn, and no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentdesk

PACKAGE = Path(agentdesk.__file__).resolve().parent
UI = sorted((PACKAGE / "ui").rglob("*.py"))
WIDGETS = {"Input", "TextArea"}
"""What is used of Textual's widgets: both take text as text, and both have their own cleaning in front."""
CLEANED = {"Input": {"CommandField"}, "TextArea": {"Editor"}}
"""The classes that put the cleaning in front; nothing else may be made of those widgets."""
MAKERS = {
    "Segment": {"ui/present.py", "ui/lines.py"},
    "Content": {"ui/present.py"},
    "Text": {"ui/app.py"},
    "TextAreaTheme": {"ui/widgets/editor.py"},
}
"""Who may make what Textual and Rich draw."""
NEVER = {
    "from_markup", "from_ansi", "from_rich_text", "render_markup", "to_markup", "notify", "Static", "RichLog",
    "Log", "Markdown", "DataTable", "OptionList", "Tree", "escape_markup", "print", "render_str", "highlight_regex",
}
"""Calls that read markup, or draw by themselves."""
ATTRIBUTES = {"border_title", "border_subtitle", "tooltip", "sub_title", "loading"}
"""What Textual draws by itself when it is set."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file, by the last part of its name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func
            if isinstance(name, ast.Name):
                yield name.id, node
            elif isinstance(name, ast.Attribute):
                yield name.attr, node


def short(path: Path) -> str:
    """The path below the package."""
    return path.relative_to(PACKAGE).as_posix()


def test_the_code_is_there_to_be_read() -> None:
    assert len(UI) > 30
    assert {short(path) for path in UI} >= {"ui/present.py", "ui/lines.py", "ui/widgets/editor.py"}


@pytest.mark.parametrize("path", UI, ids=short)
def test_no_widget_reads_markup_or_draws_by_itself(path: Path) -> None:
    wrong = []
    for name, call in calls(path):
        if name in NEVER:
            wrong.append(f"line {call.lineno}: {name}()")
        wrong += [f"line {call.lineno}: markup={ast.unparse(word.value)}" for word in call.keywords
                  if word.arg in ("markup", "highlight") and ast.unparse(word.value) != "False"]
        if name in MAKERS and short(path) not in MAKERS[name]:
            wrong.append(f"line {call.lineno}: {name}() is made elsewhere only")
        if name in CLEANED:
            wrong.append(f"line {call.lineno}: {name}() without cleaning in front of it")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            wrong += [f"line {node.lineno}: {one.attr} is drawn by Textual" for one in targets
                      if isinstance(one, ast.Attribute) and one.attr in ATTRIBUTES]
            wrong += [f"line {node.lineno}: a placeholder is markup unless it is content()" for one in targets
                      if isinstance(one, ast.Attribute) and one.attr == "placeholder"
                      and not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "content")]
    assert wrong == []


@pytest.mark.parametrize("path", UI, ids=short)
def test_only_two_of_textuals_widgets_are_used(path: Path) -> None:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("textual.widgets"):
            wrong += [alias.name for alias in node.names if alias.name not in {*WIDGETS, "TextAreaTheme"}]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rich"):
            wrong += [alias.name for alias in node.names if alias.name in ("Markup", "render", "print")]
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                name = ast.unparse(base)
                if name in WIDGETS and node.name not in CLEANED[name]:
                    wrong.append(f"{node.name} is a bare {name}")
    assert wrong == []


def test_the_blank_segments_of_lines_are_blank() -> None:
    for name, call in calls(PACKAGE / "ui" / "lines.py"):
        if name == "Segment":
            text = call.args[0]
            assert isinstance(text, ast.BinOp)
            assert isinstance(text.left, ast.Constant)
            assert text.left.value == " ", ast.unparse(call)


def test_what_the_app_says_at_its_end_is_its_own() -> None:
    made = [call for name, call in calls(PACKAGE / "ui" / "app.py") if name == "Text"]
    assert len(made) == 3
    said = "".join(ast.unparse(call) for call in made)
    assert "clean(self.main.only_here)" in said
    assert "clean(words) for words in told" in said
    assert "Text('\\n'.join(lines))" in said


def test_every_drawing_widget_draws_through_present() -> None:
    """Whoever makes strips takes its segments from seg(), or from a function that does."""
    for path in UI:
        tree = ast.parse(path.read_text())
        names = {name for name, _ in calls(path)}
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        if "Strip" in names and short(path) not in ("ui/lines.py", "ui/frame.py"):
            assert imported & {"seg", "strip"}, f"{short(path)} makes strips without present.seg()"


def test_inert_has_one_maker() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if short(path) == "model/text.py":
            continue
        for name, call in calls(path):
            if name == "Inert" and not all(isinstance(one, ast.Constant) and one.value == "" for one in call.args):
                wrong.append(f"{short(path)}:{call.lineno}: {ast.unparse(call)}")
            if name == "cast" and call.args and "Inert" in ast.unparse(call.args[0]):
                wrong.append(f"{short(path)}:{call.lineno}: {ast.unparse(call)}")
    assert wrong == []


def test_this_test_sees_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f(self, x):\n    self.notify(x)\n    Text.from_markup(x)\n    Widget(x, markup=True)\n")
    assert [name for name, _ in calls(bad) if name in NEVER] == ["notify", "from_markup"]
