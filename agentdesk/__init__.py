"""agentdesk: a terminal desk for the people who answer customers."""

__version__ = "0.1.0"
