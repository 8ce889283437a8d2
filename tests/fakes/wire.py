"""The line to a fake server lives in the package, for connectors of others too."""

from agentdesk.testing.wire import Fault, Handler, Line, Reply

__all__ = ["Fault", "Handler", "Line", "Reply"]
