"""How vectors lie on the unit sphere, and what that does to recommendation lists.

Plain torch, for anyone's loop. Nothing here holds a matrix of all pairs, and where a statistic is
not defined (fewer than two vectors, all of them zero, all values equal) it is None, never a number
that is none.
"""

from uniseq.ranking.lists import ListStatistics, list_statistics, top_items
from uniseq.sphere.measurement import measure
from uniseq.sphere.norms import NormStatistics, norm_statistics
from uniseq.sphere.pairs import PairStatistics, alignment, directions, pair_statistics
from uniseq.sphere.spectrum import effective_rank

__all__ = [
    "ListStatistics",
    "NormStatistics",
    "PairStatistics",
    "alignment",
    "directions",
    "effective_rank",
    "list_statistics",
    "measure",
    "norm_statistics",
    "pair_statistics",
    "top_items",
]
