"""What every operation and service needs of a CA: finding it, its state, signing with its key, and its events."""
