"""The words of a text for the rules; the one definition is in the model."""

from __future__ import annotations

from agentdesk.model.words import fold, tokens

__all__ = ["fold", "tokens"]
