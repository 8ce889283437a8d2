"""Telling new words from the repeated ones behind them, for all who show a text or weigh it.

Quoted lines begin with «>», as in plain mail; connectors bring other ways of quoting into this form.
"""

from __future__ import annotations

LEAST = 3
"""Fewer quoted lines are part of what is said."""
LONGEST_INTRODUCTION = 3
"""Lines such as «On Monday Jane wrote:», which belong to what they introduce."""


def own_words(text: str) -> tuple[str, int]:
    """The text without the history quoted at its end, and how many lines that has; 0 where there is none.

    What is nothing but a quotation stays whole, and so does what is quoted in between.
    """
    if "\n>" not in text:
        return text, 0
    lines = text.split("\n")
    at = len(lines)
    while at and (lines[at - 1].startswith(">") or not lines[at - 1].strip()):
        at -= 1
    if sum(line.startswith(">") for line in lines[at:]) < LEAST:
        return text, 0
    begin = at
    while begin and at - begin < LONGEST_INTRODUCTION and lines[begin - 1].strip():
        begin -= 1
    introduced = lines[at - 1].rstrip().endswith(":") and (not begin or not lines[begin - 1].strip())
    kept = lines[: begin if introduced else at]
    if not any(line.strip() for line in kept):
        return text, 0
    own = "\n".join(kept).rstrip()
    return own, sum(1 for line in lines[len(kept) :] if line.strip("> "))
