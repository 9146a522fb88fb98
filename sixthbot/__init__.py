"""sixthbot: a bot that lives in a git repository and works while its people do something else."""

__version__ = "0.1.0"
