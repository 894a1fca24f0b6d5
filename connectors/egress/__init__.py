"""What every delivery to a channel has in common: waiting, order, pace, retries, dead letters, positions."""
