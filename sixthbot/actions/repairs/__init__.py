"""Repairs that an issue may ask for by name: deterministic, pure Python, on the files of a worktree."""
