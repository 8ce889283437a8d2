"""The contract suite lives in the package, for connectors of others too."""

from agentdesk.testing.suite import Ahead, ConnectorContract, World, hostile_texts, reply, skip, strings

__all__ = ["Ahead", "ConnectorContract", "World", "hostile_texts", "reply", "skip", "strings"]
