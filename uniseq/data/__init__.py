"""From interaction logs to ragged batches."""
