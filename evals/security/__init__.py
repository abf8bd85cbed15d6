"""Attacks on what a model reads and says, against a model that obeys: only code defends (docs/security.md)."""
