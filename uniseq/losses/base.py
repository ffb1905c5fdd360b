"""What every objective takes and gives."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Triplets:
    """R triplets (u, i, j) of history, positive item and K negative items, as score-space vectors.

    The vectors are already mapped by the similarity: on the unit sphere for the cosine, raw for
    the dot product; a score is an inner product either way.

    Args:
        history: h'. Shape (R, d).
        positive: i'. Shape (R, d).
        negatives: j'. Shape (R, K, d).
        items: the whole item table, raw (not mapped by the similarity); for objectives whose
            ``reads_items`` is not false. Shape (N, d).
        targets: ids of the positives, rows of ``items``. Shape (R,).
        unit: whether history, positive and negatives are of unit norm already.
        owned: whether the user of triplet r has the positive of triplet c, its own included;
            only for objectives whose ``reads_owned`` asks for it. Shape (R, R).
    """

    history: Tensor
    positive: Tensor
    negatives: Tensor
    items: Tensor
    targets: Tensor
    unit: bool = False
    owned: Tensor | None = None


class Objective(Protocol):
    """A loss over one batch of triplets.

    One that needs ``Triplets.owned`` says so by an attribute ``reads_owned`` that is true, and one
    that never looks at ``Triplets.items`` by ``reads_items`` that is false: of a large table only
    the rows in the batch are then up to date.
    """

    def __call__(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, a scalar, and its named terms, unweighted, for the log."""
        ...


def scores(triplets: Triplets) -> tuple[Tensor, Tensor]:
    """Inner products of the histories with their positives (R,) and negatives (R, K)."""
    positive = (triplets.history * triplets.positive).sum(-1)  # (R,)
    negatives = (triplets.history[:, None] * triplets.negatives).sum(-1)  # (R, K)
    return positive, negatives
