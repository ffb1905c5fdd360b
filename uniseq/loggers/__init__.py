"""CSV, W&B, and what a logger may offer beyond Lightning's interface."""
