"""What looks on while a run trains."""
