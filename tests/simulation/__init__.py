"""The real queue, journal, checkpoints, workers and recovery over a simulated disk, git and time. See `__main__`."""
