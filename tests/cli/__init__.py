"""The command line, run in this process: whole outputs and exit codes."""
