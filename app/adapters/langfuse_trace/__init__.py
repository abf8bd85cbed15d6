"""Traces, costs and clicks for Langfuse (docs/operations/langfuse.md).

`tracing` listens and has a thread of its own; `reading` makes observations of what it heard; `wire` is the one module
that imports the SDK while the service serves, and does so in that thread.
"""
