"""A training run: from its options to its set-up, its parts, and one step of it."""
