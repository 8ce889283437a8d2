"""The page of promises names tests that exist, and counts what their results say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = """<testsuites><testsuite>
<testcase classname="tests.nothing_lost.test_i1_pages_and_cursor" name="a">
<properties><property name="runs" value="40"/></properties></testcase>
<testcase classname="tests.nothing_lost.test_i1_pages_and_cursor" name="b"/>
<testcase classname="tests.nothing_lost.test_i2_machine.TestOutbox" name="c"><failure/></testcase>
<testcase classname="tests.hostile.test_tmux" name="d"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def promise() -> ModuleType:
    """docs/promise.py."""
    spec = importlib.util.spec_from_file_location("promise", ROOT / "docs" / "promise.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_line_names_tests_that_exist(promise: ModuleType) -> None:
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    for _, _, tests in promise.LINES:
        for test in tests:
            path = ROOT / Path(*test.split("."))
            assert test in files or path.is_dir() or path.with_suffix(".py").is_file(), test


def test_every_file_of_the_contract_has_a_line(promise: ModuleType) -> None:
    named = {test for _, _, tests in promise.LINES for test in tests}
    assert {path.stem for path in (ROOT / "tests" / "nothing_lost").glob("test_*.py")} <= named


def test_cases_runs_and_failures_are_counted(promise: ModuleType, tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(RESULTS)
    lines = {line.split(" | ")[0].strip("| "): line for line in promise.page(promise.count([results])).splitlines()}
    assert lines["I1"].endswith("| 2 | 41 | 0 |")
    assert lines["I2"].endswith("| 0 | 0 | **1** |")
    assert "not run" in lines["text"]
    assert "not run" in lines["I3"]
