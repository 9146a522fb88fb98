"""Workers that claim tasks, do their steps and hand them on; children that run foreign code."""
