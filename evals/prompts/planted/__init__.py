"""The suite evaluated: good outputs with one planted fault each, and what every check makes of both."""
