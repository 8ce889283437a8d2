"""Canned replies, length counting and guards, all pure."""
