"""The typed, checked configuration."""
