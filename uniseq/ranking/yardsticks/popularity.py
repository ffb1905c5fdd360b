"""Popularity ranking: what everybody else took."""

import numpy as np
from scipy.sparse import csr_array

from uniseq.batch import RankingBatch
from uniseq.ranking.ranks import Ranks
from uniseq.ranking.yardsticks.personal import PersonalScores


class Popularity:
    """s(u, i) = number of training interactions of item i, the same for everybody.

    Args:
        items: item rows of all training interactions. Shape (M,).
        num_items: N.
    """

    def __init__(self, items: np.ndarray, num_items: int) -> None:
        self.counts = np.bincount(items, minlength=num_items)  # (N,)
        self._scores = PersonalScores(self.counts.astype(np.float64))

    def rank(self, batch: RankingBatch) -> Ranks:
        """Rank the targets of a batch."""
        nothing = csr_array((len(batch.targets), len(self.counts)))
        return self._scores.rank(nothing, batch)
