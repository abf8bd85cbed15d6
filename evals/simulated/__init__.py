"""A model provider that is a program: OpenAI-compatible HTTP, no language model behind it (docs/simulated.md)."""
