"""What a model adds to the ranking, measured on held-out purchases, and the gate that follows from it."""
