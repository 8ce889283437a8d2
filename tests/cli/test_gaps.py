"""What a source could not show is told with its reason, not only counted."""

from __future__ import annotations

from pathlib import Path

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run


def test_what_a_source_could_not_show_is_listed_with_the_reason(run: Run, posts: Path) -> None:
    run("sync")
    assert run("sources", "--gaps", "file:posts", "--json").lines == []
    assert "could show everything" in run("sources", "--gaps", "file:posts").err
    posts.write_text("")
    run("sync")
    (gap,) = run("sources", "--gaps", "file:posts", "--json").lines
    assert "posts.jsonl was replaced or cut short" in gap["reason"]
    assert "posts.jsonl was replaced or cut short" in run("sources", "--gaps", "file:posts").out
    assert run("sources", "--gaps", "file:nosuch").code != 0
    assert "looked at by ann" in run("sources", "--looked", "file:posts").err
    assert run("sources", "--gaps", "file:posts", "--json").lines == []
    assert run("sources", "--looked", "file:posts").code == Exit.REFUSED
