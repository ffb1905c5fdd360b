"""Chain that synthetic histories follow: its tables, draws from it and its probabilities."""

import numpy as np

WEIGHTS = (0.45, 0.15, 0.25, 0.15)  # last, one before, cluster, everywhere


class Chain:
    """Draws the next item of many histories at once; see :mod:`uniseq.data.sources.synthetic`.

    Every draw inverts a distribution function that was accumulated once, and only that of the
    part of q which the draw falls into.

    Args:
        rng: draws clusters and successors.
        num_items: N.
        num_clusters: clusters of items, of equal size up to one item.
        successors: S, likely successors of each item.
        zipf: exponent of the popularity.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        num_items: int,
        num_clusters: int,
        successors: int,
        zipf: float,
    ) -> None:
        popularity = np.arange(1, num_items + 1, dtype=np.float64) ** -zipf
        self.popularity = popularity / popularity.sum()  # (N,), most popular item first
        self.cluster = (rng.permutation(num_items) % num_clusters).astype(np.int32)  # (N,)
        # Items cluster by cluster, with the popularity accumulated along them: one search in the
        # stretch of a cluster draws from it by popularity.
        self._members = np.argsort(self.cluster, kind="stable").astype(np.int32)  # (N,)
        sizes = np.bincount(self.cluster, minlength=num_clusters)
        self._begin = np.concatenate(([0], np.cumsum(sizes)))  # (clusters + 1,)
        self._within = np.concatenate(([0.0], np.cumsum(self.popularity[self._members])))
        self._total = np.cumsum(self.popularity)
        self.successors = self._draw_successors(rng, successors)  # (N, S)
        strength = 0.5 ** np.arange(successors)
        self._strength = strength / strength.sum()  # (S,)
        near, far, within, _ = WEIGHTS
        parts = [near * self._strength, far * self._strength, [within]]
        self._parts = np.cumsum(np.concatenate(parts))  # (2 S + 1,); what is beyond: everywhere

    def _draw_successors(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """For each item ``count`` different items of its cluster, itself left out. (N, count)."""
        begin = np.repeat(self._begin[:-1], np.diff(self._begin))
        size = np.repeat(np.diff(self._begin), np.diff(self._begin))
        # Distinct steps 1 … size - 1 around the circle of members. Each is drawn among those not
        # taken yet by its rank, which grows by one for each taken step that lies at or below it.
        steps = np.empty((count, len(begin)), dtype=np.int64)
        for number in range(count):
            step = rng.integers(1, size - number)
            for taken in np.sort(steps[:number], axis=0):
                step += step >= taken
            steps[number] = step
        places = begin + (np.arange(len(begin)) - begin + steps) % size
        chosen = np.empty((len(begin), count), dtype=np.int32)
        chosen[self._members] = self._members[places].T
        return chosen

    def histories(self, rng: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
        """Histories of the given lengths, end to end. Shape (B,) to (sum(lengths),), int32.

        All histories grow by one item at a time. Memory: B × the longest of them.
        """
        order = np.argsort(-lengths, kind="stable")
        growing = len(lengths) - np.searchsorted(lengths[order[::-1]], np.arange(lengths.max()) + 1)
        # Position by position, so that the histories that still grow lie side by side.
        drawn = np.empty((lengths.max(), len(lengths)), dtype=np.int32)
        for position, count in enumerate(growing):
            drawn[position, :count] = self._draw_new(rng, drawn[:position, :count])
        by_user = np.empty((len(lengths), len(drawn)), dtype=np.int32)
        by_user[order] = drawn.T
        items: np.ndarray = by_user[np.arange(len(drawn)) < lengths[:, None]]
        return items

    def _draw_new(self, rng: np.random.Generator, histories: np.ndarray) -> np.ndarray:
        """One item each that is not in the history. Shape (length, n) to (n,)."""
        drawn = self._draw(rng, histories)
        again = np.flatnonzero((histories == drawn).any(0))
        left = histories[:, again]  # (length, those that drew what they have)
        while again.size:
            drawn[again] = self._draw(rng, left)
            repeats = np.flatnonzero((left == drawn[again]).any(0))
            again, left = again[repeats], left[:, repeats]
        return drawn

    def _draw(self, rng: np.random.Generator, histories: np.ndarray) -> np.ndarray:
        """One item each from q, items of the history allowed. Shape (length, n) to (n,)."""
        length, count = histories.shape
        if length == 0:
            return self._draw_everywhere(rng, count)
        last, before = histories[-1], histories[max(length - 2, 0)]
        part = np.searchsorted(self._parts, rng.random(count), side="right")
        near = len(self._strength)
        given = np.where(part < near, last, before)
        drawn: np.ndarray = self.successors[given, part % near]  # right where a successor is drawn
        (cluster,) = np.nonzero(part == 2 * near)
        drawn[cluster] = self._draw_within(rng, self.cluster[last[cluster]])
        (everywhere,) = np.nonzero(part > 2 * near)
        drawn[everywhere] = self._draw_everywhere(rng, len(everywhere))
        return drawn

    def _draw_within(self, rng: np.random.Generator, clusters: np.ndarray) -> np.ndarray:
        """Items of clusters by popularity. Shape (n,) to (n,)."""
        first, end = self._begin[clusters], self._begin[clusters + 1]
        low, high = self._within[first], self._within[end]
        level = low + rng.random(len(clusters)) * (high - low)
        place = np.searchsorted(self._within, level, side="right") - 1
        items: np.ndarray = self._members[np.clip(place, first, end - 1)]
        return items

    def _draw_everywhere(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Items by popularity. Shape (count,), int32."""
        place = np.searchsorted(self._total, rng.random(count) * self._total[-1], side="right")
        items: np.ndarray = np.minimum(place, len(self._total) - 1).astype(np.int32)
        return items

    def probabilities(self, histories: list[np.ndarray]) -> np.ndarray:
        """True probabilities of the next item. Shape (len(histories), N), float64."""
        result = np.empty((len(histories), len(self.popularity)))
        near, far, within, everywhere = WEIGHTS
        for q, history in zip(result, histories, strict=True):
            last, before = history[-1], history[max(len(history) - 2, 0)]
            np.multiply(self.popularity, everywhere, out=q)
            own = self._members[slice(*self._begin[self.cluster[last] + np.arange(2)])]
            q[own] += within * self.popularity[own] / self.popularity[own].sum()
            q[self.successors[last]] += near * self._strength
            q[self.successors[before]] += far * self._strength
            q[history] = 0.0
            q /= q.sum()
        return result
