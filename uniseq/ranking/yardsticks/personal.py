"""Personal scores: everybody's but for a few items of each user."""

import numpy as np
import torch
from scipy.sparse import csr_array

from uniseq.batch import RankingBatch
from uniseq.ranking.ranks import Ranks, ranks_from_counts


class PersonalScores:
    """Ranks by s(u, i) = common(i) + personal(u, i), where most of ``personal`` is zero.

    What everybody shares is sorted once; a user then costs a binary search and a look at their
    own few items, and nothing of size users × items is ever held. A tie counts against the target
    and is an exact one: the scores have to be such that float64 adds them without rounding.

    Args:
        common: score of each item for everybody. Shape (N,), float64.
    """

    def __init__(self, common: np.ndarray) -> None:
        self._common = common
        self._sorted = np.sort(common)

    def rank(self, personal: csr_array, batch: RankingBatch) -> Ranks:
        """Rank the targets of a batch.

        Args:
            personal: what each user's own items score beyond the common score, no item twice.
                Shape (B, N).
            batch: the users.
        """
        users = np.arange(len(batch.targets))
        # Copies: scipy looks up by arrays only if these own their memory.
        targets, seen_rows, seen_items = (
            tensor.numpy().copy() for tensor in (batch.targets, batch.seen_rows, batch.seen_items)
        )
        threshold = self._common[targets] + personal[users, targets]  # (B,)
        # All items as if nobody had scores of their own, then the P items that have some.
        below = np.searchsorted(self._sorted, threshold)  # (B,)
        owners = np.repeat(users, np.diff(personal.indptr))  # (P,)
        shared = self._common[personal.indices]  # (P,)
        gone = shared < threshold[owners]
        come = shared + personal.data < threshold[owners]
        below -= np.bincount(owners[gone], minlength=len(users))
        below += np.bincount(owners[come], minlength=len(users))
        seen_scores = self._common[seen_items] + personal[seen_rows, seen_items]  # (S,)
        hides = seen_scores >= threshold[seen_rows]
        return ranks_from_counts(
            torch.from_numpy(below),
            torch.from_numpy(np.bincount(seen_rows[hides], minlength=len(users))),
            batch.targets,
            batch.seen_rows,
            batch.seen_items,
            len(self._common),
        )
