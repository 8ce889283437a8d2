"""One package per platform, and what they share: the only place that imports httpx."""
