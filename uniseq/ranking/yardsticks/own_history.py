"""Own-history ranking: what the user took before, copied."""

import numpy as np
from scipy.sparse import csr_array

from uniseq.batch import RankingBatch
from uniseq.ranking.ranks import Ranks
from uniseq.ranking.yardsticks.personal import PersonalScores


class OwnHistory:
    """The user's own items, most recent first; nothing is learned from anybody.

    An item counts where it last occurs. Items of the history that are older than what the batch
    keeps of it have lost their order: they tie, below those kept. All others tie below these, and
    since ties count against the target, a new item is ranked last. So the masked figures are
    those of a ranking that knows nothing, and the unmasked ones say how far repetition goes.

    Args:
        num_items: N.
    """

    def __init__(self, num_items: int) -> None:
        self._num_items = num_items
        self._scores = PersonalScores(np.zeros(num_items))

    def rank(self, batch: RankingBatch) -> Ranks:
        """Rank the targets of a batch."""
        kept = batch.histories.items.numpy()  # (T,)
        rows = np.repeat(np.arange(len(batch.histories.lengths)), batch.histories.lengths)  # (T,)
        # Scores grow with the place in the batch; only those of one user are ever compared.
        rows = np.concatenate((batch.seen_rows.numpy(), rows))  # (S + T,)
        items = np.concatenate((batch.seen_items.numpy(), kept))  # (S + T,)
        score = np.concatenate((np.ones(len(batch.seen_items)), np.arange(2.0, len(kept) + 2)))
        # The first one from the end is the last occurrence.
        _, last = np.unique((rows * self._num_items + items)[::-1], return_index=True)
        last = len(rows) - 1 - last
        shape = (len(batch.histories.lengths), self._num_items)
        return self._scores.rank(csr_array((score[last], (rows[last], items[last])), shape), batch)
