"""Losses: what each takes and gives."""

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
        items: the whole item table, raw (not mapped by the similarity); for losses that
            read it, see :class:`Loss`. Shape (N, d).
        targets: ids of the positives, rows of ``items``. Shape (R,).
        unit: whether history, positive and negatives are of unit norm already.
        owned: whether the user of triplet r has the positive of triplet c, its own included;
            only for losses that ask for it, see :class:`Loss`. Shape (R, R).
    """

    history: Tensor
    positive: Tensor
    negatives: Tensor
    items: Tensor
    targets: Tensor
    unit: bool = False
    owned: Tensor | None = None

    def scores(self) -> tuple[Tensor, Tensor]:
        """Inner products of the histories with their positives (R,) and negatives (R, K)."""
        positive = (self.history * self.positive).sum(-1)  # (R,)
        negatives = (self.history[:, None] * self.negatives).sum(-1)  # (R, K)
        return positive, negatives


class Loss(Protocol):
    """A loss over one batch of triplets.

    A class of one's own needs neither attribute: what it does not say is as it stands here.

    Attributes:
        reads_items: whether it may look at ``Triplets.items``. Where it never does, only the rows
            in the batch of a large table are brought up to date.
        reads_owned: whether it needs ``Triplets.owned``, which is None otherwise.
    """

    reads_items: bool = True
    reads_owned: bool = False

    def __call__(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, a scalar, and its named terms, unweighted, for the log."""
        ...


def reads_items(loss: Loss | None) -> bool:
    """Whether a loss may look at ``Triplets.items``; None does not."""
    return loss is not None and getattr(loss, "reads_items", Loss.reads_items)


def reads_owned(loss: Loss | None) -> bool:
    """Whether a loss needs ``Triplets.owned``; None does not."""
    return loss is not None and getattr(loss, "reads_owned", Loss.reads_owned)
