"""The contract suite lives in the package, for connectors of others too."""

from agentdesk.testing.suite import (
    Ahead,
    ConnectorContract,
    Held,
    LineWorld,
    World,
    hostile_texts,
    reply,
    skip,
    strings,
)

__all__ = ["Ahead", "ConnectorContract", "Held", "LineWorld", "World", "hostile_texts", "reply", "skip", "strings"]
