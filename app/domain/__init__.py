"""Frozen types that every part of Shelfwise shares. Imports nothing else of the project."""
