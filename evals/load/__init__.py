"""Latency, memory and start-up figures that a command reproduces."""
