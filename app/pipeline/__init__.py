"""Pure functions from profile to slate. Time and randomness are arguments; no I/O."""
