"""Significance: whether a difference of two rankings of the same users is more than chance.

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
from math import nan

import numpy as np
from numpy.typing import NDArray

from uniseq.errors import DataError
from uniseq.ranking.gains import METRICS, gains_at

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over users.

    Args:
        mean: ours less the other's.
        low: lower end of the 95 % confidence interval; not a number where nothing was tested.
        high: its upper end; likewise.
        p: two-sided; likewise.
        test: its name, or why there is none.
    """

    mean: float
    low: float
    high: float
    p: float
    test: str


def has_gains(metric: str) -> bool:
    """Whether a metric, such as ``HR@10``, can be told from ranks here; one's own cannot."""
    return metric.partition("@")[0] in METRICS


def untested(ours: float, other: float) -> Difference:
    """The difference of two means of a metric of one's own, of whose users nothing is known."""
    return Difference(ours - other, nan, nan, nan, "none: one's own metric")


def gains(
    ranks: NDArray[np.int32], metric: str, num_items: int | None = None
) -> NDArray[np.float64]:
    """Each user's share in a metric: what the mean over users is the metric of.

    Args:
        ranks: of the targets, counted from 1; a missed target's is below every item. Shape (B,).
        metric: such as ``HR@10``.
        num_items: of the catalogue; None where K is known to be within it.

    Raises:
        DataError: for a metric of one's own, of which a record keeps the means alone.
    """
    name, _, k = metric.partition("@")
    if not has_gains(metric):
        raise DataError(
            metric, "a metric of one's own has no gains by user in a record: it cannot be tested"
        )
    found: NDArray[np.float64] = gains_at(METRICS[name], ranks, int(k), num_items)
    return found


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
