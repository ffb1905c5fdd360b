"""Item table, and the optimizer that pays for the rows touched."""
