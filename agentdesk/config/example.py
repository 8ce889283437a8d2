"""The example configuration that comes along: complete, commented, and tested to load."""

from __future__ import annotations

from pathlib import Path

_NAME = "config.example.yaml"


def example_text() -> str:
    """The example's text: from inside the wheel, or from the top of a checkout."""
    here = Path(__file__).resolve()
    inside = here.with_name(_NAME)
    return (inside if inside.is_file() else here.parents[2] / _NAME).read_text(encoding="utf-8")


def starter_text() -> str:
    """The example as a file to begin with: its sections stand, their contents are comments, so all is default."""
    return "\n".join(map(_commented, example_text().splitlines())) + "\n"


def _commented(line: str) -> str:
    text = line.lstrip(" ")
    indent = " " * (len(line) - len(text))
    return f"{indent}# {text}" if indent and text and not text.startswith("#") else line
