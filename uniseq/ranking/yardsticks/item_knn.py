"""Item-kNN ranking: what was taken by those who took the user's items."""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array, vstack

from uniseq.batch import RankingBatch
from uniseq.errors import require_positive
from uniseq.ranking.ranks import Ranks
from uniseq.ranking.yardsticks.personal import PersonalScores

NEIGHBOURS = 100
# Products that are held at a time: 100 MB, whatever the catalogue.
BLOCK = 2**22
# Similarities are multiples of this: float64 adds 2^13 of them exactly, in any order.
GRAIN = 2.0**-40


class ItemKNN:
    """Item-based collaborative filtering: the history's items vote for what is like them.

    s(u, i) = Σ_{j in u's history, each once} sim(j, i), over the j that have i among their
    nearest items, with sim(j, i) = |U_j ∩ U_i| / √(|U_j| |U_i|) for j ≠ i, the cosine of the
    columns of the training part's user × item matrix, and U_i the users of item i. All items that
    nobody votes for tie at 0, below the others.

    Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms" (WWW 2001), in
    the form of Deshpande & Karypis, "Item-Based Top-N Recommendation Algorithms" (ACM TOIS 2004),
    section 4.1, for implicit feedback: votes are not divided by anything, and the neighbourhood
    is that of the history's item. The order of the history plays no part. Neighbours that tie
    with the last one stay too, so that the numbering of the items plays none either.

    Args:
        users: user of each training interaction. Shape (M,).
        items: item of each training interaction. Shape (M,).
        num_items: N.
        neighbours: nearest items that each item votes for.
        voters: whether a history to be ranked for may hold the item, one of them at least; only
            such items get neighbours. Shape (N,), or None for all.

    Raises:
        ConfigError: when ``neighbours`` is not positive.
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        num_items: int,
        neighbours: int = NEIGHBOURS,
        voters: np.ndarray | None = None,
    ) -> None:
        require_positive(neighbours=neighbours)
        rows = np.arange(num_items) if voters is None else np.flatnonzero(voters)
        self._similarities = _similarities(users, items, num_items, neighbours, rows)
        self._scores = PersonalScores(np.zeros(num_items))

    def rank(self, batch: RankingBatch) -> Ranks:
        """Rank the targets of a batch."""
        rows, items = batch.seen_rows.numpy(), batch.seen_items.numpy()
        shape = (len(batch.targets), self._similarities.shape[0])
        histories = csr_array((np.ones(len(rows)), (rows, items)), shape=shape)
        return self._scores.rank(histories @ self._similarities, batch)


def _similarities(
    users: np.ndarray, items: np.ndarray, num_items: int, neighbours: int, rows: np.ndarray
) -> csr_array:
    """Row j: similarities of item j to its nearest items, for j in ``rows``. (N, N), sparse."""
    num_users = int(users.max(initial=-1)) + 1
    ones = np.ones(len(users), dtype=np.int32)
    by_item = csr_array((ones, (items, users)), shape=(num_items, num_users))
    by_item.data[:] = 1  # a repeated item is one that the user has had
    by_user = by_item.T.tocsr()
    size = np.diff(by_item.indptr).astype(np.float64)  # (N,)
    products = np.cumsum((by_item @ np.diff(by_user.indptr).astype(np.float64))[rows])  # (rows,)
    cuts = np.searchsorted(products, np.arange(BLOCK, products[-1], BLOCK))
    edges = np.unique([0, *cuts, len(rows)])
    blocks = []
    for own in (rows[start:stop] for start, stop in pairwise(edges)):
        block = by_item[own] @ by_user  # (items of the block, N) users in common
        owners = np.repeat(own, np.diff(block.indptr))
        cosine = block.data / np.sqrt(size[owners] * size[block.indices])
        block.data = np.rint(cosine / GRAIN) * GRAIN
        block.data[owners == block.indices] = 0.0
        block.eliminate_zeros()
        blocks.append(_nearest(block, neighbours))
    found = vstack(blocks, format="csr")
    lengths = np.zeros(num_items, dtype=np.int64)
    lengths[rows] = np.diff(found.indptr)
    begins = np.concatenate(([0], np.cumsum(lengths)))
    return csr_array((found.data, found.indices, begins), shape=(num_items, num_items))


def _nearest(block: csr_array, neighbours: int) -> csr_array:
    """Each row's ``neighbours`` largest entries, and those that tie with the last of them."""
    lengths = np.diff(block.indptr)
    least = np.zeros(len(lengths))
    for row in np.flatnonzero(lengths > neighbours):
        own = block.data[block.indptr[row] : block.indptr[row + 1]]
        least[row] = np.partition(own, -neighbours)[-neighbours]
    block.data[block.data < np.repeat(least, lengths)] = 0.0
    block.eliminate_zeros()
    return block
