"""Backbone: what every sequence encoder takes and gives."""

from typing import Protocol

from torch import Tensor

from uniseq.batch import Histories


class Backbone(Protocol):
    """A sequence encoder: histories in, one vector a history out.

    ``dim`` is the dimension of the item embeddings it takes and of the vectors it gives. Of a
    batch it sees the histories alone: targets and negatives are not handed to it.
    """

    dim: int

    def __call__(self, histories: Histories, embedded: Tensor, *, all_positions: bool) -> Tensor:
        """Encode the histories.

        Args:
            histories: B of them, T items in all.
            embedded: the embeddings of ``histories.items``. Shape (T, d).
            all_positions: a vector for each prefix of each history instead of the whole one only.

        Returns:
            Shape (B, d), or (T, d) for all positions.
        """
        ...
