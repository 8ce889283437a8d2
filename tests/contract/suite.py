"""The contract suite lives in the package, for connectors of others too."""

from agentdesk.testing.suite import ConnectorContract, World, hostile_texts, reply, skip, strings

__all__ = ["ConnectorContract", "World", "hostile_texts", "reply", "skip", "strings"]
