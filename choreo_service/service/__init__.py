"""The composition root: a checked configuration becomes a running service."""
