"""Dead letters: found, looked at, replayed or discarded; each decision is recorded beside its effect."""
