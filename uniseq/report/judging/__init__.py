"""Whether a claim holds: paired tests and their corrections."""
