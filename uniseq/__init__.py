"""Sequential recommenders whose embeddings live on the unit hypersphere."""

__version__ = "0.1.0"
