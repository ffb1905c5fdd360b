"""Gains: what one user's rank adds to a metric, whose value is the mean over users.

A metric by rank is a function of ranks and K that gives each user's gain, its name, and nothing
else: what lies below place K gains nothing, and is cut off here. It is written once, for NumPy
arrays and torch tensors alike; this file needs no torch, so that reports may read it.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from uniseq.errors import ConfigError, nearest


class Gain(Protocol):
    """What a metric by rank is: a function of ranks and k, or an object that is called like one.

    One's own is logged under its ``name``, or else under that of its class or function.
    """

    def __call__(self, ranks: Any, k: int, /) -> Any:
        """Each user's gain; what it gives for ranks below place K is not looked at.

        Args:
            ranks: of the targets, counted from 1, as float64. Shape (B,).
            k: length of the recommendation list.

        Returns:
            Gains, of the kind and shape of the ranks.
        """


def hit(ranks: Any, k: int) -> Any:
    """HR@K: 1 for a target among the first K. One item is relevant, so that Recall@K is the same.

    Recall is the share of a user's relevant items among the first K: of one item, all or none.
    """
    return _library(ranks).ones_like(ranks)


def discounted(ranks: Any, k: int) -> Any:
    """NDCG@K: 1 / log2(rank + 1) for a target among the first K (Järvelin & Kekäläinen 2002).

    With one relevant item the ideal gain is 1, so that DCG and NDCG are the same.
    """
    return 1.0 / _library(ranks).log2(ranks + 1.0)


def reciprocal(ranks: Any, k: int) -> Any:
    """MRR@K: 1 / rank for a target among the first K. One item is relevant: MAP@K is the same.

    Average precision is the mean over a user's relevant items of the precision at the place of
    each: of one item, 1 / rank.
    """
    return 1.0 / ranks


METRICS: dict[str, Gain] = {
    "HR": hit,
    "NDCG": discounted,
    "MRR": reciprocal,
    "Recall": hit,
    "MAP": reciprocal,
}
DEFAULT = ("HR", "NDCG", "MRR")


def gains_at(gain: Gain, ranks: Any, k: int, num_items: int | None = None) -> Any:
    """Each user's gain at K; the metric is their mean.

    Args:
        gain: of ranks within K.
        ranks: of the targets, counted from 1; a missed target's is below every item. A NumPy array
            or a torch tensor. Shape (B,).
        k: length of the recommendation list.
        num_items: N, which no list is longer than: rank N + 1 is a miss at every K. None where K is
            known to be within the catalogue.

    Returns:
        The same kind of array, float64. Shape (B,).

    Raises:
        ConfigError: when the gains are not of the shape of the ranks.
    """
    library = _library(ranks)
    found = gain(library.asarray(ranks, dtype=library.float64), k)
    if getattr(found, "shape", None) != ranks.shape:
        shape = getattr(found, "shape", type(found).__name__)
        raise ConfigError(
            "ranking.metrics",
            f"{name_of(gain)} must give a gain for each rank, of shape {tuple(ranks.shape)}, not "
            f"{shape if isinstance(shape, str) else tuple(shape)}",
        )
    last = k if num_items is None else min(k, num_items)
    return library.where(ranks <= last, library.asarray(found, dtype=library.float64), 0.0)


def by_name(metrics: Sequence[str | Gain]) -> dict[str, Gain]:
    """Gains by the names under which they are logged.

    Args:
        metrics: names in ``METRICS``, or gains of one's own: functions, partial calls of them, or
            objects that are called like one.

    Raises:
        ConfigError: for an unknown name, what cannot be called, or one name for two metrics.
    """
    if not metrics:
        raise ConfigError("metrics", f"is empty; choose from {', '.join(METRICS)}")
    gains: dict[str, Gain] = {}
    for number, metric in enumerate(metrics):
        key = f"metrics[{number}]"
        if isinstance(metric, str):
            if metric not in METRICS:
                raise ConfigError(key, f"there is no metric {metric!r}{nearest(metric, METRICS)}")
            name, gain = metric, METRICS[metric]
        else:
            name, gain = name_of(metric), metric
            _check_own(key, name, gain)
        if name in gains:
            raise ConfigError(key, f"{name} is measured twice; take one of them away")
        gains[name] = gain
    return gains


def name_of(gain: Gain) -> str:
    """The ``name`` of a gain of one's own; else that of its function or class."""
    inner = getattr(gain, "func", gain)  # of a partial call the function
    named = getattr(inner, "name", None) or getattr(inner, "__name__", None)
    return str(named or type(inner).__name__)


def check_monitor(monitor: str, metrics: Iterable[str], ks: Iterable[int]) -> None:
    """Refuse to watch what is not measured.

    Args:
        monitor: the watched figure, such as ``NDCG@10``.
        metrics: the names of those measured.
        ks: cut-offs.

    Raises:
        ConfigError: naming the nearest figure that is measured.
    """
    names = list(metrics)
    measured = [f"{name}@{k}" for k in ks for name in names]
    if monitor not in measured:
        raise ConfigError(
            "monitor", f"{monitor!r} is not measured{nearest(str(monitor), measured)}"
        )


def _check_own(key: str, name: str, gain: Any) -> None:
    if not callable(gain):
        raise ConfigError(key, f"{name} must be a call of ranks and k that gives gains")
    if name in METRICS:
        raise ConfigError(key, f"{name} is the name of another metric; give yours a `name`")
    if not name.replace("-", "_").isidentifier():  # such as HR@10, which is taken apart at the @
        raise ConfigError(key, f"its name {name!r} must be of letters, digits, - and _ alone")


def _library(array: Any) -> Any:
    """NumPy or torch, whichever the array is of and so has been loaded."""
    return sys.modules[type(array).__module__.partition(".")[0]]
