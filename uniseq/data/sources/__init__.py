"""Sources of histories: benchmark files, raw logs, a generator."""
