"""Attacks: hostile files, settings, records and programs; each ends as the contract says, and touches nothing else."""
