"""What is found out about code at a commit: read from git objects alone, nothing of it imported or run."""
