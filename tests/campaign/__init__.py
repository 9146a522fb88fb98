"""Real processes, killed in many ways, over and over: does sixthbot keep what it promises? See `__main__`."""
