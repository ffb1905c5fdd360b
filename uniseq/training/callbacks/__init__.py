"""Callbacks that look on while a run trains."""
