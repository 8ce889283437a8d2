"""``python -m agentdesk``."""

from agentdesk.cli.main import entry

if __name__ == "__main__":
    entry()
