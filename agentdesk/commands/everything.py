"""All modules with verbs that need no screen, by name: nothing collects itself."""

from __future__ import annotations

from agentdesk.commands import conversation, escalate, listening, people, queue, reply, shift, there

VERB_MODULES = (queue, conversation, reply, escalate, there, people, listening, shift)
