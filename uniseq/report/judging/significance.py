"""Whether a difference between two rankings of the same users is more than chance.

The unit is the test user. NDCG differs by user in many values: a paired t-test of the mean
difference, which is what the tables show; with thousands of users the mean is as good as normal.
A hit is yes or no: with one run on either side the exact McNemar test, a binomial test of the
users that one run hits and the other does not. Averaged over several seeds a user's hit is a
share, which McNemar's test cannot take and a sign test would reduce to its sign, so that the
t-test serves there too. Confidence intervals are those of the mean difference (Student's t).

The users are what varies here, not the seeds: a small p says that other users of this kind would
see the same difference between these very models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over users.

    Args:
        mean: ours less the other's.
        low: lower end of the 95 % confidence interval.
        high: its upper end.
        p: two-sided.
        test: its name.
    """

    mean: float
    low: float
    high: float
    p: float
    test: str


def gains(ranks: NDArray[np.int32], metric: str) -> NDArray[np.float64]:
    """Each user's share in a metric: what the mean over users is the metric of.

    Args:
        ranks: of the targets, counted from 1; a missed target's is below every item. Shape (B,).
        metric: ``HR@K``, ``NDCG@K`` or ``MRR@K``.

    Raises:
        ValueError: for another metric.
    """
    name, _, k = metric.partition("@")
    within = ranks <= int(k)
    if name == "HR":
        return within.astype(np.float64)
    if name == "NDCG":
        return np.where(within, 1 / np.log2(ranks + 1.0), 0.0)
    if name == "MRR":
        return np.where(within, 1 / ranks, 0.0)
    raise ValueError(f"no gain by user is known for {metric}")


def compare(ours: NDArray[np.float64], other: NDArray[np.float64]) -> Difference:
    """The difference of two gains by user, tested.

    Args:
        ours: gains of each user, averaged over seeds. Shape (B,).
        other: the same of the other model. Shape (B,).
    """
    from scipy import stats  # slow to load

    difference = ours - other
    average = float(difference.mean())
    if not difference.any():
        return Difference(0.0, 0.0, 0.0, 1.0, "none: the same for each user")
    paired = stats.ttest_1samp(difference, 0.0)
    interval = paired.confidence_interval(CONFIDENCE)
    p, test = float(paired.pvalue), "paired t"
    if np.isin(ours, (0, 1)).all() and np.isin(other, (0, 1)).all():
        ours_alone, other_alone = int((difference > 0).sum()), int((difference < 0).sum())
        p = float(stats.binomtest(ours_alone, ours_alone + other_alone).pvalue)
        test = "exact McNemar"
    return Difference(average, float(interval.low), float(interval.high), p, test)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979): p-values that may be compared with α one by one.

    The i-th smallest of m is multiplied by m - i + 1; none becomes smaller than one before it,
    nor larger than 1.
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, highest = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[i]))
        adjusted[i] = highest
    return adjusted
