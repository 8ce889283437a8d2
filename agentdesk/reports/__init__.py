"""Ledger and messages to rows of figures."""
