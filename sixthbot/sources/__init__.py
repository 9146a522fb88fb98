"""The origins of events: each compares the world with what was stored and names the difference."""
