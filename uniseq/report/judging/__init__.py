"""Judging of claims: paired tests and their corrections."""
