"""The measurements as a test: ``pytest -m bench -s`` prints the table of a quick run."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import main


@pytest.mark.bench
def test_prints_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick"]) == 0
    said = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + said)
    assert "start to first frame" in said
    assert "import with full text" in said
