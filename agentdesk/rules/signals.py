"""The words that raise a conversation, with their weights, and the search for them in one pass.

They are a starting point: ``signals:`` in the configuration adds, changes and removes words. ``*`` stands for any
ending. A weight of 10 is critical by itself and 4 high; smaller ones only help; praise is below zero.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from agentdesk.model.words import fold

SAFETY, LEGAL, CHURN, COMPLAINT, THANKS, PRAISE = 10.0, 6.0, 4.0, 1.0, -1.0, -2.0

MAX_TEXT = 4_000
"""Characters of a text that are looked at."""

_TABLE: tuple[tuple[float, str], ...] = (
    (SAFETY, "medicine|medication|medicines|insulin|injured|injury|injuries|hospital|ambulance|bleeding|caught fire|"
             "on fire|burning smell|exploded|electric shock|gas leak|allergic reaction|choking|suicid*|kill myself|"
             "poison*|carbon monoxide|pacemaker|oxygen tank"),
    (SAFETY, "medicina|medicamento*|insulina|herido|herida|incendio|ambulancia|medikament*|verletzt|verletzung*|"
             "krankenhaus|brennt|feuer gefangen|medicament|insuline|blesse|blessee|incendie|hôpital"),
    (SAFETY, "薬|けが|怪我|火事|救急|インスリン|دواء|مصاب|حريق|مستشفى|أنسولين"),
    (LEGAL, "lawyer*|attorney|solicitor|lawsuit|suing|to sue|sue you|legal action|small claims|ombudsman|police|"
            "trading standards|consumer protection|data breach|fraud|fraudulent|dangerous|unsafe|emergency"),
    (LEGAL, "abogado|denuncia|estafa|peligroso|anwalt|rechtsanwalt|verbraucherzentrale|betrug|gefährlich|notfall|"
            "porter plainte|arnaque|dangereux|urgence"),
    (LEGAL, "弁護士|詐欺|消費者センター|危険|محامي|احتيال|خطر"),
    (CHURN, "switching to|switch to another|cancel my|cancelling my|canceling my|close my account|closing my account|"
            "leaving you|going elsewhere|taking my business|never again|never buying|hacked|stolen|stranded|"
            "charged twice"),
    (CHURN, "cancelar mi|darme de baja|nunca más|kündigen|kündige|kündigung|nie wieder|résilier|plus jamais|"
            "解約|退会|二度と|شكوى"),
    (COMPLAINT, "delay*|lost|missing|broken|not working|doesn't work|does not work|still waiting|no reply|no response|"
                "no answer|ignored|ignoring|worst|terrible|awful|horrible|useless|unacceptable|ridiculous|disappoint*|"
                "frustrat*|angry|furious|joke|pathetic|refund|cancelled|canceled|overcharged|damaged|faulty|outage|"
                "third time|complaint|rude|shame|fed up"),
    (COMPLAINT, "retraso|perdido|roto|no funciona|pésimo|vergüenza|reembolso|verspätung|kaputt|funktioniert nicht|"
                "enttäuscht|frechheit|unverschämt|retard|cassé|perdu|ne marche pas|ne fonctionne pas|honte|"
                "inadmissible|remboursement|déçu|遅い|壊れ|最悪|届かない|返金|سيء|تأخير|معطل"),
    (THANKS, "thanks|thank you|great|helpful|best|happy|appreciate|gracias|danke|vielen dank|merci|❤|👏|🙏|شكرا"),
    (PRAISE, "i love|love it|love this|love you|love your|loved|amazing|brilliant|excellent|fantastic|awesome|"
             "wonderful|perfect|thank you so much|thanks so much|well done|kudos|shout out|shoutout|made my day|"
             "impressed|grateful|muchas gracias|encanta|excelente|genial|increíble|großartig|"
             "merci beaucoup|génial|parfait|bravo|ありがとう|素晴らしい|最高|感謝|رائع|ممتاز|😍"),
)

_DOUBTS = (
    "not|never|no|nothing|but|however|still|yet|why|how|when|until|unless|again|another|wish|if|don't|doesn't|didn't|isn't|"
    "wasn't|can't|couldn't|won't|pero|aún|todavía|nunca|nicht|kein*|aber|leider|noch|ne|pas|mais|encore|でも|ない|لكن|لا"
)
"""Words beside which praise is not taken for praise: irony cannot be told, so nothing is calmed that may be angry."""

DEFAULTS: dict[str, float] = {word: weight for weight, words in _TABLE for word in words.split("|")}
"""Every built-in word with its weight."""


class Finder:
    """Finds many words in one pass over a text; its pattern is made when it is first asked."""

    def __init__(self, words: Mapping[str, float]) -> None:
        self._exact: dict[str, tuple[str, float]] = {}
        self._stems: dict[str, float] = {}
        for word, weight in words.items():
            folded = " ".join(fold(word.rstrip("*")).split())
            if folded and word.endswith("*"):
                self._stems[folded] = weight
            elif folded:
                self._exact[folded] = (word, weight)

    def find(self, text: str) -> dict[str, float]:
        """The words found in ``text`` with their weights, each once, in the order in which they come."""
        found: dict[str, float] = {}
        if self._exact or self._stems:
            for match in self._search.finditer(fold(text[:MAX_TEXT])):
                word, weight = self._exact.get(match[0]) or self._weigh(" ".join(match[0].split()))
                found[word] = weight
        return found

    @cached_property
    def _search(self) -> re.Pattern[str]:
        """All words as one pattern, those of scripts with spaces only as whole words."""
        bound: dict[str, Any] = {}
        free: dict[str, Any] = {}
        for word in self._exact:
            _plant(bound if _has_spaces(word) else free, [*word])
        for stem in self._stems:
            _plant(bound if _has_spaces(stem) else free, [*stem, "*"])
        parts = [rf"(?<!\w){_pattern(bound)}(?!\w)"] if bound else []
        return re.compile("|".join(parts + ([_pattern(free)] if free else [])))

    def _weigh(self, word: str) -> tuple[str, float]:
        """The word as the list spells it, or as found where only its stem is listed; and its weight."""
        if word in self._exact:
            return self._exact[word]
        stem = max((stem for stem in self._stems if word.startswith(stem)), key=len, default="")
        return word, self._stems.get(stem, 0.0)


class Signals:
    """The words in force: the built-in ones with the configuration's changes."""

    def __init__(self, changes: Mapping[str, float] | None = None) -> None:
        """``changes`` adds or reweighs words; a weight of 0 removes one."""
        changed = {**DEFAULTS, **(changes or {})}
        self.words = {word: weight for word, weight in changed.items() if weight}
        self._finder = Finder(self.words)
        self._doubts = Finder(dict.fromkeys(_DOUBTS.split("|"), 1.0))

    def find(self, text: str) -> dict[str, float]:
        """The signal words in ``text`` with their weights."""
        return self._finder.find(text)

    def doubtful(self, text: str) -> bool:
        """True when praise in ``text`` may not be meant: it asks, denies or contrasts."""
        return "?" in text or "？" in text or "؟" in text or bool(self._doubts.find(text))


def _has_spaces(word: str) -> bool:
    """True for scripts that put spaces between words and no prefixes before them."""
    return word[0].isalnum() and word[0] < "\u0590"


def _plant(tree: dict[str, Any], steps: list[str]) -> None:
    for step in steps:
        tree = tree.setdefault(step, {})
    tree[""] = {}


def _pattern(tree: dict[str, Any]) -> str:
    """A tree of letters as one pattern that tries longer words first."""
    ways = [_step(step) + _pattern(below) for step, below in tree.items() if step not in ("", "*")]
    if "*" in tree:
        ways.append(r"\w*")
    if not ways:
        return ""
    if "" not in tree and len(ways) == 1:
        return ways[0]
    return f"(?:{'|'.join(ways)})" + ("?" if "" in tree else "")


def _step(step: str) -> str:
    return r"\s+" if step == " " else re.escape(step)
