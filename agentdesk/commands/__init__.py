"""Verbs: everything agentdesk can be told to do, declared once."""
