"""SGR, the escape sequence for attributes and colours: the way from one pen to another in as few bytes as it takes."""

from __future__ import annotations

from typing import NamedTuple


class Pen(NamedTuple):
    """How letters are written: attributes and colours as the terminal takes them."""

    attributes: tuple[str, ...] = ()
    ink: str = "39"
    ground: str = "49"
    link: str = ""


PLAIN = Pen()
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29", "21": "24",
        "51": "54", "52": "54", "53": "55"}
"""What takes an attribute away again, and others of its kind with it."""


def turn(old: Pen, new: Pen) -> str:
    """The shortest sequence from one pen to another."""
    link = "" if old.link == new.link else f"\x1b]8;;{new.link}\x1b\\"
    if new[:3] == PLAIN[:3]:
        return f"{link}\x1b[m" if old[:3] != PLAIN[:3] else link
    codes: list[str] = []
    ink, ground, attributes = old.ink, old.ground, old.attributes
    gone = {_OFF[code] for code in attributes if code not in new.attributes}
    codes.extend(sorted(gone))
    attributes = tuple(code for code in attributes if _OFF[code] not in gone)
    codes.extend(code for code in new.attributes if code not in attributes)
    if new.ink != ink:
        codes.append(new.ink)
    if new.ground != ground:
        codes.append(new.ground)
    return f"{link}\x1b[{';'.join(codes)}m" if codes else link
