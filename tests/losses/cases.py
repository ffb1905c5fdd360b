"""Batches of triplets for the tests of the objectives."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from uniseq.losses import Loss, Triplets


def random_triplets(
    count: int,
    num_negatives: int,
    dim: int = 4,
    *,
    unit: bool = False,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> Triplets:
    """Triplets of normal vectors, or of uniform unit vectors."""
    generator = torch.Generator().manual_seed(seed)
    history, positive, negatives, items = (
        torch.randn(*shape, dim, dtype=torch.float64, generator=generator)
        for shape in [(count,), (count,), (count, num_negatives), (10,)]
    )
    if unit:
        history, positive, negatives = (
            x / x.norm(dim=-1, keepdim=True) for x in (history, positive, negatives)
        )
    return Triplets(
        history.to(dtype),
        positive.to(dtype),
        negatives.to(dtype),
        items.to(dtype),
        torch.randint(10, (count,), generator=generator),
        unit=unit,
    )


def vectors(triplets: Triplets) -> tuple[Tensor, Tensor, Tensor]:
    return triplets.history, triplets.positive, triplets.negatives


def objective_with_gradients(objective: Loss, triplets: Triplets) -> list[Tensor]:
    """The total and its gradients with respect to histories, positives and negatives."""
    leaves = [x.detach().clone().requires_grad_() for x in vectors(triplets)]
    total = objective(
        replace(triplets, history=leaves[0], positive=leaves[1], negatives=leaves[2])
    )[0]
    return _with_gradients(total, leaves)


def reference_with_gradients(
    reference: Callable[[Tensor, Tensor, Tensor], Tensor], triplets: Triplets
) -> list[Tensor]:
    """The same of a slow twin, in float64."""
    leaves = [x.detach().double().requires_grad_() for x in vectors(triplets)]
    return _with_gradients(reference(*leaves), leaves)


def _with_gradients(total: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    return [
        total.detach(),
        *(torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients, strict=True)),
    ]


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of the expected values (of 1 where that is 0)."""
    expected = expected.double()
    scale = float(expected.norm()) or 1.0
    return float((actual.double() - expected).norm()) / scale
