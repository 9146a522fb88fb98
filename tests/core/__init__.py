"""Tests of core: values and decisions, no repository needed."""
