"""The configuration: schema and strict loader."""
