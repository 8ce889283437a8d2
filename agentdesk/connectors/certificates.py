"""Whose certificates are believed: the system's authorities, and those that a source names; checks are never off."""

from __future__ import annotations

import ssl

from agentdesk.errors import ConfigError


def ssl_context(ca_file: str, name: str) -> ssl.SSLContext:
    """The system's certificate authorities, and those in ``ca_file`` besides; checks are never off."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        import certifi

        context.load_verify_locations(cafile=certifi.where())
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{name}: the certificates in {ca_file} cannot be used", str(error), "Put a PEM file into ca_file:"
            ) from error
    return context
