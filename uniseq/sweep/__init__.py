"""Sweeps: many runs, each of them once."""
