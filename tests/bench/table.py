"""The one table: as plain text, and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

DOCUMENT = "docs/measurements.md"


@dataclass(frozen=True)
class Row:
    """One thing that was measured; every cell is ready to be printed."""

    what: str
    smallest: str
    small: str
    large: str
    beside: str
    goal: str
    reached: bool

    def cells(self) -> tuple[str, ...]:
        """The row's texts, its goal with a mark."""
        *texts, reached = astuple(self)
        if self.goal:
            texts[-1] += " ✓" if reached else " ✗"
        return tuple(texts)


def heads(size: str) -> tuple[str, ...]:
    """The titles of the columns."""
    return "what", "min", "1k", size, "beside", "goal"


def ratio(one: float, other: float) -> str:
    """How many times ``other`` the first is."""
    return f"{one / other:.2f} × min" if other else ""


def as_text(rows: Sequence[Row], size: str) -> str:
    """The table in columns."""
    lines = [heads(size), *(row.cells() for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(wide) for cell, wide in zip(line, widths, strict=True)).rstrip()
                     for line in lines)


def document(rows: Sequence[Row], size: str, machine: str) -> str:
    """The page ``docs/measurements.md``."""
    table = ["| " + " | ".join(line) + " |" for line in (heads(size), *(row.cells() for row in rows))]
    table.insert(1, "|---" * len(heads(size)) + "|")
    return f"""# Measurements

How fast agentdesk is beside «min», the smallest Textual app (one list that answers to `j`; for typing a bare text
area), through a pseudo-terminal of 120×40. Both run in turn, so read the ratios: times depend on the machine and on
what else it does. «1k» and «{size}» are the numbers of open conversations in the cache, about three messages each,
nearly all of them late. A mark tells whether the goal was reached in this run.

Machine: {machine}.

{chr(10).join(table)}

To repeat it: `python -m tests.bench --write`. The first run makes the large cache, which takes some minutes and 1.2 GB
in the folder for temporary files (`--folder` names another); `--quick` takes 20,000 conversations. `--only start` and
the like measure a part.

What the rows mean:

- *first frame, first rows*: from the start of the process until the shell and a conversation's name have been written.
- *a key answered*: until a `j`, typed as soon as there are rows, has moved the cursor.
- *key to paint*: from the key until the first byte of the answer, one key at a time.
- *bytes*: all that is written to the terminal in answer to a key; «held» is thirty keys a second for three seconds.
- *search*: every beginning of six typed searches, common words, rare ones and phrases, newest 60 messages; the middle
  one of three times.
- *import*: `agentdesk import` of a JSONL file into an empty cache.
"""
