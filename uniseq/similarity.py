"""Similarity of a history and an item: one object for training, ranking and export.

Both similarities are inner products of transformed vectors, so the ranking only ever needs
matrix products.
"""

from typing import Protocol

import torch.nn.functional as F
from torch import Tensor, nn


class Similarity(Protocol):
    """Maps vectors to the space in which the score is their inner product.

    ``unit`` says whether the vectors it gives are of unit norm.
    """

    unit: bool

    def __call__(self, vectors: Tensor) -> Tensor:
        """Shape (..., d) to shape (..., d)."""
        ...


class Dot(nn.Module):
    """The score is the inner product of the vectors as they are."""

    unit = False

    def forward(self, vectors: Tensor) -> Tensor:
        """Shape (..., d), unchanged."""
        return vectors


class Cosine(nn.Module):
    """The score is the cosine: vectors are divided by their L2 norm (Chung & Kim, Eq. 3).

    A zero vector stays zero and its gradient stays finite.
    """

    unit = True

    def forward(self, vectors: Tensor) -> Tensor:
        """Shape (..., d) to the same shape, of unit norm."""
        return F.normalize(vectors, dim=-1)
