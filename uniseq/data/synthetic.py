"""A data set whose true next-item probabilities are known, so that the best ranking is too."""

import hashlib
import json
from typing import Any

import numpy as np

from uniseq.data.sequences import Sequences
from uniseq.errors import ConfigError, require_positive


class Synthetic:
    """A seeded generator with the features of shop logs.

    Item popularity follows Zipf's law; items form clusters; each item has a few likely
    successors. Given a history that ends in (…, b, a), the next item is drawn from

    ``q(i | a, b) = .45·succ(i | a) + .15·succ(i | b) + .25·pop(i | cluster of a) + .15·pop(i)``

    among the items that the user does not have yet (as in the Amazon sets, where nobody buys
    twice): the history's items are left out and the rest is renormalised. Successors lie in the
    item's own cluster; lengths are 5 plus a geometric number, like the 5-core sets.

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

    WEIGHTS = (0.45, 0.15, 0.25, 0.15)  # last, one before, cluster, everywhere
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
        if not 1 <= num_clusters <= num_items // (successors + 1):
            raise ConfigError(
                "num_clusters",
                f"{num_clusters} clusters of {num_items} items cannot each hold an item and its "
                f"{successors} successors",
            )
        if mean_length < self.MIN_LENGTH:
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
            "mean_length": mean_length,
            "max_length": max_length,
            "zipf": zipf,
            "seed": seed,
        }
        self.num_users = num_users
        self.num_items = num_items
        self.mean_length = mean_length
        self.max_length = max_length
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        popularity = np.arange(1, num_items + 1, dtype=np.float64) ** -zipf
        self._popularity = popularity / popularity.sum()  # (N,), most popular item first
        self._cluster = rng.permutation(num_items) % num_clusters  # (N,)
        # Items cluster by cluster, with the popularity accumulated along them: one search in the
        # stretch of a cluster draws from it by popularity.
        self._by_cluster = np.argsort(self._cluster, kind="stable")
        sizes = np.bincount(self._cluster, minlength=num_clusters)
        self._cluster_start = np.concatenate(([0], np.cumsum(sizes)))
        self._cumulative = np.concatenate(([0.0], np.cumsum(self._popularity[self._by_cluster])))
        self._total = np.cumsum(self._popularity)
        self._successors = self._draw_successors(rng, successors)  # (N, S)
        strength = 0.5 ** np.arange(successors)
        self._strength = strength / strength.sum()  # (S,)

    def _draw_successors(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """For each item ``count`` different items of its cluster, itself left out."""
        chosen = np.empty((self.num_items, count), dtype=np.int64)
        for start, end in zip(self._cluster_start[:-1], self._cluster_start[1:], strict=True):
            members = self._by_cluster[start:end]
            size = len(members)
            # Distinct offsets 1 … size - 1 around the circle of members.
            steps = rng.random((size, size - 1)).argpartition(count - 1, axis=1)[:, :count] + 1
            chosen[members] = members[(np.arange(size)[:, None] + steps) % size]
        return chosen

    def load(self) -> Sequences:
        """Draw all histories, all users one step at a time."""
        rng = np.random.default_rng([self.seed, 1])
        extra = rng.geometric(1 / (self.mean_length - self.MIN_LENGTH + 1), self.num_users) - 1
        lengths = np.minimum(self.MIN_LENGTH + extra, self.max_length)
        order = np.argsort(-lengths, kind="stable")
        drawn = np.full((self.num_users, int(lengths.max())), -1, dtype=np.int64)
        ordered = lengths[order]
        for step in range(drawn.shape[1]):
            active = int(np.searchsorted(-ordered, -step, side="left"))  # lengths > step
            drawn[:active, step] = self._draw_new(rng, drawn[:active, :step])
        histories = np.empty_like(drawn)
        histories[order] = drawn
        kept = np.arange(drawn.shape[1]) < lengths[:, None]
        digest = hashlib.sha256(json.dumps(self._arguments, sort_keys=True).encode()).hexdigest()
        return Sequences(
            name="synthetic",
            items=histories[kept].astype(np.int32),
            offsets=np.concatenate(([0], np.cumsum(lengths))),
            item_ids=np.arange(1, self.num_items + 1),
            user_ids=np.arange(1, self.num_users + 1),
            fingerprint=f"synthetic-{digest}",
        )

    def _draw_new(self, rng: np.random.Generator, history: np.ndarray) -> np.ndarray:
        """One item each that is not in the history. Shape (n, length) to (n,)."""
        drawn: np.ndarray = self._draw(rng, history)
        while True:
            again = np.flatnonzero((history == drawn[:, None]).any(1))
            if not again.size:
                return drawn
            drawn[again] = self._draw(rng, history[again])

    def _draw(self, rng: np.random.Generator, history: np.ndarray) -> np.ndarray:
        """One item each from q, items of the history allowed. Shape (n, length) to (n,)."""
        count, length = history.shape
        everywhere: np.ndarray = np.searchsorted(
            self._total, rng.random(count) * self._total[-1], side="right"
        )
        everywhere = np.minimum(everywhere, self.num_items - 1)
        if length == 0:
            return everywhere
        last = history[:, -1]
        before = history[:, -2] if length > 1 else last
        strength = rng.choice(len(self._strength), size=count, p=self._strength)
        low, high = (self._cluster_start[self._cluster[last] + side] for side in (0, 1))
        level = self._cumulative[low] + rng.random(count) * (
            self._cumulative[high] - self._cumulative[low]
        )
        inside = np.clip(np.searchsorted(self._cumulative, level, side="right") - 1, low, high - 1)
        part = rng.choice(4, size=count, p=self.WEIGHTS)
        options = (
            self._successors[last, strength],
            self._successors[before, strength],
            self._by_cluster[inside],
            everywhere,
        )
        chosen: np.ndarray = np.choose(part, options)
        return chosen

    def probabilities(self, histories: list[np.ndarray]) -> np.ndarray:
        """True probabilities of the next item: the scores of the best possible ranking.

        Args:
            histories: item rows, oldest first; none empty.

        Returns:
            Shape (len(histories), N), float64; 0 for the items of the history.
        """
        result = np.empty((len(histories), self.num_items))
        near, far, cluster, everywhere = self.WEIGHTS
        for row, history in enumerate(histories):
            last = history[-1]
            before = history[-2] if len(history) > 1 else last
            q = everywhere * self._popularity
            own = self._cluster == self._cluster[last]
            q = q + cluster * np.where(own, self._popularity, 0.0) / self._popularity[own].sum()
            q[self._successors[last]] += near * self._strength
            q[self._successors[before]] += far * self._strength
            q[history] = 0.0
            result[row] = q / q.sum()
        return result
