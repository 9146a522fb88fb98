"""One file per command; parses, calls, prints, and decides nothing."""
