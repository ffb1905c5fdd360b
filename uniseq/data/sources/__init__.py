"""Where histories come from: benchmark files, raw logs, a generator."""
