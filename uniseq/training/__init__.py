"""Train, rank and record one run from its parts."""
