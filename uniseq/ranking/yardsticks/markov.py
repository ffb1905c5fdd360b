"""First-order Markov ranking: what followed the user's last item elsewhere."""

import numpy as np
from scipy.sparse import csr_array

from uniseq.batch import RankingBatch
from uniseq.ranking.ranks import Ranks
from uniseq.ranking.yardsticks.personal import PersonalScores
from uniseq.ranking.yardsticks.popularity import Popularity


class Markov:
    """First-order transition counts, backed off to popularity.

    s(u, b) = c(a → b) + p(b) / (1 + max p), with a the last item of the history, c how often b
    directly follows a in a training history (itself included) and p the training interactions.
    The second term is below 1: it orders equal counts, and all items that never followed a. Such
    a ranking is the maximum likelihood estimate of the chain in Rendle et al., "Factorizing
    Personalized Markov Chains for Next-Basket Recommendation" (WWW 2010), section 3.2, made one
    chain for all users; the back-off is ours. Held times 1 + max p, as integers, so that no
    rounding makes or breaks a tie.

    Args:
        users: user of each training interaction, in ascending order. Shape (M,).
        items: items of all training interactions, a user's oldest first. Shape (M,).
        num_items: N.
        lasts: whether a history to be ranked for may end in the item; only what follows such
            items is counted. Shape (N,), or None for all.
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        num_items: int,
        lasts: np.ndarray | None = None,
    ) -> None:
        counts = Popularity(items, num_items).counts
        counted = users[:-1] == users[1:]
        if lasts is not None:
            counted &= lasts[items[:-1]]
        pairs = (items[:-1][counted], items[1:][counted])
        # Entries of the same pair are added up.
        ones = np.ones(len(pairs[0]), dtype=np.int32)
        transitions = csr_array((ones, pairs), shape=(num_items, num_items))
        self._transitions = transitions * (1.0 + counts.max(initial=0))
        self._scores = PersonalScores(counts.astype(np.float64))

    def rank(self, batch: RankingBatch) -> Ranks:
        """Rank the targets of a batch."""
        last = batch.histories.items[batch.histories.offsets[1:] - 1].numpy()  # (B,)
        return self._scores.rank(self._transitions[last], batch)
