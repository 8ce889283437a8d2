"""Pages in, replies out: plan first, then run."""
