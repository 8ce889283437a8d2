"""Verbs are called on the desk's little world."""

from tests.desk.conftest import world as world
