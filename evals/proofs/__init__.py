"""How well the prover tells true reasons from false ones: a grammar of both, and the measurement."""
