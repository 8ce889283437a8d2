"""One module per part of the screen."""
