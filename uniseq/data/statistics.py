"""Statistics by which papers describe a data set."""

from dataclasses import dataclass

from uniseq.data.sequences import Sequences


@dataclass(frozen=True, slots=True)
class Statistics:
    """Size and shape of a data set.

    Args:
        users: U.
        items: N.
        interactions: M, repeats included.
        mean_length: M / U.
        sparsity: 1 - M / (U N), as papers count it: where users repeat items it is a little less
            than the share of pairs that never met.
    """

    users: int
    items: int
    interactions: int
    mean_length: float
    sparsity: float


def statistics(sequences: Sequences) -> Statistics:
    """The statistics of any data set."""
    users, items, interactions = (sequences.num_users, sequences.num_items, len(sequences.items))
    return Statistics(
        users=users,
        items=items,
        interactions=interactions,
        mean_length=interactions / users,
        sparsity=1 - interactions / (users * items),
    )
