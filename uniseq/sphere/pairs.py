"""Cosines of all pairs of a set of vectors, block by block."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from uniseq.precision import at_least_float32, without_autocast

# Bins that are kept, over [-1, 1], and how many finer ones the deciles are read from in each. Both
# odd, so that the cosine of orthogonal vectors lies in the middle of a bin and not on an edge,
# where rounding would decide.
BINS = 201
FINER = 99
# Vectors on each side of a block: a block of cosines stays in a CPU's cache.
CHUNK = 512
# Where torch.nn.functional.normalize stops making unit vectors.
SMALLEST_NORM = 1e-12


@dataclass(frozen=True, slots=True)
class Histogram:
    """Pairs by their cosine.

    Args:
        low: where the first bin begins.
        high: where the last bin ends; it includes its end.
        counts: pairs in each bin; all are equally wide.
    """

    low: int
    high: int
    counts: list[int]


@dataclass(frozen=True, slots=True)
class PairStatistics:
    """The n(n - 1)/2 pairs of n distinct vectors, each as unit vectors.

    Args:
        vectors: n, the vectors that have a direction.
        mean: of the cosines.
        std: of the cosines, over all pairs (divided by their number).
        deciles: the cosines below which 10 %, 20 %, … 90 % of the pairs lie, interpolated within
            bins of width 1.01e-4.
        histogram: of the cosines, in 201 bins.
        uniformity: log of the mean of exp(-t·‖x - y‖²); 0 when all vectors are the same, lower
            when they are spread more evenly.
    """

    vectors: int
    mean: float
    std: float
    deciles: list[float]
    histogram: Histogram
    uniformity: float


@torch.no_grad()
def pair_statistics(vectors: Tensor, t: float = 2.0, chunk: int = CHUNK) -> PairStatistics | None:
    """Distribution of the cosines and uniformity of Wang & Isola (2020), section 4.1.

        uniformity = log( 2 / (n(n - 1)) · Σ_{a<b} exp(-t·‖x_a - x_b‖²) ),  x of unit norm

    Only pairs of distinct vectors count. Vectors without a direction, see :func:`directions`, are
    left out. Mean and standard deviation are exact, from sums over vectors.

    Args:
        vectors: of any norm, finite. Shape (n, d).
        t: width of the potential.
        chunk: vectors on each side of a block; changes nothing but time and memory.

    Returns:
        None when fewer than two vectors have a direction: there is no pair.
    """
    x = directions(vectors)  # (n, d)
    n = len(x)
    if n < 2:
        return None
    fine = BINS * FINER
    counts = torch.zeros(fine, dtype=torch.long, device=x.device)
    potential = torch.zeros((), dtype=torch.float64, device=x.device)
    with without_autocast(x):
        for first in range(0, n, chunk):
            rows = x[first : first + chunk]
            for start in range(first, n, chunk):
                cosines = (rows @ x[start : start + chunk].T).clamp_(-1.0, 1.0)  # (≤ chunk, chunk)
                if start == first:
                    size = len(rows)
                    a, b = torch.triu_indices(size, size, offset=1, device=x.device)
                    cosines = cosines[a, b][None]  # (1, size·(size - 1)/2)
                bins = ((cosines + 1) * (fine / 2)).long().clamp_(max=fine - 1)
                counts += torch.bincount(bins.flatten(), minlength=fine)
                # ‖x - y‖² = 2 - 2·cosine; rows in their own precision, their sums in float64.
                potential += cosines.sub_(1).mul_(2 * t).exp_().sum(-1).double().sum()
    mean, square = _moments(x.double())
    return PairStatistics(
        vectors=n,
        mean=mean,
        std=math.sqrt(max(square - mean * mean, 0.0)),
        deciles=_quantiles(counts, [tenth / 10 for tenth in range(1, 10)]),
        histogram=Histogram(-1, 1, counts.view(BINS, FINER).sum(1).tolist()),
        uniformity=math.log(float(potential) / (n * (n - 1) / 2)),
    )


@torch.no_grad()
def alignment(x: Tensor, y: Tensor, alpha: float = 2.0) -> float | None:
    """Mean of ‖x_a - y_a‖^α over pairs of unit vectors, Wang & Isola (2020), section 4.1.

    Args:
        x: one vector of each positive pair, of any norm. Shape (n, d).
        y: the other. Shape (n, d).
        alpha: the exponent.

    Returns:
        Between 0, each pair the same direction, and 2^α. None when no pair is left: a pair with a
        vector that has no direction is left out.
    """
    kept = _has_direction(x) & _has_direction(y)
    if not kept.any():
        return None
    difference = directions(x[kept].double()) - directions(y[kept].double())  # (n, d)
    return float(difference.norm(dim=-1).pow(alpha).mean())


def directions(vectors: Tensor) -> Tensor:
    """The vectors divided by their norms, without those of norm 1e-12 or less. Shape (≤ n, d)."""
    kept = vectors[_has_direction(vectors)].double()
    unit: Tensor = kept / kept.norm(dim=-1, keepdim=True)
    return unit.to(at_least_float32(vectors).dtype)


def _has_direction(vectors: Tensor) -> Tensor:
    norms: Tensor = vectors.double().norm(dim=-1)
    return norms > SMALLEST_NORM


def _moments(x: Tensor) -> tuple[float, float]:
    """Mean of the cosines and of their squares over pairs a ≠ b, without forming the pairs.

    Σ_{a,b} x_a·x_b = ‖Σ_a x_a‖² and Σ_{a,b} (x_a·x_b)² = ‖Σ_a x_a x_aᵀ‖², less the pairs a = b.
    """
    norms = x.square().sum(-1)  # (n,), 1 up to rounding
    pairs = len(x) * (len(x) - 1)
    first = x.sum(0).square().sum() - norms.sum()
    second = (x.T @ x).square().sum() - norms.square().sum()
    return float(first) / pairs, float(second) / pairs


def _quantiles(counts: Tensor, shares: list[float]) -> list[float]:
    """Values below which the shares of the counted lie, linear within a bin of [-1, 1]."""
    ends = counts.cumsum(0)
    wanted = torch.tensor(shares, dtype=torch.float64, device=counts.device) * int(ends[-1])
    # The first bin up to whose end there is enough; its count cannot be zero.
    bins = torch.searchsorted(ends.double(), wanted)
    inside = (wanted - (ends - counts)[bins]) / counts[bins]
    return ((bins + inside) * (2 / len(counts)) - 1).tolist()
