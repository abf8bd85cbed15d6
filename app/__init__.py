"""Shelfwise: a self-hosted recommendation service for shops."""

__version__ = "0.1.0"
