"""How good the rankings are: on real behaviour, against tuned peers, by the service's own pipeline."""
