"""Split: which interactions train, and which one of each user is held out to be ranked."""

from dataclasses import dataclass

import numpy as np

from uniseq.data.sequences import (
    MIN_LENGTH,
    Sequences,
    require_splittable,
    take_parts,
    user_blocks,
)
from uniseq.errors import DataError


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Interactions to be ranked, each after all earlier ones of its user.

    Args:
        users: row of each user, ascending. Shape (V,).
        places: where the interaction lies in ``Sequences.items``. Shape (V,).
    """

    users: np.ndarray
    places: np.ndarray


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts of a data set.

    Args:
        train: how many interactions of each user train, its first ones. Shape (U,).
        validation: held out to choose the epoch.
        test: held out to be reported.
    """

    train: np.ndarray
    validation: HeldOut
    test: HeldOut


def leave_one_out(sequences: Sequences) -> Split:
    """The last interaction of each user tests, the last but one validates, the others train.

    Args:
        sequences: the histories.

    Raises:
        DataError: naming the first user whose history is too short.
    """
    require_splittable(sequences)
    users, ends = np.arange(sequences.num_users), sequences.offsets[1:]
    return Split(sequences.lengths - 2, HeldOut(users, ends - 2), HeldOut(users, ends - 1))


def by_time(sequences: Sequences, share: float) -> Split:
    """Two moments cut the whole log: what lies before the first trains, for everybody alike.

    The latest ``share`` of all interactions is the test period and as many before it the
    validation period. In each, a user's first interaction is ranked, if they had one before it:
    so nothing that is learnt or read lies in the future of what is predicted.

    Args:
        sequences: the histories, with times.
        share: of the interactions in each of the two periods, above 0 and below .5.

    Raises:
        DataError: when the source has no times, a history is not in order of time, or a part is
            empty.
    """
    times = sequences.times
    if times is None:
        raise DataError(
            sequences.name, "has no times to split by; use dataset.split=leave_one_out or a raw log"
        )
    begins = np.zeros(len(times) + 1, dtype=bool)
    begins[sequences.offsets] = True
    backwards = 1 + np.flatnonzero((times[1:] < times[:-1]) & ~begins[1:-1])
    if backwards.size:
        row = np.searchsorted(sequences.offsets, backwards[0], side="right") - 1
        user = sequences.user_ids[row]
        raise DataError(sequences.name, f"the history of user {user} is not in order of time")
    first, second = np.quantile(times, [1 - 2 * share, 1 - share])
    train = sequences.lengths
    for users in user_blocks(sequences.offsets):
        of_block = times[sequences.offsets[users.start] : sequences.offsets[users.stop]]
        owners = np.repeat(np.arange(users.stop - users.start), train[users])
        train[users] = np.bincount(owners[of_block < first], minlength=users.stop - users.start)
    split = Split(
        train, _first_between(sequences, first, second), _first_between(sequences, second, np.inf)
    )
    sizes = {"training": train.max(), "validation": len(split.validation.users)}
    for part, size in {**sizes, "test": len(split.test.users)}.items():
        if size == 0:
            raise DataError(
                sequences.name,
                f"no {part} interaction is left when the last 2 × {100 * share:g}% of the log are "
                "held out by time; change dataset.held_out_share",
            )
    return split


def _first_between(sequences: Sequences, begin: float, end: float) -> HeldOut:
    """Each user's first interaction in [begin, end), unless it is their very first."""
    times = sequences.times
    assert times is not None
    places = np.flatnonzero((times >= begin) & (times < end))
    users = np.searchsorted(sequences.offsets, places, side="right") - 1
    users, first = np.unique(users, return_index=True)
    known = places[first] > sequences.offsets[users]
    return HeldOut(users[known], places[first][known])


def sample_users(held_out: HeldOut, count: int) -> HeldOut:
    """``count`` of the held-out interactions drawn at random, or all where there are no more.

    The draw depends on how many there are to draw from and on nothing else: runs that differ in
    seed, model or objective rank the same users, and a larger sample holds the smaller one.

    Args:
        held_out: interactions to draw from.
        count: how many.
    """
    drawn = np.random.default_rng(0).permutation(len(held_out.users))[:count]
    rows = np.sort(drawn)
    return HeldOut(held_out.users[rows], held_out.places[rows])


def leakage(sequences: Sequences) -> dict[str, float]:
    """How much of the future leave-one-out lets a model see, as shares between 0 and 1.

    - ``tests_with_later_training``: test interactions after which at least one training
      interaction (of anyone) took place.
    - ``training_after_test``: training interactions that took place after a test interaction,
      averaged over the test interactions.
    - ``items_first_seen_later``: test interactions with an item whose first training interaction
      took place after them.

    Users with too few interactions for leave-one-out do not count; where all are such, there is
    nothing to tell.

    Args:
        sequences: the histories, with times.
    """
    times = sequences.times
    assert times is not None
    long = sequences.lengths >= MIN_LENGTH
    if not long.any():
        return {}
    train = np.where(long, sequences.lengths - 2, 0)
    tests = sequences.offsets[1:][long] - 1
    training = np.concatenate(list(take_parts(times, sequences.offsets, train)))
    training.sort()
    tested = times[tests]
    later = len(training) - np.searchsorted(training, tested, side="right")
    first = np.full(sequences.num_items, np.iinfo(np.int64).max)
    for items, moments in zip(
        take_parts(sequences.items, sequences.offsets, train),
        take_parts(times, sequences.offsets, train),
        strict=True,
    ):
        np.minimum.at(first, items, moments)
    first_of_test = first[sequences.items[tests]]
    known = first_of_test < np.iinfo(np.int64).max
    return {
        "tests_with_later_training": float((later > 0).mean()),
        "training_after_test": float((later / len(training)).mean()),
        "items_first_seen_later": float((known & (first_of_test > tested)).mean()),
    }
