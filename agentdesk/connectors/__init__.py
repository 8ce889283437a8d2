"""One module per platform: the only package that imports httpx."""
