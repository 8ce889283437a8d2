"""The desk that screens are tested over."""

from tests.desk.conftest import world as world
