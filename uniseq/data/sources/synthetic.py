"""Synthetic data whose true next-item probabilities are known, so that the best ranking is too."""

import hashlib
import json
import logging
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from uniseq.data.sequences import Sequences
from uniseq.data.sources.cache import generated_once, save_in_parts
from uniseq.data.sources.chain import Chain
from uniseq.errors import ConfigError, require_positive

VERSION = 2  # goes up when the same arguments give other histories than before
MAPPED = 10**7  # interactions, about, from which on histories are generated onto the disk
CELLS = 2**20  # users drawn at a time, times max_length

logger = logging.getLogger(__name__)


class Synthetic:
    """A seeded generator with the features of shop logs.

    Item popularity follows Zipf's law; items form clusters; each item has a few likely
    successors. Given a history that ends in (…, b, a), the next item is drawn from

    ``q(i | a, b) = .45·succ(i | a) + .15·succ(i | b) + .25·pop(i | cluster of a) + .15·pop(i)``

    among the items that the user does not have yet (as in the Amazon sets, where nobody buys
    twice): the history's items are left out and the rest is renormalised. Successors lie in the
    item's own cluster; lengths are 5 plus a geometric number, like the 5-core sets.

    Users are drawn in blocks, each from the seed and its own number, so that memory does not grow
    with their number. Where ``num_users · mean_length`` is below 10 million, histories are drawn
    anew by each process and held in memory; from there on they are generated once, in minutes,
    into ``UNISEQ_CACHE_DIR`` and mapped by every run that asks for the same arguments.

    Args:
        num_users: U.
        num_items: N.
        num_clusters: clusters of items, of equal size up to one item.
        successors: likely successors of each item.
        mean_length: mean history length, at least 5.
        max_length: longest history.
        zipf: exponent of the popularity.
        seed: of the generator; the data depend on it and the other arguments alone.

    Raises:
        ConfigError: when the sizes do not fit together.
    """

    MIN_LENGTH = 5

    def __init__(
        self,
        num_users: int = 4000,
        num_items: int = 1000,
        num_clusters: int = 20,
        successors: int = 5,
        mean_length: float = 9.0,
        max_length: int = 100,
        zipf: float = 0.8,
        seed: int = 0,
    ) -> None:
        require_positive(num_users=num_users, successors=successors)
        if not 0 <= zipf <= 3:
            raise ConfigError("zipf", f"must lie between 0 and 3, not {zipf}")
        if seed < 0:
            raise ConfigError("seed", f"must be 0 or more, not {seed}")
        if num_items > np.iinfo(np.int32).max:
            raise ConfigError("num_items", f"must be below 2³¹, not {num_items}")
        if not 1 <= num_clusters <= num_items // (successors + 1):
            raise ConfigError(
                "num_clusters",
                f"{num_clusters} clusters of {num_items} items cannot each hold an item and its "
                f"{successors} successors",
            )
        if not mean_length >= self.MIN_LENGTH:
            raise ConfigError(
                "mean_length", f"must be at least {self.MIN_LENGTH}, not {mean_length}"
            )
        if not mean_length <= max_length <= num_items // 2:
            raise ConfigError(
                "max_length",
                f"must lie between mean_length and half of num_items ({num_items // 2}), "
                f"not {max_length}: nobody has an item twice",
            )
        self._arguments: dict[str, Any] = {
            "num_users": num_users,
            "num_items": num_items,
            "num_clusters": num_clusters,
            "successors": successors,
            "mean_length": float(mean_length),  # 8 and 8.0 draw the same, under one fingerprint
            "max_length": max_length,
            "zipf": float(zipf),
            "seed": seed,
        }
        self.num_users = num_users
        self.num_items = num_items
        self.mean_length = mean_length
        self.max_length = max_length
        self.seed = seed

    @cached_property
    def chain(self) -> Chain:
        """Popularity, clusters and successors, drawn on first use."""
        given = self._arguments
        names = ("num_items", "num_clusters", "successors", "zipf")
        return Chain(np.random.default_rng([self.seed, 0]), **{name: given[name] for name in names})

    def load(self) -> Sequences:
        """All histories, drawn or mapped.

        Raises:
            DataError: when the cache cannot be written, or has no room for them.
        """
        identity = json.dumps({**self._arguments, "version": VERSION}, sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()
        expected = int(self.num_users * self.mean_length)
        if expected < MAPPED:
            offsets = self._offsets()
            items = np.concatenate(list(self._blocks(offsets)))
        else:
            needed = 4 * expected + 8 * self.num_users
            arrays = generated_once(digest, needed, self._write, ("offsets", "items"))
            offsets, items = arrays["offsets"], arrays["items"]
        return Sequences(
            name="synthetic",
            items=items,
            offsets=offsets,
            item_ids=np.arange(1, self.num_items + 1),
            user_ids=np.arange(1, self.num_users + 1),
            fingerprint=f"synthetic-{digest}",
        )

    def _offsets(self) -> np.ndarray:
        rng = np.random.default_rng([self.seed, 1])
        extra = rng.geometric(1 / (self.mean_length - self.MIN_LENGTH + 1), self.num_users) - 1
        lengths = np.minimum(self.MIN_LENGTH + extra, self.max_length)
        return np.concatenate(([0], np.cumsum(lengths)))

    def _blocks(self, offsets: np.ndarray) -> Iterator[np.ndarray]:
        """The items of one block of users after the other."""
        size = max(1, CELLS // self.max_length)
        for number, start in enumerate(range(0, self.num_users, size)):
            lengths = np.diff(offsets[start : start + size + 1])
            yield self.chain.histories(np.random.default_rng([self.seed, 2, number]), lengths)

    def _write(self, folder: Path) -> None:
        offsets = self._offsets()
        logger.info("drawing %d interactions, once", offsets[-1])
        np.save(folder / "offsets.npy", offsets)
        save_in_parts(folder / "items.npy", np.dtype(np.int32), offsets[-1], self._blocks(offsets))

    def probabilities(self, histories: list[np.ndarray]) -> np.ndarray:
        """True probabilities of the next item: the scores of the best possible ranking.

        Args:
            histories: item rows, oldest first; none empty.

        Returns:
            Shape (len(histories), N), float64; 0 for the items of the history.
        """
        return self.chain.probabilities(histories)
