"""All modules with verbs that need no screen, by name: nothing collects itself."""

from __future__ import annotations

from agentdesk.commands import conversation, escalate, listening, people, platform, queue, reply, shift

VERB_MODULES = (queue, conversation, reply, escalate, platform, people, listening, shift)
